// Part of muster. Boost Software License 1.0, see LICENSE.
//
// Registrars whose client does not begin another session.
#include <muster/registrar.hpp>

#include "registry/registrar_impl.hpp"

#include "sim_registry.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <functional>
#include <vector>

namespace muster::test {
namespace {

struct single_session {
    explicit single_session(bool own)
        : client(make_client(sim.io.get_executor(), without_renewal(), sim.world)),
          reg(detail::make_registrar(client, registration("s", instance("10.1.1.1", 80)), own)) {}

    static zk::config without_renewal() {
        auto c = config_for_tests();
        c.session_renewal = zk::session_renewal::never;
        return c;
    }
    void start(outcome<>& started) {
        reg.start(started.handler());
        registry.serve();
    }
    /// `by_word`: the servers have forgotten it; else they are away for longer than they would keep it.
    void expire(bool by_word) {
        if (by_word) {
            registry.replace_sessions();
            for (int n = 0; n != 20; ++n) {
                sim.run_for(100ms);
                registry.serve();
            }
        } else {
            sim.run_for(20s);
        }
        REQUIRE(client.session().state == session_state::expired);
    }

    simulation sim;
    sim_registry registry{sim};
    zk::client client;
    registrar reg;
};

}    // namespace

TEST_CASE("a registrar ends with the session of a client that does not renew it, and says so") {
    for (const bool own : {false, true}) {
        for (const bool by_word : {false, true}) {
            CAPTURE(own);
            CAPTURE(by_word);
            single_session s(own);
            outcome<> started;
            s.start(started);
            REQUIRE(s.reg.role() == role::master);
            outcome<registration_status> changed;
            outcome<> updated;
            s.expire(by_word);
            s.sim.run_ready();
            const auto last = s.reg.status();
            CHECK(last.closed);
            CHECK(last.role == role::none);
            CHECK(last.path.empty());
            CHECK(last.last_error == zk::client_errc::session_expired);
            CHECK_FALSE(last.message.empty());
            CHECK(last.session.state == session_state::expired);
            CHECK_FALSE(s.reg.may_act_as_master());

            outcome<> closed, again;
            s.reg.status_change(last.version, changed.handler());
            s.reg.update(instance("10.1.1.1", 81), updated.handler());
            s.reg.start(again.handler());
            s.reg.close(closed.handler());
            s.sim.run_ready();
            CHECK(changed.value().closed);
            CHECK(updated.ec() == registry_errc::closed);
            CHECK(again.ec() == registry_errc::closed);
            // A server that the client has not heard may keep the session, and the znode with it, for longer.
            CHECK(closed.ec() == (by_word ? error_code() : error_code(zk::client_errc::close_timed_out)));
        }
    }
}

TEST_CASE("a start that waits ends when the session of such a client does, and one that comes later at once") {
    single_session s(false);
    s.client.start();
    s.registry.serve();
    REQUIRE(s.client.session().state == session_state::connected);
    outcome<> waiting;
    s.reg.start(waiting.handler());
    s.sim.run_ready();    // the servers answer nothing any more
    CHECK_FALSE(waiting.done());
    s.expire(false);
    s.sim.run_ready();
    CHECK(waiting.ec() == zk::client_errc::session_expired);
    CHECK(s.reg.status().closed);

    registrar second(s.client, registration("s", instance("10.1.1.2", 80)));
    outcome<> late;
    second.start(late.handler());
    s.sim.run_ready();
    CHECK(late.ec() == zk::client_errc::session_expired);
    CHECK(second.status().last_error == zk::client_errc::session_expired);
}

TEST_CASE("a status that is told shows for how long the session is safe as it is told, however long it stands") {
    simulation sim;
    sim_registry registry(sim);
    const auto make = [&sim](const char* ip) {
        return detail::make_registrar(make_client(sim.io.get_executor(), config_for_tests(), sim.world),
                                      registration("s", instance(ip, 80)), true);
    };
    registrar first = make("10.1.1.1"), second = make("10.1.1.2");
    outcome<> one, two, closed;
    first.start(one.handler());
    registry.serve();
    second.start(two.handler());
    registry.serve();
    REQUIRE(second.role() == role::normal);
    for (int i = 0; i != 60; ++i) {
        sim.run_for(1s);
        registry.serve();
    }
    outcome<registration_status> promoted;
    second.status_change(second.status().version, promoted.handler());
    first.close(closed.handler());
    registry.serve();
    sim.run_for(1s);
    registry.serve();
    REQUIRE(promoted.done());
    CHECK(promoted.value().role == role::master);
    CHECK(promoted.value().session.safe_until > sim.world->now());
}

TEST_CASE("R28: no status shows a session that has expired beside the role that it had") {
    simulation sim;
    sim_registry registry(sim);
    registrar reg = detail::make_registrar(make_client(sim.io.get_executor(), config_for_tests(), sim.world),
                                           registration("s", instance("10.1.1.1", 80)), true);
    outcome<> started;
    reg.start(started.handler());
    registry.serve();
    REQUIRE(reg.role() == role::master);
    std::vector<registration_status> told;
    std::function<void(std::uint64_t)> follow = [&](std::uint64_t seen) {
        reg.status_change(seen, [&](error_code ec, const registration_status& s) {
            if (ec) return;
            told.push_back(s);
            follow(s.version);
        });
    };
    follow(reg.status().version);
    sim.run_for(20s);    // nobody answers
    REQUIRE_FALSE(told.empty());
    int expired = 0;
    for (const registration_status& s : told) {
        expired += s.session.state == session_state::expired;
        CHECK_FALSE((s.session.state == session_state::expired && s.role != role::none));
    }
    CHECK(expired > 0);
}

}    // namespace muster::test
