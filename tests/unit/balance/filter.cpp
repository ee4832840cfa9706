// Part of muster. Boost Software License 1.0, see LICENSE.
#include <muster/filter.hpp>

#include <muster/balancer.hpp>

#include "balance/channel.hpp"
#include "bench/allocations.hpp"
#include "fixtures.hpp"
#include "unit/registry/sim_registry.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

using namespace muster::balance;
using namespace muster::balance::test;
using muster::error_code;
using muster::failure_class;
using muster::filter;
using muster::filter_chain;
using muster::lease;
using muster::policy;
using muster::pool;
using muster::registry_errc;
using muster::tried_set;

namespace {

muster::instance in_zone(std::size_t i, std::string zone, std::string version = {}) {
    muster::instance r = numbered(i);
    r.zone = std::move(zone);
    if (!version.empty()) r.metadata["version"] = std::move(version);
    return r;
}

struct service : published {
    service(std::vector<sighting> seen, filter_chain f, pool q = pool::all, policy p = policy::roundrobin)
        : what{p, q, {}, std::move(f)} {
        show(std::move(seen));
        picker.emplace(pub.get(what));
    }
    std::string picked(const tried_set& tried = {}, std::string_view key = "key") {
        lease l = tried.empty() ? picker->pick(key, last) : picker->pick(key, tried, last);
        l.canceled();
        return l ? l->identity() : last.message();
    }
    std::set<std::string> reached(int picks = 200) {
        std::set<std::string> r;
        for (int i = 0; i < picks; ++i) r.insert(picked({}, "key " + std::to_string(i)));
        return r;
    }

    selection what;
    std::optional<hot_picker> picker;
    error_code last;
};

std::set<std::string> names(std::initializer_list<std::size_t> which) {
    std::set<std::string> r;
    for (const std::size_t i : which) r.insert(numbered(i).identity());
    return r;
}

// Two in zone a, two in b, one in none.
std::vector<sighting> five() {
    return {normal(in_zone(0, "a", "1"), 1), normal(in_zone(1, "a", "2"), 2), normal(in_zone(2, "b", "1"), 3),
            normal(in_zone(3, "b", "2"), 4), normal(numbered(4), 5)};
}

}    // namespace

TEST_CASE("a filter matches what has all that it asks for") {
    const muster::instance a1 = in_zone(0, "a", "1"), none = numbered(4);
    CHECK(filter().matches(a1));
    CHECK(filter().matches(none));
    CHECK(filter().zone("a").matches(a1));
    CHECK_FALSE(filter().zone("b").matches(a1));
    CHECK_FALSE(filter().zone("a").matches(none));
    CHECK(filter().zone("").matches(none));
    CHECK_FALSE(filter().without_zone("a").matches(a1));
    CHECK(filter().without_zone("a").matches(none));
    CHECK(filter().metadata("version", "1").matches(a1));
    CHECK_FALSE(filter().metadata("version", "2").matches(a1));
    CHECK_FALSE(filter().metadata("version", "1").matches(none));
    CHECK_FALSE(filter().without_metadata("version", "1").matches(a1));
    CHECK(filter().without_metadata("version", "2").matches(a1));
    CHECK(filter().without_metadata("version", "1").matches(none));
    CHECK(filter().zone("a").metadata("version", "1").matches(a1));
    CHECK_FALSE(filter().zone("a").metadata("version", "2").matches(a1));
    CHECK_FALSE(filter().zone("b").metadata("version", "1").matches(a1));
}

TEST_CASE("picks go to those that match, under every policy") {
    for (const policy p : muster::all_policies()) {
        CAPTURE(muster::to_string(p));
        CHECK(service(five(), {filter().zone("a")}, pool::all, p).reached() == names({0, 1}));
        CHECK(service(five(), {filter().without_zone("a").without_metadata("version", "2")}, pool::all, p).reached() ==
              names({2, 4}));
    }
}

TEST_CASE("the first filter that matches somebody has all picks") {
    CHECK(service(five(), {filter().zone("c"), filter().zone("b"), filter()}).reached() == names({2, 3}));
    CHECK(service(five(), {filter().zone("c"), filter()}).reached() == names({0, 1, 2, 3, 4}));
    CHECK(service(five(), {filter().zone("c")}).picked() == make_error_code(registry_errc::no_instances).message());
}

TEST_CASE("the next filter has its turn when all of one are ejected, and until one is back") {
    for (const policy p : muster::all_policies()) {
        CAPTURE(muster::to_string(p));
        service s(five(), {filter().zone("a"), filter().zone("b"), filter()}, pool::all, p);
        s.eject(0);
        CHECK(s.reached() == names({1}));
        s.eject(1);
        CHECK(s.reached() == names({2, 3}));
        s.clock->at += std::chrono::seconds(11);
        for (int i = 0; i < 200 && s.members.nodes()[0]->state->standing != standing::trial; ++i)
            s.picked({}, "key " + std::to_string(i));
        for (int i = 0; i < 3; ++i) s.lend(0).success();
        const auto back = s.reached();    // 1 is on trial still
        CHECK(back.count(numbered(0).identity()) == 1);
        CHECK(back.count(numbered(2).identity()) + back.count(numbered(3).identity()) == 0);
    }
}

TEST_CASE("a retry goes on to the next filter") {
    service s(five(), {filter().zone("a").metadata("version", "2"), filter().zone("b").metadata("version", "2")});
    tried_set tried;
    lease l = s.picker->pick("", tried, s.last);
    CHECK(l->identity() == numbered(1).identity());
    tried.insert(l);
    l = s.picker->pick("", tried, s.last);
    CHECK(l->identity() == numbered(3).identity());
    CHECK_FALSE(l.last_chance());
    tried.insert(l);
    l = s.picker->pick("", tried, s.last);
    CHECK(l->identity() == numbered(1).identity());
    CHECK(l.last_chance());
}

TEST_CASE("a retry takes another one of the filter, though all of them are ejected") {
    service s(five(), {filter().zone("a")}, pool::all, policy::urlhash);
    s.eject(0);
    s.eject(1);
    tried_set tried;
    const lease first = s.picker->pick("key", tried, s.last);
    tried.insert(first);
    const lease second = s.picker->pick("key", tried, s.last);
    CHECK(second->identity() != first->identity());
    CHECK_FALSE(second.last_chance());
    tried.insert(second);
    CHECK(s.picker->pick("key", tried, s.last).last_chance());
}

TEST_CASE("the bound of boundedhash goes by the instances that match") {
    service a(five(), {filter().zone("a")}, pool::all, policy::boundedhash);
    hot_picker b(a.pub.get({policy::boundedhash, pool::all, {}, {filter().zone("b")}}));
    std::vector<lease> out;
    for (int i = 0; i < 400; ++i) out.push_back(b.pick("key " + std::to_string(i), a.last));
    std::map<std::string, int> counts;
    for (int i = 0; i < 100; ++i) {
        out.push_back(a.picker->pick("hot", a.last));
        ++counts[out.back()->identity()];
    }
    for (const auto& [who, open] : counts) CHECK(open <= 63);    // 1.25 times 50
}

TEST_CASE("within a filter the pool is kept") {
    const std::vector<sighting> seen{normal(in_zone(0, "a"), 1), master(in_zone(1, "a"), 2), normal(in_zone(2, "b"), 3)};
    CHECK(service(seen, {filter().zone("a")}, pool::normals).reached() == names({0}));
    CHECK(service(seen, {filter().zone("a")}, pool::master).reached() == names({1}));
    service s(seen, {filter().zone("a"), filter()}, pool::normals_then_master);
    CHECK(s.reached() == names({0}));
    s.eject(0);
    CHECK(s.reached() == names({1}));    // its own zone's master before the normals of others
}

TEST_CASE("filters follow what instances publish") {
    service s(five(), {filter().metadata("version", "2")});
    CHECK(s.reached() == names({1, 3}));
    auto seen = five();
    seen[0] = normal(in_zone(0, "a", "2"), 1);
    seen[3] = normal(in_zone(3, "b", "1"), 4);
    s.show(std::move(seen));
    CHECK(s.reached() == names({0, 1}));
}

TEST_CASE("equal filters share their tables, also if they were made anew") {
    service s(five(), {filter().zone("a"), filter()});
    CHECK(s.pub.get({policy::roundrobin, pool::all, {}, {filter().zone("a"), filter()}}) == s.picker->source());
    CHECK(s.pub.get({policy::roundrobin, pool::all, {}, {filter().zone("a")}}) != s.picker->source());
    CHECK(s.pub.get({policy::roundrobin, pool::all, {}, {filter().zone("a"), filter().zone("b")}}) != s.picker->source());
    CHECK(s.pub.get({policy::random, pool::all, {}, {filter().zone("a"), filter()}}) != s.picker->source());
}

TEST_CASE("tables of a filter are kept while nobody whom it matches changes") {
    service s(five(), {filter().zone("a")});
    const auto version = s.picker->source()->version();
    auto seen = five();
    seen.pop_back();
    s.show(seen);
    CHECK(s.picker->source()->version() == version);
    seen.front() = normal(in_zone(0, "a", "9"), 1);
    s.show(seen);
    CHECK(s.picker->source()->version() != version);
}

TEST_CASE("a pick by filters does not allocate") {
    service s(five(), {filter().zone("a"), filter().zone("b")});
    s.eject(0);
    s.eject(1);
    s.picked();
    const auto before = muster::bench::allocations_of_this_thread();
    for (int i = 0; i < 1000; ++i) s.picker->pick("key", s.last).success();
    CHECK(muster::bench::allocations_of_this_thread() == before);
}

namespace {

/// A balancer that knows "s": four normals, two of zone a and two of b, and a master of b.
struct scene {
    explicit scene(muster::balancer_params p, int other_randomness = 0)
        : registry(sim),
          lb(muster::test::make_client(sim.io.get_executor(), muster::test::config_for_tests(), sim.world), std::move(p)) {
        for (const char* path : {"/micro-service", "/micro-service/s"}) registry.tree.put(path, "");
        for (int i = 0; i < 4; ++i)
            registry.tree.put(
                "/micro-service/s/normal000000000" + std::to_string(i),
                R"({"serverip":"n)" + std::to_string(i) + R"(","serverport":80,"zone":")" + (i < 2 ? "a" : "b") + "\"}");
        registry.tree.put("/micro-service/s/master", R"({"serverip":"m","serverport":80,"zone":"b"})");
        for (int i = 0; i < other_randomness; ++i) sim.world->random();
        CHECK(lb.try_pick("s").error().code == registry_errc::unknown_service);
        settle();
    }
    /// Lets what was asked be answered, and changes that are gathered be shown.
    void settle() {
        registry.serve();
        sim.run_for(std::chrono::milliseconds(50));
        registry.serve();
        sim.run_ready();
    }
    std::set<std::string> reached(const muster::pick_options& o = {}) {
        std::set<std::string> r;
        for (int i = 0; i < 100; ++i) r.insert((*lb.try_pick("s", o))->ip);
        return r;
    }

    muster::test::simulation sim;
    muster::test::sim_registry registry;
    muster::balancer lb;
};

}    // namespace

TEST_CASE("a balancer has filters of its own, for picks that name none") {
    using strings = std::set<std::string>;
    muster::balancer_params params;
    params.filters = {filter().zone("a")};
    scene s(std::move(params));
    CHECK(s.reached() == strings{"n0", "n1"});
    muster::pick_options o;
    o.filters = {filter().zone("b")};
    CHECK(s.reached(o) == strings{"n2", "n3"});
    o.filters = {filter()};
    CHECK(s.reached(o) == strings{"n0", "n1", "n2", "n3"});
    o.filters = {filter().zone("c")};
    CHECK(s.lb.try_pick("s", o).error().code == registry_errc::no_instances);

    o.filters = {filter().zone("c"), filter().zone("b")};
    muster::picker p = s.lb.picker("s", o).value();
    CHECK(p.try_pick()->ip != p.try_pick()->ip);
    CHECK(s.lb.picker("s").value().try_pick()->zone == "a");

    muster::test::outcome<lease> waited;    // the way of those that wait
    o.filters = {filter().zone("late")};
    s.lb.pick("s", o, waited.handler());
    s.sim.run_ready();
    CHECK_FALSE(waited.done());
    s.registry.tree.put("/micro-service/s/normal0000000009", R"({"serverip":"n9","serverport":80,"zone":"late"})");
    s.settle();
    CHECK(waited.value()->ip == "n9");
}

TEST_CASE("the master is whoever it is, whatever the balancer's filters") {
    muster::balancer_params params;
    params.filters = {filter().zone("a")};
    scene s(std::move(params));
    muster::pick_options o;
    o.pool = pool::master;
    CHECK(s.lb.try_pick("s", o).error().code == registry_errc::no_master);
    std::string found;
    boost::asio::co_spawn(
        s.sim.io,
        [](muster::balancer& lb, std::string& to) -> boost::asio::awaitable<void> {
            const lease l = co_await lb.master("s");
            to = l->ip;
        }(s.lb, found),
        boost::asio::detached);
    s.sim.run_ready();
    CHECK(found == "m");

    muster::test::outcome<lease> told;
    s.lb.master("s", std::chrono::seconds(1), told.handler());
    s.sim.run_ready();
    CHECK(told.value()->ip == "m");
}

TEST_CASE("a callback gets a master that comes within its wait") {
    scene s({});
    REQUIRE_FALSE(s.registry.tree.drop("/micro-service/s/master"));
    s.settle();
    muster::test::outcome<lease> impatient, patient;
    s.lb.master("s", std::chrono::seconds(1), impatient.handler());
    s.lb.master("s", std::chrono::seconds(2), patient.handler());
    s.sim.run_for(std::chrono::seconds(1));
    CHECK(impatient.ec() == registry_errc::no_master);
    CHECK_FALSE(patient.done());
    s.registry.tree.put("/micro-service/s/master", R"({"serverip":"m2","serverport":80})");
    s.settle();
    CHECK(patient.value()->ip == "m2");
    CHECK(patient.value().role() == muster::role::master);
}

TEST_CASE("a balancer that uses a part of its services") {
    muster::balancer_params params;
    params.pool = pool::all;
    params.subset = 2;
    params.subset_client = 1;
    scene a(params);
    CHECK(a.reached().size() == 2);
    for (int i = 0; i < 10; ++i) CHECK(scene(params, i).reached() == a.reached());
    params.subset_client = 2;
    CHECK(scene(params).reached() != a.reached());
    muster::pick_options o;
    o.policy = policy::urlhash;
    o.key = "k";
    CHECK(a.lb.try_pick("s", o).has_value());

    const auto second = scene(params).reached();
    a.lb.set_subset_client(2);
    CHECK(a.reached() == second);
    params.subset_client.reset();
    muster::balancer later(muster::test::make_client(a.sim.io.get_executor(), muster::test::config_for_tests(), a.sim.world),
                           params);
    later.set_subset_client(2);    // before it has any service
    later.view("s").value();
    a.registry.serve();
    a.sim.run_for(std::chrono::milliseconds(50));
    a.registry.serve();
    std::set<std::string> reached;
    for (int i = 0; i < 100; ++i) reached.insert(later.try_pick("s").value()->ip);
    CHECK(reached == second);

    std::set<std::set<std::string>> parts;
    for (int i = 0; i < 10; ++i) parts.insert(scene(params, i).reached());
    CHECK(parts.size() > 1);
    CHECK(parts.begin()->size() == 2);
    params.subset = 0;
    CHECK(scene(params).reached().size() == 5);
}
