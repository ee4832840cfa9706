// Part of muster. Boost Software License 1.0, see LICENSE.
//
// Closing where the servers are silent for longer than it may take.
#include <muster/registrar.hpp>

#include "sim_registry.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <optional>
#include <utility>

namespace muster::test {
namespace {

constexpr const char* master_path = "/micro-service/s/master";

/// A master on a session that it shares with the test.
struct master {
    master() {
        reg.emplace(*client, registration("s", instance("10.1.1.1", 80)));
        outcome<> started;
        reg->start(started.handler());
        registry->serve();
        REQUIRE(reg->role() == role::master);
    }

    bool stands() { return registry->tree.find(master_path) != nullptr; }
    std::chrono::milliseconds close_timeout() const { return client->configuration().close_timeout; }

    /// Closes, and no server answers.
    void close_in_vain() {
        outcome<> closed;
        reg->close(closed.handler());
        sim->run_for(close_timeout() - 1ms);
        CHECK_FALSE(closed.done());
        sim->run_for(1ms);
        CHECK(closed.ec() == client_errc::close_timed_out);
        CHECK(stands());
    }

    std::optional<simulation> sim{std::in_place};
    std::optional<sim_registry> registry{std::in_place, *sim};
    const std::shared_ptr<sim_world> world = sim->world;
    const long unused = world.use_count();    ///< of the world, by clients and registrars
    std::optional<zk::client> client{make_client(sim->io.get_executor(), config_for_tests(), world)};
    std::optional<registrar> reg;
};

}    // namespace

TEST_CASE("what is not removed in time on a shared session is removed when the servers answer again") {
    master m;
    m.close_in_vain();
    CHECK_FALSE(m.reg->status().closed);
    CHECK(m.reg->role() == role::none);
    outcome<registration_status> changed;
    m.reg->status_change(m.reg->status().version, changed.handler());
    m.registry->serve();
    CHECK_FALSE(m.stands());
    CHECK(changed.value().closed);
    CHECK(m.client->session().state == session_state::connected);

    outcome<> again;
    m.reg->close(again.handler());
    m.sim->run_ready();
    CHECK_FALSE(again.ec());
}

TEST_CASE("who closes again waits as long again, for the removal that goes on") {
    master m;
    m.close_in_vain();
    m.close_in_vain();
    outcome<> third, fourth;
    m.reg->close(third.handler());
    m.reg->close(fourth.handler());
    m.sim->run_ready();
    CHECK_FALSE(third.done());
    m.registry->serve();
    CHECK_FALSE(third.ec());
    CHECK_FALSE(fourth.ec());
    CHECK(m.reg->status().closed);
    CHECK_FALSE(m.stands());
    outcome<> client_closed;
    m.client->close(client_closed.handler());
    m.registry->serve();
    CHECK_FALSE(client_closed.ec());
    CHECK_FALSE(m.world->next_timer());
}

TEST_CASE("a registrar that is destroyed after it could not be closed in time goes on for as long as its client is there") {
    master m;
    outcome<registration_status> changed;
    m.close_in_vain();
    m.reg->status_change(m.reg->status().version, changed.handler());
    m.reg.reset();
    m.sim->run_ready();
    CHECK(changed.value().closed);

    SUBCASE("the servers answer again") {
        m.registry->serve();
        CHECK_FALSE(m.stands());
        CHECK(m.client->session().state == session_state::connected);
        outcome<> client_closed;
        m.client->close(client_closed.handler());
        m.registry->serve();
        m.client.reset();
        m.sim->run_ready();
    }
    SUBCASE("its client is gone") {
        m.client.reset();
        m.sim->run_ready();
        CHECK_FALSE(m.world->next_timer());
    }
    SUBCASE("its client is closed") {
        outcome<> client_closed;
        m.client->close(client_closed.handler());
        m.sim->run_for(m.close_timeout());
        CHECK(client_closed.ec() == client_errc::close_timed_out);
        m.client.reset();
        m.sim->run_ready();
        CHECK_FALSE(m.world->next_timer());
    }
    SUBCASE("its context is gone") {
        m.registry.reset();
        m.sim.reset();
        m.client.reset();
        CHECK(m.world.use_count() == 1);
        return;
    }
    CHECK(m.world.use_count() == m.unused);
}

TEST_CASE("a registrar that is destroyed while it closes goes on, beyond the time for closing, too") {
    master m;
    outcome<> closed;
    m.reg->close(closed.handler());
    m.reg.reset();
    m.sim->run_for(m.close_timeout());
    CHECK(closed.ec() == client_errc::close_timed_out);
    CHECK(m.stands());
    SUBCASE("the servers answer again") {
        m.registry->serve();
        CHECK_FALSE(m.stands());
    }
    SUBCASE("its client is gone") {
        m.client.reset();
        m.sim->run_ready();
        CHECK_FALSE(m.world->next_timer());
        CHECK(m.world.use_count() == m.unused);
    }
}

}    // namespace muster::test
