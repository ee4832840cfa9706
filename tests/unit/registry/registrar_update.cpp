// Part of muster. Boost Software License 1.0, see LICENSE.
//
// An update is complete once ZooKeeper has it, and not before.
#include <muster/registrar.hpp>

#include "sim_registry.hpp"

#include "support/interrupting_world.hpp"
#include "zk/client_impl.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <string>

namespace muster::test {

TEST_CASE("an update that another thread makes at any moment is complete only once it is published") {
    for (int looks = 0; looks < 12; ++looks) {    // until then the registrar and its client look at the clock so often
        CAPTURE(looks);
        simulation sim;
        sim_registry registry(sim);
        const auto world = std::make_shared<interrupting_world>(sim.world);
        registrar reg(zk::detail::make_client(sim.io.get_executor(), config_for_tests(), world),
                      registration("s", instance("10.1.1.1", 80)));
        outcome<> started;
        reg.start(started.handler());
        registry.serve();
        REQUIRE_FALSE(started.ec());

        outcome<> first;
        int completed = 0;
        std::string published;
        reg.update(instance("10.1.1.1", 80, 2), first.handler());
        world->act_after(looks, [&] {
            reg.update(instance("10.1.1.1", 80, 3), [&](error_code ec) {
                CHECK_FALSE(ec);
                ++completed;
                published = registry.tree.find("/micro-service/s/master")->data;
            });
        });
        for (int i = 0; i < 20; ++i) {    // pings look at the clock, too
            registry.serve();
            sim.run_for(1s);
        }
        CHECK_FALSE(first.ec());
        CHECK(completed == 1);
        CHECK(published.find("\"weight\":3") != std::string::npos);
    }
}

TEST_CASE("an instance that drains publishes what it published before, and that it drains") {
    simulation sim;
    sim_registry registry(sim);
    const auto data = [&registry] { return registry.tree.find("/micro-service/s/master")->data; };
    registrar reg(make_client(sim.io.get_executor(), config_for_tests(), sim.world), registration("s", instance("10.1.1.1", 80)));
    outcome<> started, updated, drained, closed, late;
    reg.start(started.handler());
    registry.serve();
    REQUIRE_FALSE(started.ec());
    reg.update(instance("10.1.1.1", 80, 7), updated.handler());
    registry.serve();
    REQUIRE_FALSE(updated.ec());
    CHECK(data().find("draining") == std::string::npos);
    reg.drain(drained.handler());
    registry.serve();
    REQUIRE(drained.done());
    CHECK_FALSE(drained.ec());
    CHECK(data().find(R"("weight":7)") != std::string::npos);
    CHECK(data().find(R"("state":"draining")") != std::string::npos);
    CHECK(reg.role() == role::master);
    reg.close(closed.handler());
    registry.serve();
    CHECK_FALSE(registry.tree.find("/micro-service/s/master"));
    reg.drain(late.handler());
    registry.serve();
    REQUIRE(late.done());
    CHECK(late.ec() == registry_errc::closed);
}

TEST_CASE("the ordinal of an instance comes from its znode, and stays when it becomes master") {
    simulation sim;
    sim_registry registry(sim);
    const auto make = [&sim](const char* ip) {
        return registrar(make_client(sim.io.get_executor(), config_for_tests(), sim.world), registration("s", instance(ip, 80)));
    };
    registrar first = make("10.1.1.1"), second = make("10.1.1.2");
    CHECK_FALSE(first.status().ordinal);
    outcome<> one, two, closed;
    first.start(one.handler());
    registry.serve();
    second.start(two.handler());
    registry.serve();
    CHECK(first.status().ordinal == 0);
    const auto s = second.status();
    REQUIRE(s.role == role::normal);
    REQUIRE(s.ordinal);
    CHECK(s.path.ends_with(std::to_string(*s.ordinal)));
    first.close(closed.handler());
    registry.serve();
    sim.run_for(1s);
    registry.serve();
    CHECK(second.role() == role::master);
    CHECK(second.status().ordinal == s.ordinal);
}

}    // namespace muster::test
