// Part of muster. Boost Software License 1.0, see LICENSE.
//
// Clients that do not begin another session once theirs has expired.
#include "watch_fixture.hpp"

#include <algorithm>
#include <vector>

using namespace muster;
using namespace muster::test;

namespace {

zk::config without_renewal() {
    auto c = config_for_tests();
    c.session_renewal = zk::session_renewal::never;
    return c;
}

struct once : fixture {
    explicit once(zk::config c = without_renewal()) : fixture(std::move(c)) { attach(); }

    /// The server that it comes back to says that the session is over.
    void expire_by_word() {
        lose();
        std::shared_ptr<sim_peer> peer;
        REQUIRE(sim.run_until([&] { return (peer = sim.world->accept()) != nullptr; }, 1min));
        server = server_end{peer, {}};
        sim.run_ready();
        CHECK(server.greet(0, 0ms).session_id == 0x1234);
        sim.run_ready();
    }
    /// No server is there for longer than any would keep it.
    void expire_by_clock() {
        sim.world->set_server(at("10.0.0.1"), sim_world::answer::refuse);
        lose();
        sim.run_for(12s);
        sim.world->set_server(at("10.0.0.1"), sim_world::answer::accept);
        sim.run_ready();
    }
    void expire(bool by_word) { by_word ? expire_by_word() : expire_by_clock(); }
};

}    // namespace

TEST_SUITE_BEGIN("client: renewal of sessions");

TEST_CASE("a protected create whose client ends with its session tells the path that was asked for, which may exist") {
    for (const bool by_word : {true, false}) {
        CAPTURE(by_word);
        once f;
        outcome<zk::create_result> made;
        f.client.create_protected("/n", "", zk::create_mode::ephemeral, made.handler());
        const auto path = f.request().as<proto::create_request>().path;
        f.expire(by_word);
        CHECK(made.ec() == client_errc::connection_lost);
        CHECK(made.value().path == path);
    }
}

TEST_CASE("without renewal a client ends with its session: nothing is connected to any more") {
    for (const bool by_word : {true, false}) {
        CAPTURE(by_word);
        once f;
        f.expire(by_word);
        const auto last = f.client.session();
        CHECK(last.state == session_state::expired);
        CHECK(last.ended);
        CHECK(last.id == 0);
        CHECK(last.safe_until <= f.sim.world->now());
        if (by_word)
            CHECK(last.last_error == server_errc::session_expired);
        else
            CHECK(last.last_error == client_errc::session_expired);
        CHECK(f.client.metrics().expiries == 1);
        const auto attempts = f.sim.world->attempts().size();
        CHECK_FALSE(f.sim.world->next_timer());
        f.client.start();
        f.client.set_servers(zk::connect_string("10.0.0.1:2181,10.0.0.2:2181"));
        f.sim.run_for(1h);
        CHECK(f.sim.world->attempts().size() == attempts);
        CHECK(f.sim.world->open_connections() == 0);
        CHECK(f.client.session().version == last.version);
    }
}

TEST_CASE("without renewal what waits and what is asked later completes with session_expired, at once") {
    for (const bool by_word : {true, false}) {
        CAPTURE(by_word);
        once f;
        auto lasting = add_watch(f, "/a");
        auto single = get_and_watch(f, "/b");
        outcome<zk::watch_event> event, unread;
        lasting.next(event.handler());
        outcome<zk::get_result> waiting;
        f.sim.world->set_server(at("10.0.0.1"), sim_world::answer::silence);
        f.client.get("/a", waiting.handler());
        CHECK(f.request().is(opcode::get_data));    // it loses its connection, and would be sent again
        f.sim.world->set_server(at("10.0.0.1"), sim_world::answer::accept);
        f.expire(by_word);
        CHECK(waiting.ec() == client_errc::session_expired);
        CHECK(event.ec() == client_errc::session_expired);
        single.next(unread.handler());

        outcome<zk::stat> set;
        outcome<zk::create_result> made;
        outcome<> synced, room;
        f.client.set("/a", "x", zk::any_version, set.handler());
        f.client.create_protected("/a", "x", {}, made.handler());
        f.client.sync("/", synced.handler());
        f.client.capacity(room.handler());
        f.sim.run_ready();
        CHECK(unread.ec() == client_errc::session_expired);
        CHECK(set.ec() == client_errc::session_expired);
        CHECK(zk::outcome_of(set.ec()) == zk::outcome::not_sent);
        CHECK(made.ec() == client_errc::session_expired);
        CHECK(synced.ec() == client_errc::session_expired);
        CHECK_FALSE(room.ec());
    }
}

TEST_CASE("without renewal a guarded write of unknown outcome does not wait for a session in which to look") {
    for (const bool by_word : {true, false}) {
        for (const std::int32_t version : {0, zk::any_version}) {
            CAPTURE(by_word);
            CAPTURE(version);
            once f;
            outcome<zk::stat> set;
            outcome<> removed;
            f.client.set_guarded("/a", "x", version, set.handler());
            f.client.remove_guarded("/b", version, removed.handler());
            CHECK(f.requests().size() == 2);
            f.expire(by_word);
            CHECK(set.ec() == client_errc::connection_lost);
            CHECK(removed.ec() == client_errc::connection_lost);
        }
    }
}

TEST_CASE("without renewal the expiry is told once, and stays the last state") {
    once f;
    std::vector<session_state> told;
    std::uint64_t version = f.client.session().version;
    outcome<zk::session_info> suspended, expired, late;
    f.client.session_change(version, suspended.handler());
    f.sim.world->set_server(at("10.0.0.1"), sim_world::answer::refuse);
    f.lose();
    CHECK(suspended.value().state == session_state::suspended);
    CHECK_FALSE(suspended.value().ended);
    version = f.client.session().version;
    while (f.client.session().state == session_state::suspended) {    // attempts that fail are told, too
        outcome<zk::session_info> next;
        f.client.session_change(version, next.handler());
        f.sim.run_until([&] { return next.done(); }, 1min);
        version = next.value().version;
        told.push_back(next.value().state);
        CHECK(next.value().ended == (told.back() == session_state::expired));
    }
    CHECK(std::count(told.begin(), told.end(), session_state::expired) == 1);
    f.client.session_change(version, expired.handler());
    f.client.session_change(version + 1'000, late.handler());
    outcome<> closed;
    f.client.close(closed.handler());
    f.sim.run_ready();
    CHECK(expired.value().state == session_state::expired);
    CHECK(late.value().state == session_state::expired);
    CHECK(closed.done());
    CHECK(f.client.session().state == session_state::expired);
    CHECK(f.client.session().version == version);
}

TEST_CASE("without renewal close() completes at once, and says whether a server has confirmed the end of the session") {
    for (const bool by_word : {true, false}) {
        CAPTURE(by_word);
        once f;
        f.expire(by_word);
        outcome<> closed;
        f.client.close(closed.handler());
        f.sim.run_ready();
        CHECK(closed.ec() == (by_word ? error_code() : error_code(client_errc::close_timed_out)));
    }
}

TEST_CASE("a client that is being closed ends closed, not expired, whether it renews its session or not") {
    for (const auto renewal : {zk::session_renewal::automatic, zk::session_renewal::never}) {
        auto c = without_renewal();
        c.session_renewal = renewal;
        c.close_timeout = 1min;
        once f(c);
        f.sim.world->set_server(at("10.0.0.1"), sim_world::answer::refuse);
        f.lose();
        outcome<> closed;
        f.client.close(closed.handler());
        f.sim.run_for(12s);
        CHECK(closed.ec() == client_errc::close_timed_out);
        CHECK(f.client.session().state == session_state::closed);
        CHECK(f.client.session().ended);
    }
}

TEST_CASE("the last record of a client that does not renew its session says that it has ended, and why") {
    std::vector<zk::log_event> events;
    error_code why;
    auto c = without_renewal();
    c.log = [&](const zk::log_record& r) {
        events.push_back(r.event);
        why = r.error;
    };
    once f(c);
    f.expire_by_clock();
    REQUIRE(events.size() > 2);
    CHECK(events[events.size() - 2] == zk::log_event::session_expired);
    CHECK(events.back() == zk::log_event::closed);
    CHECK(why == client_errc::session_expired);
}

TEST_CASE("with renewal, the default, an expiry is not the end") {
    once f(config_for_tests());
    f.expire_by_word();
    CHECK_FALSE(f.client.session().ended);
    CHECK(f.attach(0x77).session_id == 0);
    CHECK(f.client.session().generation == 2);
}

TEST_SUITE_END();
