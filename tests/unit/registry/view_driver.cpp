// Part of muster. Boost Software License 1.0, see LICENSE.
//
// What the driver of a view makes of a session that changes while it begins to look at it.
#include "registry/view_driver.hpp"

#include "sim_registry.hpp"

#include "support/interrupting_world.hpp"
#include "zk/client_impl.hpp"

#include <doctest/doctest.h>

#include <boost/asio/strand.hpp>

#include <memory>

namespace muster::test {

TEST_CASE("a view whose client connects at any moment of its start is read") {
    for (int looks = 0; looks < 6; ++looks) {    // until then the driver and its client look at the clock so often
        CAPTURE(looks);
        simulation sim;
        sim_registry registry(sim);
        registry.tree.put("/p", "");
        registry.tree.put("/p/s", "");
        const auto world = std::make_shared<interrupting_world>(sim.world);
        auto client = zk::detail::make_client(sim.io.get_executor(), config_for_tests(), world);
        registry::view_params p;
        p.service_path = "/p/s";
        registry::view_driver driver(asio::make_strand(sim.io.get_executor()), client, std::move(p), {});
        client.start();
        world->act_after(looks, [&] { registry.serve(); });
        driver.start();
        registry.serve();
        REQUIRE(client.session().state == session_state::connected);
        CHECK(driver.state().known);
        CHECK_FALSE(driver.state().stale);
    }
}

}    // namespace muster::test
