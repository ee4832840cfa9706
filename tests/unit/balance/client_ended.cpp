// Part of muster. Boost Software License 1.0, see LICENSE.
//
// Picks from a balancer whose client has ended, so that nothing can change any more.
#include <muster/balancer.hpp>

#include "unit/zk/client_fixture.hpp"

#include <doctest/doctest.h>

using namespace muster;
using namespace muster::test;

namespace {

constexpr std::int32_t sasl_required = -124;

struct watching : fixture {
    explicit watching(zk::config c = config_for_tests()) : fixture(std::move(c)) {}

    balancer lb{client};

    void pick(outcome<lease>& got, pool p = pool::normals_then_master) {
        pick_options o;
        o.wait = 1h;
        o.pool = p;
        lb.pick("s", o, got.handler());
        sim.run_ready();
    }
    /// The service is empty, and that is known.
    void show_nobody() {
        for (int asked = 1; asked != 0;) {
            asked = 0;
            for (const auto& r : requests()) {
                ++asked;
                if (r.is(opcode::add_watch)) {
                    reply(r, 0, proto::error_response());
                } else if (r.is(opcode::get_children2)) {
                    server.reply(r.xid, 0, proto::get_children2_response());
                } else {
                    reply(r, -101);
                }
            }
        }
        sim.run_for(100ms);    // changes are gathered for a while
    }
};

}    // namespace

TEST_SUITE_BEGIN("balancer: client ended");

TEST_CASE("a server that insists on authentication ends the picks that wait, and those that come later, at once") {
    watching w;
    outcome<lease> waiting, late;
    w.pick(waiting);
    w.attach();
    const auto first = w.requests();
    REQUIRE(!first.empty());
    CHECK(!waiting.done());
    w.reply(first.front(), sasl_required);
    CHECK(w.client.session().state == session_state::auth_failed);
    CHECK(waiting.ec() == registry_errc::registry_unavailable);
    w.pick(late);
    CHECK(late.ec() == registry_errc::registry_unavailable);
}

TEST_CASE("a client that is closed ends the picks that wait") {
    watching w;
    outcome<lease> waiting;
    outcome<> closed;
    w.client.start();
    w.pick(waiting);
    w.client.close(closed.handler());
    w.sim.run_ready();
    CHECK(closed.done());
    CHECK(waiting.ec() == registry_errc::registry_unavailable);
}

TEST_CASE("what is not there of a service that is known will not come any more, either") {
    watching w;
    outcome<lease> waiting;
    outcome<> closed;
    w.pick(waiting, pool::normals);
    w.attach();
    w.show_nobody();
    CHECK(w.lb.view("s").value().known);
    CHECK(!waiting.done());
    w.client.close(closed.handler());
    w.sim.run_ready();
    for (auto all = w.requests(); !all.empty(); all = w.requests())
        for (const auto& r : all) w.reply(r, 0);
    CHECK(closed.done());
    CHECK(waiting.ec() == registry_errc::no_instances);
    CHECK(w.lb.try_pick("s").error().code == registry_errc::no_instances);
}

TEST_CASE("a client that does not renew its session ends the picks that wait, and those that come later, when it has expired") {
    auto c = config_for_tests();
    c.session_renewal = zk::session_renewal::never;
    watching w(c);
    outcome<lease> waiting, late;
    w.pick(waiting, pool::normals);
    w.attach();
    w.show_nobody();
    CHECK(!waiting.done());
    w.sim.world->set_server(at("10.0.0.1"), sim_world::answer::refuse);
    w.lose();
    w.sim.run_for(13s);
    REQUIRE(w.client.session().state == session_state::expired);
    CHECK(waiting.ec() == registry_errc::no_instances);
    w.pick(late, pool::normals);
    CHECK(late.ec() == registry_errc::no_instances);
    CHECK(w.lb.view("s").value().stale);

    outcome<lease> unknown;    // a service that was not asked for before
    w.lb.pick("t", {}, unknown.handler());
    w.sim.run_ready();
    CHECK(unknown.ec() == registry_errc::registry_unavailable);
    w.sim.run_for(1h);
    CHECK_FALSE(w.sim.world->next_timer());
}

TEST_SUITE_END();
