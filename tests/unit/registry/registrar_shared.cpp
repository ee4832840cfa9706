// Part of muster. Boost Software License 1.0, see LICENSE.
//
// Registrars of one service on one session: the owner of a znode does not tell which of them it belongs to.
#include <muster/registrar.hpp>

#include "sim_registry.hpp"

#include <doctest/doctest.h>

#include <functional>
#include <string>
#include <vector>

namespace muster::test {

TEST_CASE("two registrars of one service on one session keep apart what is whose") {
    simulation sim;
    sim_registry registry(sim);
    const auto client = make_client(sim.io.get_executor(), config_for_tests(), sim.world);
    registrar a(client, registration("s", instance("10.1.1.1", 80)));
    registrar b(client, registration("s", instance("10.1.1.2", 80)));
    for (registrar* each : {&a, &b}) {
        outcome<> started;
        each->start(started.handler());
        registry.serve();
        REQUIRE_FALSE(started.ec());
    }
    for (int i = 0; i < 20; ++i) {
        sim.run_for(1s);
        registry.serve();
    }
    CHECK(a.role() == role::master);
    CHECK(b.role() == role::normal);
    const auto* master = registry.tree.find("/micro-service/s/master");
    REQUIRE(master);
    CHECK(master->data.find("10.1.1.1") != std::string::npos);

    outcome<> closed;
    b.close(closed.handler());
    registry.serve();
    CHECK_FALSE(closed.ec());
    CHECK(registry.tree.find("/micro-service/s/master"));
    CHECK(a.role() == role::master);
}

TEST_CASE("where somebody else closes its client, a registrar's close tells what became of the session") {
    for (const bool answered : {true, false}) {
        CAPTURE(answered);
        simulation sim;
        sim_registry registry(sim);
        auto client = make_client(sim.io.get_executor(), config_for_tests(), sim.world);
        registrar a(client, registration("s", instance("10.1.1.1", 80)));
        outcome<> started, client_closed, closed;
        a.start(started.handler());
        registry.serve();
        REQUIRE(a.role() == role::master);
        client.close(client_closed.handler());
        sim.run_for(1s);
        a.close(closed.handler());
        if (answered) registry.serve();
        sim.run_for(client.configuration().close_timeout - 1s);    // the client's ends, and the registrar's does not
        REQUIRE(client_closed.done());
        REQUIRE(closed.done());
        CHECK(closed.ec() == (answered ? error_code() : error_code(zk::client_errc::close_timed_out)));
        CHECK(client_closed.ec() == closed.ec());
    }
}

TEST_CASE("a master is safe for as long as its own session, whatever the client has by now") {
    simulation sim;
    sim_registry registry(sim);
    auto config = config_for_tests();
    std::function<void()> look = [] {};
    config.log_level = zk::log_level::debug;
    config.log = [&look](const zk::log_record&) { look(); };
    auto client = make_client(sim.io.get_executor(), std::move(config), sim.world);
    registrar a(client, registration("s", instance("10.1.1.1", 80)));
    outcome<> started;
    a.start(started.handler());
    registry.serve();
    REQUIRE_FALSE(started.ec());
    const auto begun = a.status();
    for (int i = 0; i < 8; ++i) {
        sim.run_for(1s);
        registry.serve();
    }
    const auto before = a.status();
    CHECK(before.version == begun.version);
    CHECK(before.session.safe_until > begun.session.safe_until);    // it was proven again, without a change of anything else

    // The client has its new session, and shows it, before the registrar hears of that.
    bool between = false;
    look = [&] {
        const auto s = a.status();
        if (s.session.id != before.session.id) return;
        between = between || client.session().id != s.session.id;
        CHECK(s.session.safe_until == before.session.safe_until);
    };
    registry.replace_sessions();
    for (int i = 0; i < 8; ++i) {
        sim.run_for(1s);
        registry.serve();
    }
    look = [] {};
    CHECK(between);
    CHECK(a.role() == role::master);
    CHECK(a.status().session.id != before.session.id);
    CHECK(a.status().session.safe_until > before.session.safe_until);
}

}    // namespace muster::test
