// Part of muster. Boost Software License 1.0, see LICENSE.
//
// Closing where the servers are silent for longer than it may take, and where a former session has left something.
#include <muster/registrar.hpp>

#include "registry/registrar_impl.hpp"

#include "sim_registry.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <optional>
#include <utility>

namespace muster::test {
namespace {

constexpr const char* master_path = "/micro-service/s/master";

/// A master on a session that it shares with the test, or on its own.
struct master {
    explicit master(bool own) {
        reg.emplace(detail::make_registrar(*client, registration("s", instance("10.1.1.1", 80)), own));
        outcome<> started;
        reg->start(started.handler());
        registry->serve();
        REQUIRE(reg->role() == role::master);
        session = client->session().id;
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

    /// The client gives its session up by its own clock. The servers keep it, as a new leader does.
    void give_up() {
        sim->run_for(15s);
        REQUIRE(client->session().id == 0);
    }
    /// It has a new one, and nothing else was answered.
    void begin_anew() {
        for (int i = 0; i < 2'000 && client->session().state != session_state::connected; ++i) {
            registry->answer_all();
            sim->run_ready();
            if (client->session().state != session_state::connected) sim->run_for(10ms);
        }
        REQUIRE(client->session().state == session_state::connected);
        REQUIRE(client->session().id != session);
        REQUIRE(stands());
    }

    std::optional<simulation> sim{std::in_place};
    std::optional<sim_registry> registry{std::in_place, *sim};
    const std::shared_ptr<sim_world> world = sim->world;
    const long unused = world.use_count();    ///< of the world, by clients and registrars
    std::optional<zk::client> client{make_client(sim->io.get_executor(), config_for_tests(), world)};
    std::optional<registrar> reg;
    zk::session_id session = 0;
};

}    // namespace

TEST_CASE("what is not removed in time on a shared session is removed when the servers answer again") {
    master m(false);
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
    master m(false);
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
    master m(false);
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
    master m(false);
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

TEST_CASE("closing removes what a session that the client gave up has left") {
    for (const bool own : {false, true}) {
        for (const bool anew : {false, true}) {
            CAPTURE(own);
            CAPTURE(anew);
            master m(own);
            m.give_up();
            if (anew) m.begin_anew();
            outcome<> closed;
            m.reg->close(closed.handler());
            for (int i = 0; i < 20 && !closed.done(); ++i) {
                m.registry->serve();
                m.sim->run_for(100ms);
            }
            CHECK_FALSE(closed.ec());
            CHECK_FALSE(m.stands());
            CHECK(m.reg->status().closed);
            CHECK(zk::is_final(m.client->session().state) == own);
        }
    }
}

TEST_CASE("closing is no success while something stands that a former session has left") {
    for (const bool anew : {false, true}) {
        CAPTURE(anew);
        master m(true);
        m.give_up();
        if (anew) m.begin_anew();
        m.close_in_vain();
        CHECK_FALSE(m.reg->status().closed);
        outcome<> again;
        m.reg->close(again.handler());
        for (int i = 0; i < 20 && !again.done(); ++i) {
            m.registry->serve();
            m.sim->run_for(100ms);
        }
        CHECK_FALSE(again.ec());
        CHECK_FALSE(m.stands());
        CHECK(zk::is_final(m.client->session().state));
    }
}

TEST_CASE("a registrar with a session of its own ends with its handle, if it could not be closed in time") {
    master m(true);
    m.give_up();
    m.close_in_vain();
    m.reg.reset();
    m.client.reset();
    m.sim->run_ready();
    CHECK_FALSE(m.world->next_timer());
    CHECK(m.world.use_count() == m.unused);
}

TEST_CASE("where somebody else closes its client, a registrar's close tells that something of a former session stands") {
    master m(false);
    m.give_up();
    m.begin_anew();
    outcome<> client_closed, closed;
    m.client->close(client_closed.handler());
    m.reg->close(closed.handler());
    m.registry->serve();
    CHECK_FALSE(client_closed.ec());
    CHECK(m.stands());
    CHECK(closed.ec() == client_errc::close_timed_out);
}

}    // namespace muster::test
