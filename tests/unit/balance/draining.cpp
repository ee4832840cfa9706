// Part of muster. Boost Software License 1.0, see LICENSE.
//
// Instances that ask for no more work, and who holds connections to them.
#include <muster/balancer.hpp>

#include "balance/plan.hpp"
#include "fixtures.hpp"
#include "sim_embedded.hpp"

#include <doctest/doctest.h>

#include <fmt/format.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/error.hpp>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

using namespace muster;
using namespace muster::test;

namespace {

namespace asio = boost::asio;
using balance::test::master;
using balance::test::normal;
using balance::test::numbered;
using balance::test::picked_service;

balance::sighting saying(std::size_t i, const std::string& state, const std::string& zone = {}) {
    muster::instance who = numbered(i);
    who.state = state;
    who.zone = zone;
    return normal(std::move(who), static_cast<std::int64_t>(i + 1));
}

std::map<std::string, int> picks_of(picked_service& s, int n = 300) {
    std::map<std::string, int> counts;
    for (int i = 0; i < n; ++i) {
        if (const lease l = s.take("key " + std::to_string(i))) ++counts[l->identity()];
    }
    return counts;
}

std::string data_of(int i, const std::string& state = {}) {
    const std::string more = state.empty() ? "" : R"(,"state":")" + state + "\"";
    return fmt::format(
        R"({{"serverip":"10.1.1.{}","serverport":80,"username":"","userpwd":"","serveruniquecode":"","weight":1{}}})", i, more);
}

/// A balancer that has lent the only instance of a service, 10.1.1.1 at normal1.
struct lent {
    lent() : registry(sim) {
        for (const char* parent : {"/micro-service", "/micro-service/s"}) registry.put(parent);
        registry.put(path, data_of(1));
        lb.emplace(make_client(sim.io.get_executor(), config_for_tests(), sim.world));
        lb->view("s").value();
        registry.pass(1s);
        held = lb->try_pick("s").value();
    }

    const std::string path = "/micro-service/s/normal0000000001";
    simulation sim;
    sim_embedded registry;
    std::optional<balancer> lb;
    lease held;
    outcome<> told;
};

}    // namespace

TEST_CASE("under every policy, who drains or starts gets no picks while another is there") {
    for (const policy p : all_policies()) {
        for (const char* state : {"draining", "starting"}) {
            CAPTURE(to_string(p));
            CAPTURE(state);
            picked_service s(0, {}, p);
            s.show({saying(0, ""), saying(1, state), saying(2, "ready")});
            const auto counts = picks_of(s);
            CHECK(counts.size() == 2);
            CHECK_FALSE(counts.contains(numbered(1).identity()));
            s.show({saying(1, state)});
            CHECK(picks_of(s).size() == 1);    // nobody else is there
            s.show({saying(0, ""), saying(1, "Draining")});
            CHECK(picks_of(s).size() == 2);    // a word of its own
        }
    }
}

TEST_CASE("who is ejected comes behind who drains, and the master behind the normals in both") {
    health_params most;
    most.max_ejected_percentage = 90;
    picked_service s(0, most, policy::roundrobin, pool::normals_then_master);
    s.show({saying(0, ""), saying(1, "draining"), master(numbered(9), 90)});
    CHECK(picks_of(s) == std::map<std::string, int>{{numbered(0).identity(), 300}});
    s.eject(0);
    CHECK(picks_of(s) == std::map<std::string, int>{{numbered(9).identity(), 300}});
    s.eject(9);
    CHECK(picks_of(s) == std::map<std::string, int>{{numbered(1).identity(), 300}});
    s.show({saying(1, "draining")});
    CHECK(picks_of(s) == std::map<std::string, int>{{numbered(1).identity(), 300}});
}

TEST_CASE("a master that drains is lent as master all the same") {
    picked_service s(0, {}, policy::roundrobin, pool::master);
    muster::instance who = numbered(9);
    who.state = "draining";
    s.show({saying(0, ""), master(who, 90)});
    CHECK(picks_of(s).contains(numbered(9).identity()));
}

TEST_CASE("filters come one after the other among those who take work, before any who drains") {
    balance::selection what{policy::roundrobin, pool::all};
    what.filters = {filter().zone("a"), filter()};
    const auto all = balance::test::nodes_of({saying(0, "draining", "a"), saying(1, "", "b")});
    const auto groups = balance::groups_of(what, all, {});
    REQUIRE(groups.size() == 2);
    CHECK(groups[0].front()->seen.identity == numbered(1).identity());
    CHECK(groups[1].front()->seen.identity == numbered(0).identity());
}

TEST_CASE("a lease tells that its instance drains, goes and comes back") {
    lent c;
    CHECK(c.held.still_registered());
    CHECK_FALSE(c.held.draining());
    c.held.success();
    c.registry.set(c.path, data_of(1, "draining"));
    c.registry.pass(100ms);
    CHECK(c.held.draining());
    CHECK(c.held.still_registered());
    c.registry.set(c.path, data_of(1, "ready"));
    c.registry.pass(100ms);
    CHECK_FALSE(c.held.draining());
    c.registry.drop(c.path);
    c.registry.pass(100ms);
    CHECK(c.held.draining());
    CHECK_FALSE(c.held.still_registered());
    c.registry.put("/micro-service/s/master", data_of(1));
    c.registry.pass(100ms);
    CHECK(c.held.still_registered());
    CHECK_FALSE(c.held.draining());
}

TEST_CASE("who waits hears when the instance drains, or goes, and not of other changes") {
    for (const bool drains : {true, false}) {
        CAPTURE(drains);
        lent c;
        c.registry.put("/micro-service/s/normal0000000002", data_of(2));
        outcome<> again, other;
        c.lb->until_draining(c.held, c.told.handler());
        c.lb->until_draining(c.held, again.handler());
        c.registry.pass(100ms);
        c.held = {};
        lease second = c.lb->try_pick("s").value();
        while (second->ip != "10.1.1.2") second = c.lb->try_pick("s").value();
        c.lb->until_draining(second, other.handler());
        c.registry.set(c.path, data_of(1, "warm"));
        c.registry.pass(100ms);
        CHECK_FALSE(c.told.done());
        if (drains)
            c.registry.set(c.path, data_of(1, "draining"));
        else
            c.registry.drop(c.path);
        c.registry.pass(100ms);
        REQUIRE(c.told.done());
        CHECK_FALSE(c.told.ec());
        REQUIRE(again.done());
        CHECK_FALSE(other.done());
        outcome<> late;
        c.lb->until_draining(second, late.handler());
        c.registry.set("/micro-service/s/normal0000000002", data_of(2, "draining"));
        c.registry.pass(100ms);
        CHECK(other.done());
        CHECK(late.done());
        outcome<> at_once;
        c.lb->until_draining(second, at_once.handler());
        c.registry.serve();
        REQUIRE(at_once.done());
        CHECK_FALSE(at_once.ec());
    }
}

TEST_CASE("waiting for an instance to drain can be cancelled, and ends with the balancer") {
    lent c;
    asio::cancellation_signal cancel;
    outcome<> cancelled;
    c.lb->until_draining(c.held, asio::bind_cancellation_slot(cancel.slot(), cancelled.handler()));
    c.lb->until_draining(c.held, c.told.handler());
    c.registry.serve();
    cancel.emit(asio::cancellation_type::terminal);
    c.registry.serve();
    REQUIRE(cancelled.done());
    CHECK(cancelled.ec() == asio::error::operation_aborted);
    CHECK_FALSE(c.told.done());
    outcome<> closed, after;
    c.lb->close(closed.handler());
    c.registry.serve();
    REQUIRE(c.told.done());
    CHECK(c.told.ec() == registry_errc::closed);
    c.lb->until_draining(c.held, after.handler());
    c.registry.serve();
    REQUIRE(after.done());
    CHECK(after.ec() == registry_errc::closed);
}

TEST_CASE("an empty lease and one of another balancer are refused") {
    lent c;
    balancer other(make_client(c.sim.io.get_executor(), config_for_tests(), c.sim.world));
    outcome<> foreign;
    other.until_draining(c.held, foreign.handler());
    c.lb->until_draining(lease(), c.told.handler());
    c.registry.serve();
    REQUIRE(foreign.done());
    CHECK(foreign.ec() == zk::client_errc::invalid_argument);
    REQUIRE(c.told.done());
    CHECK(c.told.ec() == zk::client_errc::invalid_argument);
}

TEST_CASE("the context destroys who waits for an instance to drain") {
    const auto alive = std::make_shared<int>(1);
    std::optional<balancer> lb;
    {
        lent c;
        c.lb->until_draining(c.held, [alive](error_code) {});
        c.registry.serve();
        CHECK(alive.use_count() == 2);
        lb = std::move(c.lb);
    }
    CHECK(alive.use_count() == 1);
}

TEST_CASE("waiting for an instance to drain ends with the client, since nothing will be told any more") {
    lent c;
    zk::client client = make_client(c.sim.io.get_executor(), config_for_tests(), c.sim.world);
    balancer lb(client);
    lb.view("s").value();
    c.registry.pass(1s);
    const lease held = lb.try_pick("s").value();
    outcome<> closed, after;
    lb.until_draining(held, c.told.handler());
    c.registry.serve();
    client.close(closed.handler());
    c.registry.pass(1s);
    REQUIRE(c.told.done());
    CHECK(c.told.ec() == registry_errc::closed);
    lb.until_draining(held, after.handler());
    c.registry.serve();
    REQUIRE(after.done());
    CHECK(after.ec() == registry_errc::closed);
}

TEST_CASE("waiting for an instance to drain can be started again from the same operation") {
    lent c;
    auto operation = c.lb->until_draining(c.held);
    outcome<> again;
    operation(c.told.handler());
    operation(again.handler());
    c.registry.drop(c.path);
    c.registry.pass(100ms);
    REQUIRE(again.done());
    CHECK_FALSE(again.ec());
    REQUIRE(c.told.done());
    CHECK_FALSE(c.told.ec());
}
