// Part of muster. Boost Software License 1.0, see LICENSE.
#include "session_fixture.hpp"

#include <set>

using namespace muster;
using namespace muster::test;

TEST_SUITE_BEGIN("session: time");

// The session's time-out is 9 s: pings every 3 s or a little less, silence is noticed after 6 s, expiry after 12 s.

constexpr std::chrono::nanoseconds ping_grid = 187'500us;    // 9 s / 48: pings go out at multiples of it

TEST_CASE("R36: an idle session pings at a third of its time-out, for as long as it is answered") {
    machine m;
    m.attach();
    const auto start = m.now;
    int pings = 0;
    while (m.now < start + 10min) {
        REQUIRE(!m.next_deadline());    // CHECK would go on for ever
        for (const auto& r : m.sent()) {
            CHECK(r.is(opcode::ping));
            CHECK(r.xid == -2);
            ++pings;
            CHECK(!m.feed(ping_frame()));
        }
    }
    CHECK(pings >= 200);
    CHECK(pings <= 201);    // the first one comes early: see below
    CHECK(m.state() == session_state::connected);
}

TEST_CASE(
    "R36: idle sessions of one process ping at common times, a third of the time-out after they wrote last or a little earlier") {
    std::set<proto::session::time_point> times;
    for (int i = 0; i != 100; ++i) {
        machine m;
        m.now += i * 1'700us;    // they began within 170 ms
        m.attach();
        const auto wrote = m.now;
        const auto due = m.s.deadline();
        CHECK(due <= wrote + 3s);
        CHECK(due > wrote + 3s - ping_grid);
        m.now = due - 1ns;
        CHECK(!m.s.tick(m.now));
        CHECK(m.sent().empty());
        m.now = due;
        CHECK(!m.s.tick(m.now));
        CHECK(m.sent().size() == 1);
        CHECK(!m.feed(ping_frame()));
        CHECK(m.s.deadline() == due + 3s);    // from then on they stay together
        times.insert(due);
    }
    CHECK(times.size() <= 2);
}

TEST_CASE("pings are sent while a request waits for its reply") {
    machine m;
    m.attach();
    m.read("slow");
    m.sent();
    CHECK(!m.next_deadline());
    CHECK(m.sent().at(0).is(opcode::ping));
    CHECK(!m.feed(ping_frame()));
    CHECK(!m.reply(1));
    CHECK(m.log == lines({"slow ok"}));
}

TEST_CASE("R36: a ping goes ahead of what is queued") {
    machine m;
    m.attach();
    m.now += 3s;
    CHECK(!m.s.tick(m.now));
    m.read("a");
    const auto sent = m.sent();
    REQUIRE(sent.size() == 2);
    CHECK(sent[0].is(opcode::ping));
}

TEST_CASE("requests stand for pings") {
    machine m;
    m.attach();
    for (int i = 1; i != 10; ++i) {
        m.now += 2s;
        CHECK(!m.s.tick(m.now));
        m.read("r");
        const auto sent = m.sent();
        REQUIRE(sent.size() == 1);
        CHECK(sent[0].xid == i);
        CHECK(!m.reply(i));
    }
}

TEST_CASE("a reply to no ping is ignored") {
    machine m;
    m.attach();
    const auto safe = m.s.info().safe_until;
    m.now += 1s;
    CHECK(!m.feed(ping_frame() + ping_frame()));
    CHECK(m.s.info().safe_until == safe);
    CHECK(m.state() == session_state::connected);
}

TEST_CASE("R37: a server that swallows everything is given up after two thirds of the time-out") {
    machine m;
    m.attach();
    m.read("a");
    const auto start = m.now;
    error_code ec;
    while (!ec) {
        ec = m.next_deadline();
        if (!ec) m.fill();
    }
    CHECK(ec == client_errc::timed_out);
    CHECK(m.now == start + 6s);
}

TEST_CASE("R36: a reply that trickles in keeps the connection") {
    machine m;
    m.attach();
    m.read("large");
    m.sent();
    const auto bytes = reply_frame(1, 1) + reply_frame(-2, 0);
    for (std::size_t i = 0; i != 20; ++i) {
        m.now += 5s;
        CHECK(!m.s.tick(m.now));
        CHECK(!m.feed(bytes.substr(i, 1)));
        m.fill();
    }
    CHECK(m.log == lines({"large ok"}));
}

TEST_CASE("R26, R28: without servers the session expires by the client's own clock, once") {
    machine m;
    m.attach();
    m.now += 1s;
    CHECK(!m.feed(ping_frame()));
    const auto heard = m.now;
    m.s.watches().add(proto::watch_kind::data, "/a", std::make_shared<recorder>(m.log, "watch"));
    m.lose(machine::latest);
    m.write("w");
    for (;;) {
        const auto st = m.s.next(m.now);
        if (m.state() == session_state::expired) break;
        if (st.what == machine::step::kind::wait) {
            REQUIRE(st.until > m.now);
            m.now = st.until;
        } else {
            REQUIRE(st.what == machine::step::kind::connect);
            m.s.connecting(m.now);
            m.now = std::min(m.now + 10ms, m.s.deadline());
            CHECK(!m.s.tick(m.now));
            m.lose(machine::latest);
        }
        REQUIRE(m.now <= heard + 12s);
    }
    CHECK(m.now == heard + 12s);
    CHECK(m.log == journal{"w " + expired, "watch ended: " + expired});
    CHECK(m.s.info().last_error == client_errc::session_expired);
    for (int i = 0; i != 100; ++i) {
        m.now += 1s;
        m.s.next(m.now);
    }
    CHECK(m.s.metrics().expiries == 1);
    CHECK(m.attach(0x99).session_id == 0);
    CHECK(m.s.info().generation == 2);
}

TEST_CASE("expiry while an attempt is under way: it goes on, as a new session") {
    machine m;
    m.attach();
    m.lose();
    m.now += 11s;
    CHECK(m.s.next(m.now).what == machine::step::kind::connect);
    m.s.connecting(m.now);
    m.now += 1s;
    CHECK(m.s.deadline() == m.now);
    CHECK(!m.s.tick(m.now));
    CHECK(m.state() == session_state::expired);
    m.s.connected(m.now);
    CHECK(m.greeting().session_id == 0);
}

TEST_CASE("expiry while the response is awaited: the attempt would bring the old session back, and is given up") {
    machine m;
    m.attach();
    m.lose();
    m.now += 11s;
    m.open();
    CHECK(m.greeting().session_id == machine::id);
    m.now += 1s;
    CHECK(m.s.tick(m.now) == client_errc::session_expired);
    CHECK(m.state() == session_state::expired);
    m.s.disconnected(error_code(client_errc::session_expired), m.now, 0);
    CHECK(m.attach(0x99).session_id == 0);
    CHECK(m.s.metrics().expiries == 1);
}

TEST_CASE("safe_until counts from when something was sent that the server has answered") {
    machine m;
    m.open();
    m.greeting();
    const auto greeted = m.now;
    m.now += 1s;
    CHECK(!m.feed(handshake_frame(machine::id, 9s)));
    CHECK(m.s.info().safe_until == greeted + 9s);

    m.read("a");
    m.sent();
    const auto asked = m.now;
    m.now += 1s;
    CHECK(m.s.info().safe_until == greeted + 9s);
    CHECK(!m.reply(1));
    CHECK(m.s.info().safe_until == asked + 9s);

    // An event proves nothing: the server may have sent it before it read anything of ours.
    CHECK(!m.feed(event_frame(3, "/a")));
    CHECK(m.s.info().safe_until == asked + 9s);

    m.now = asked + 3s;
    CHECK(!m.s.tick(m.now));
    m.sent();
    const auto pinged = m.now;
    m.now += 500ms;
    CHECK(!m.feed(ping_frame()));
    CHECK(m.s.info().safe_until == pinged + 9s);

    // It stays as it is while the connection is lost, and a session that is resumed renews it.
    m.lose();
    CHECK(m.s.info().safe_until == pinged + 9s);
    m.now += 1s;
    m.attach();
    CHECK(m.s.info().safe_until == m.now + 9s);
}

TEST_CASE("safe_until ends with a reply that calls the session expired, whatever the same server answers then") {
    for (const bool repeatable : {true, false}) {
        CAPTURE(repeatable);
        machine m;
        m.attach();
        m.now += 1s;
        repeatable ? m.read("a") : m.write("a");
        m.read("b");
        m.sent();
        CHECK(!m.reply(1, 1, -112));
        CHECK(m.s.info().safe_until == proto::session::time_point{});
        CHECK(!m.reply(2));    // reads and pings are answered by a server that has not heard of it yet
        m.now += 3s;
        CHECK(!m.s.tick(m.now));
        m.sent();
        CHECK(!m.feed(ping_frame()));
        CHECK(m.s.info().safe_until == proto::session::time_point{});
        // One that resumes it has asked the leader.
        m.lose();
        m.attach();
        CHECK(m.s.info().safe_until == m.now + 9s);
    }
}

TEST_CASE("safe_until of a session that is resumed with a shorter time-out is counted by that") {
    for (const auto timeout : {2s, 9s, 20s}) {
        machine m;
        m.attach();
        m.now += 1s;
        m.lose();
        m.open();
        m.greeting();
        const auto greeted = m.now;
        m.now += 500ms;
        CHECK(!m.feed(handshake_frame(machine::id, timeout)));
        CHECK(m.s.info().safe_until == greeted + timeout);
    }
}

TEST_CASE("within a round over the servers there is no delay, between rounds it is drawn") {
    auto settings = settings_for_tests();
    settings.hosts = 3;
    machine m(settings);
    std::vector<std::size_t> tried;
    for (int i = 0; i != 3; ++i) {
        const auto st = m.s.next(m.now);
        REQUIRE(st.what == machine::step::kind::connect);
        tried.push_back(st.host);
        m.s.connecting(m.now);
        m.lose(machine::latest);
    }
    std::sort(tried.begin(), tried.end());
    CHECK(tried == std::vector<std::size_t>{0, 1, 2});
    const auto st = m.s.next(m.now);
    CHECK(st.what == machine::step::kind::wait);
    CHECK(st.until > m.now + 99ms);
    CHECK(st.until <= m.now + 100ms);
    m.now = st.until;
    CHECK(m.s.next(m.now).what == machine::step::kind::connect);
}

TEST_CASE("with a session to lose, no delay is longer than a quarter of its time-out") {
    machine m;
    m.attach(machine::id, 1s);
    m.lose(machine::latest);
    proto::session::duration longest{};
    for (int tries = 0; m.state() != session_state::expired; ++tries) {
        REQUIRE(tries < 1'000);
        const auto st = m.s.next(m.now);
        if (st.what == machine::step::kind::wait) {
            longest = std::max(longest, st.until - m.now);
            m.now = st.until;
        } else {
            m.s.connecting(m.now);
            m.lose(machine::latest);
        }
    }
    CHECK(longest > 200ms);
    CHECK(longest <= 250ms);
}

TEST_CASE("servers that accept and drop are not tried in a tight loop") {
    // Dropped before the response, behind it, behind a first reply, and for refusing the watches.
    for (int form = 0; form != 4; ++form) {
        CAPTURE(form);
        machine m;
        m.attach();
        m.s.watches().add(proto::watch_kind::data, "/a", std::make_shared<recorder>(m.log, "watch"));
        m.lose();
        int attempts = 0;
        for (const auto end = m.now + 10s; m.now < end;) {
            const auto st = m.s.next(m.now);
            if (st.what == machine::step::kind::wait) {
                m.now = st.until;
                continue;
            }
            ++attempts;
            m.open();
            m.greeting();
            m.now += 1ms;
            error_code why = machine::asio_eof();
            if (form >= 1) CHECK(!m.feed(handshake_frame(machine::id, 9s)));
            if (form >= 2) {
                const auto sent = m.sent();
                REQUIRE(!sent.empty());
                const auto ec = m.reply(sent[0].xid, 1, form == 2 ? 0 : -6);
                if (form == 3) {
                    CHECK(ec == server_errc::unimplemented);
                    why = ec;
                }
            }
            m.s.disconnected(why, m.now, machine::latest);
            REQUIRE(attempts < 100);
        }
        CHECK(attempts > 3);
        CHECK(attempts < 20);
    }
}

TEST_CASE("a connection that lasted is replaced at once, by another server") {
    auto settings = settings_for_tests();
    settings.hosts = 2;
    machine m(settings);
    const auto first = m.s.next(m.now).host;
    m.attach();
    m.now += 1s;
    m.lose(machine::latest);
    const auto st = m.s.next(m.now);
    CHECK(st.what == machine::step::kind::connect);
    CHECK(st.host != first);
}

TEST_SUITE_END();
