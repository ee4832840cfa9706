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

}    // namespace muster::test
