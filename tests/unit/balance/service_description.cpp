// Part of muster. Boost Software License 1.0, see LICENSE.
#include "balance/service_description.hpp"

#include <muster/balancer.hpp>

#include "balance/channel.hpp"
#include "fixtures.hpp"
#include "unit/registry/sim_registry.hpp"

#include <boost/json/parse.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <thread>
#include <vector>

using namespace muster::balance;
using namespace muster::balance::test;
using muster::condition;
using muster::failure_class;
using muster::health_params;
using muster::instance_description;
using muster::lease;
using muster::pool;
using muster::service_description;
using std::chrono::milliseconds;
using std::chrono::seconds;
namespace json = boost::json;

namespace {

struct service {
    explicit service(std::vector<sighting> seen, const health_params& h = {})
        : shared(std::make_shared<service_state>(clock, h)), members(remember, shared) {
        show(std::move(seen));
    }
    void show(std::vector<sighting> seen) {
        members.apply(std::move(seen), clock->at);
        auto next = std::make_shared<exhibit>();
        next->known = true;
        next->stale = false;
        next->nodes = members.nodes();
        for (const auto& n : next->nodes) append_with_predecessors(next->predecessors, n);
        shown = std::move(next);
    }
    service_description describe() const { return muster::balance::describe("svc", *shown, clock->at); }
    instance_description of(std::size_t i) const { return describe().instances.at(i); }
    node& at(std::size_t i) { return *members.nodes().at(i); }

    std::shared_ptr<hand_clock> clock = std::make_shared<hand_clock>();
    service_state_ptr shared;
    listed_membership members;
    exhibit_ptr shown;
};

const muster::pool_description& pool_of(const service_description& d, pool p) {
    return *std::find_if(d.pools.begin(), d.pools.end(), [p](const auto& each) { return each.pool == p; });
}

}    // namespace

TEST_CASE("a description says who is there, and in which pool") {
    muster::instance full = numbered(0, 100'000);
    full.password = "sesame";
    full.state = "warm";
    muster::instance coded = numbered(1);
    coded.unique_code = "code";
    const service s({normal(full, 3), master(coded, 4)});
    const auto d = s.describe();
    CHECK(d.service == "svc");
    CHECK(d.known);
    CHECK_FALSE(d.stale);
    CHECK(d.age.count() == 0);
    REQUIRE(d.instances.size() == 2);
    const auto& i = d.instances[0];
    CHECK(i.identity == "10.0.0.0:8000");
    CHECK(i.address == "10.0.0.0:8000");
    CHECK(i.instance.state == "warm");
    CHECK(i.instance.password.empty());
    CHECK(i.weight == 65535);
    CHECK(i.role == muster::role::normal);
    CHECK(i.path == "/micro-service/svc/normal3");
    CHECK(i.czxid == 3);
    CHECK(i.condition == condition::healthy);
    CHECK(d.instances[1].identity == "code");
    CHECK(d.instances[1].role == muster::role::master);
    CHECK(pool_of(d, pool::all).instances == 2);
    CHECK(pool_of(d, pool::normals).instances == 1);
    CHECK(pool_of(d, pool::master).instances == 1);
    CHECK(pool_of(d, pool::normals_then_master).instances == 1);
    CHECK(pool_of(d, pool::all).healthy == 2);
}

TEST_CASE("who drains is in no pool while others are") {
    muster::instance drains = numbered(0);
    drains.state = "draining";
    const auto d = service({normal(drains, 3), normal(numbered(1), 4), master(numbered(2), 5)}).describe();
    CHECK(d.instances.size() == 3);
    CHECK(pool_of(d, pool::all).instances == 2);
    CHECK(pool_of(d, pool::normals).instances == 1);
    CHECK(pool_of(service({normal(drains, 3)}).describe(), pool::all).instances == 1);
}

TEST_CASE("every way in which a lease ends is counted, once, and picks are their sum") {
    service s(normals(2));
    const lease open = node::lend(s.at(0));
    for (int i = 0; i < 2; ++i) node::lend(s.at(0)).success();
    node::lend(s.at(0)).failure(failure_class::unreachable);
    for (int i = 0; i < 2; ++i) node::lend(s.at(0)).failure(failure_class::failed);
    for (int i = 0; i < 3; ++i) node::lend(s.at(0)).failure(failure_class::overloaded);
    for (int i = 0; i < 4; ++i) node::lend(s.at(0)).canceled();
    node::lend(s.at(0)).failure(failure_class::cancelled);
    for (int i = 0; i < 6; ++i) node::lend(s.at(0));
    lease once = node::lend(s.at(0));
    once.success();
    once.failure(failure_class::failed);
    once.canceled();
    const auto i = s.of(0);
    CHECK(i.open == 1);
    CHECK(i.successes == 3);
    CHECK(i.unreachable == 1);
    CHECK(i.failed == 2);
    CHECK(i.overloaded == 3);
    CHECK(i.canceled == 5);
    CHECK(i.abandoned == 6);
    CHECK(i.picks == 21);
    CHECK(i.failures_in_row == 0);
    CHECK(s.of(1).picks == 0);
}

TEST_CASE("counts and open leases survive an update and promotion") {
    service s({normal(numbered(0), 1), normal(numbered(1), 2)});
    const lease open = node::lend(s.at(0));
    node::lend(s.at(0)).success();
    s.show({master(numbered(0, 5), 9), normal(numbered(1), 2)});
    CHECK(s.of(0).role == muster::role::master);
    CHECK(s.of(0).open == 1);
    CHECK(s.of(0).picks == 2);
    CHECK(s.of(0).weight == 5);
}

TEST_CASE("latency") {
    service s(normals(1));
    CHECK(s.of(0).latency.count() == 0);
    lease l = node::lend(s.at(0), loan::taken_at(s.clock->ticks()));
    s.clock->at += milliseconds(40);
    l.success();
    CHECK(s.of(0).latency > milliseconds(39));
    CHECK(s.of(0).latency < milliseconds(41));
}

TEST_CASE("conditions, as picks would find them now") {
    health_params h;
    h.slow_start = seconds(30);
    service s(normals(3), h);
    for (int i = 0; i < 5; ++i) node::lend(s.at(1)).failure(failure_class::failed);
    CHECK(s.of(1).condition == condition::ejected);
    CHECK(s.of(1).ejected_for == seconds(10));
    CHECK(s.of(1).ejections == 1);
    CHECK(s.of(1).failures_in_row == 5);
    CHECK(pool_of(s.describe(), pool::all).healthy == 2);
    s.clock->at += seconds(4);
    CHECK(s.of(1).ejected_for == seconds(6));
    s.clock->at += seconds(6);
    CHECK(s.of(1).condition == condition::on_trial);    // also before the pick that begins it
    CHECK(s.of(1).ejected_for.count() == 0);
    CHECK(pool_of(s.describe(), pool::all).healthy == 2);
    CHECK(s.at(1).state->standing == standing::ejected);    // describing it has not changed it

    s.show(normals(4));
    CHECK(s.of(3).condition == condition::slow_start);
    CHECK(pool_of(s.describe(), pool::all).healthy == 3);
    s.clock->at += seconds(30);
    CHECK(s.of(3).condition == condition::healthy);

    health_params r;
    r.recovery_instances = 3;
    service gone(normals(3), r);
    gone.show({});
    gone.show(normals(1));
    CHECK(gone.of(0).condition == condition::recovering);
}

TEST_CASE("the age of a stale view") {
    service s(normals(1));
    auto stale = std::make_shared<exhibit>(*s.shown);
    stale->stale = true;
    stale->since = s.clock->at - seconds(7);
    s.shown = stale;
    CHECK(s.describe().stale);
    CHECK(s.describe().age == seconds(7));
}

TEST_CASE("as JSON") {
    muster::instance i = numbered(0, 3);
    i.password = "sesame";
    i.zone = "a";
    service s({normal(i, 7)});
    node::lend(s.at(0)).failure(failure_class::overloaded);
    const std::string text = to_json(s.describe());
    CHECK(text.find("sesame") == std::string::npos);
    CHECK(
        text ==
        R"({"service":"svc","known":true,"stale":false,"age_ms":0,"pools":{"normals_then_master":{"instances":1,"healthy":1},)"
        R"("normals":{"instances":1,"healthy":1},"all":{"instances":1,"healthy":1},"master":{"instances":0,"healthy":0}},)"
        R"("instances":[{"serverip":"10.0.0.0","serverport":8000,"username":"","serveruniquecode":"","weight":3,"zone":"a",)"
        R"("identity":"10.0.0.0:8000","address":"10.0.0.0:8000","role":"normal","path":"/micro-service/svc/normal7",)"
        R"("czxid":7,"condition":"healthy","ejected_for_ms":0,"ejections":0,"failures_in_row":1,"held_back":false,"open":0,"latency_us":0,)"
        R"("picks":1,"successes":0,"failures":{"unreachable":0,"failed":0,"overloaded":1},"canceled":0,"abandoned":0}],)"
        R"("rejected":0})");
}

TEST_CASE("conditions have names") {
    std::string names;
    for (const condition c :
         {condition::healthy, condition::ejected, condition::on_trial, condition::slow_start, condition::recovering})
        names += std::string(to_string(c)) + ' ';
    CHECK(names == "healthy ejected on_trial slow_start recovering ");
}

TEST_CASE("a balancer describes a service from any thread, while others pick from it") {
    using namespace muster::test;
    simulation sim;
    sim_registry registry(sim);
    for (const char* path : {"/micro-service", "/micro-service/s"}) registry.tree.put(path, "");
    registry.tree.put("/micro-service/s/master", R"({"serverip":"10.1.1.1","serverport":80})");
    registry.tree.put("/micro-service/s/odd", "");
    muster::balancer lb(make_client(sim.io.get_executor(), config_for_tests(), sim.world));
    CHECK_FALSE(lb.describe("s").value().known);
    CHECK(lb.describe("a/b").error().code == muster::registry_errc::invalid_name);
    registry.serve();
    sim.run_for(50ms);
    registry.serve();
    CHECK(lb.describe("s").value().rejected == 1);

    muster::picker p = lb.picker("s").value();
    std::thread picks([&p] {
        for (int i = 0; i < 10'000; ++i) p.try_pick().success();
    });
    std::uint64_t seen = 0;
    do {
        const auto d = lb.describe("s").value();
        CHECK(d.instances.at(0).successes >= seen);
        seen = d.instances.at(0).successes;
        CHECK(d.instances.at(0).open <= 1);
    } while (seen < 10'000);
    picks.join();
    CHECK(lb.describe("s").value().instances.at(0).picks == 10'000);
}
