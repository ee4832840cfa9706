// Part of muster. Boost Software License 1.0, see LICENSE.
#include "session_fixture.hpp"

using namespace muster;
using namespace muster::test;

TEST_SUITE_BEGIN("session: close");

TEST_CASE("R43: closing: what was submitted before is served, then the session is ended") {
    machine m;
    m.attach();
    m.write("a");
    m.s.close(m.now);
    m.write("late");
    CHECK(m.take_log() == journal{"late " + closed});
    const auto sent = m.sent();
    REQUIRE(sent.size() == 2);
    CHECK(sent[0].is(opcode::remove));
    CHECK(sent[1].is(opcode::close_session));
    CHECK(sent[1].xid == 2);
    CHECK(sent[1].body.empty());
    CHECK(m.state() == session_state::connected);
    CHECK(m.s.info().safe_until == proto::session::time_point{});    // not only when we hear that it is over
    CHECK(!m.reply(1));
    CHECK(m.s.info().safe_until == proto::session::time_point{});
    CHECK(!m.s.finished());
    CHECK(!m.reply(2));
    CHECK(m.s.finished());
    CHECK(!m.s.close_result());
    CHECK(m.state() == session_state::closed);
    CHECK(m.s.info().safe_until == proto::session::time_point{});
    CHECK(m.log == lines({"a ok"}));
    CHECK(m.s.next(m.now).what == machine::step::kind::finished);
    CHECK(m.s.deadline() == proto::session::time_point::max());
}

TEST_CASE("events of one's own ephemerals that go with the session are not reported") {
    machine m;
    m.attach();
    m.s.watches().add(proto::watch_kind::data, "/e", std::make_shared<recorder>(m.log, "w"));
    m.s.close(m.now);
    CHECK(!m.feed(event_frame(3, "/other")));
    m.sent();
    CHECK(!m.feed(event_frame(2, "/e") + reply_frame(1, 1)));
    CHECK(m.log == journal{"w ended: " + closed});
}

TEST_CASE("closing before there was a session ends at once") {
    for (int phase = 0; phase != 3; ++phase) {
        CAPTURE(phase);
        machine m;
        if (phase >= 1) m.open();
        if (phase >= 2) m.greeting();
        m.s.close(m.now);
        CHECK(m.s.finished());
        CHECK(!m.s.close_result());
        m.write("late");
        CHECK(m.log == journal{"late " + closed});
    }
}

TEST_CASE("closing before the first connection, with requests waiting: they are served first") {
    machine m;
    m.write("a");
    m.s.close(m.now);
    CHECK(!m.s.finished());
    CHECK(m.log.empty());
    m.attach();
    const auto sent = m.sent();
    REQUIRE(sent.size() == 2);
    CHECK(!m.reply(1));
    CHECK(!m.reply(2));
    CHECK(m.s.finished());
    CHECK(!m.s.close_result());
    CHECK(m.log == lines({"a ok"}));
}

TEST_CASE("closing before the first connection: requests that find no server are told so") {
    machine m;
    m.write("a");
    m.s.close(m.now);
    const auto end = m.now + 3s;
    while (!m.s.finished()) {
        const auto st = m.s.next(m.now);
        if (st.what == machine::step::kind::connect) {
            m.s.connecting(m.now);
            m.lose(machine::latest);
        } else if (st.what == machine::step::kind::wait) {
            m.now = st.until;
        }
    }
    CHECK(m.now == end);
    CHECK(m.log == journal{"a " + closed});
}

TEST_CASE("closing before the first connection ends with the last request that is withdrawn") {
    for (int phase = 0; phase != 3; ++phase) {
        CAPTURE(phase);
        machine m;
        const auto a = m.write("a");
        const auto b = m.read("b");
        if (phase >= 1) m.open();
        if (phase >= 2) m.greeting();
        m.s.close(m.now);
        m.s.cancel(a, client_errc::timed_out);
        CHECK(!m.s.finished());
        m.s.cancel(b, client_errc::timed_out);
        CHECK(m.s.finished());
        CHECK(!m.s.close_result());
    }
}

TEST_CASE("R43: closing while disconnected gets a connection for it") {
    machine m;
    m.attach();
    m.write("a");
    m.sent();
    m.lose();
    m.read("b");
    m.s.close(m.now);
    CHECK(!m.s.finished());
    m.attach();
    const auto sent = m.sent();
    REQUIRE(sent.size() == 2);
    CHECK(sent[1].is(opcode::close_session));
    CHECK(!m.reply(2));
    CHECK(!m.reply(3));
    CHECK(m.s.finished());
    CHECK(m.log == journal{"a " + lost, "b ok"});
}

TEST_CASE("R43: closing during an outage asks at once, and again within its time-out, however long the back-off had become") {
    machine m;
    m.attach(machine::id, 30s);
    m.lose(machine::latest);
    const auto fail = [&] {
        REQUIRE(m.s.next(m.now).what == machine::step::kind::connect);
        m.s.connecting(m.now);
        m.lose(machine::latest);
    };
    while (m.s.next(m.now).what == machine::step::kind::connect || m.s.next(m.now).until < m.now + 6s) {
        if (m.s.next(m.now).what == machine::step::kind::wait) m.now = m.s.next(m.now).until;
        fail();
    }
    m.s.close(m.now);
    const auto end = m.now + 3s;
    fail();
    int again = 0;
    for (;;) {
        const auto st = m.s.next(m.now);
        if (st.what == machine::step::kind::finished) break;
        if (st.what == machine::step::kind::wait) {
            REQUIRE(st.until > m.now);
            m.now = st.until;
            continue;
        }
        fail();
        ++again;
    }
    CHECK(m.now == end);
    CHECK(again >= 7);
    CHECK(again <= 8);
}

TEST_CASE("closing while the session is being resumed") {
    machine m;
    m.attach();
    m.lose();
    m.open();
    m.greeting();
    m.s.close(m.now);
    CHECK(!m.s.finished());
    CHECK(!m.feed(handshake_frame(machine::id, 9s)));
    CHECK(m.sent().at(0).is(opcode::close_session));
}

TEST_CASE("a session found expired while closing is closed") {
    machine m;
    m.attach();
    m.s.close(m.now);
    m.sent();
    m.lose();
    m.open();
    m.greeting();
    CHECK(!m.feed(handshake_frame(0, 0ms)));
    CHECK(m.s.finished());
    CHECK(!m.s.close_result());
}

TEST_CASE("a session given up by the own clock is not known to be closed") {
    for (const bool before : {false, true}) {
        CAPTURE(before);
        auto settings = settings_for_tests();
        settings.close_timeout = 60s;
        machine m(settings);
        m.attach();
        m.lose();
        if (!before) m.s.close(m.now);
        m.now += 9s * 4 / 3;
        (void)m.s.tick(m.now);
        if (before) {
            CHECK(m.state() == session_state::expired);
            m.s.close(m.now);
        }
        CHECK(m.s.finished());
        CHECK(m.s.close_result() == client_errc::close_timed_out);
    }
}

TEST_CASE("the connection breaks behind closeSession: it is asked for again") {
    machine m;
    m.attach();
    m.s.close(m.now);
    m.sent();
    m.lose();
    m.attach();
    const auto sent = m.sent();
    REQUIRE(sent.size() == 1);
    CHECK(sent[0].is(opcode::close_session));
    CHECK(!m.reply(sent[0].xid));
    CHECK(m.s.finished());
}

TEST_CASE("R43: closing takes no longer than its time-out, wherever it is stuck") {
    for (int phase = 0; phase != 3; ++phase) {
        CAPTURE(phase);
        machine m;
        m.attach();
        m.write("a");
        if (phase == 0) m.sent();
        if (phase >= 1) m.lose();
        if (phase == 2) m.open();
        m.s.close(m.now);
        m.now += 3s - 1ms;
        (void)m.s.tick(m.now);
        CHECK(!m.s.finished());
        m.now += 1ms;
        (void)m.s.tick(m.now);
        CHECK(m.s.finished());
        CHECK(m.s.close_result() == client_errc::close_timed_out);
        CHECK(m.log == journal{"a " + (phase == 0 ? lost : closed)});
        CHECK(m.state() == session_state::closed);
    }
}

TEST_CASE("a close time-out of 0 does not wait") {
    auto settings = settings_for_tests();
    settings.close_timeout = 0ms;
    machine m(settings);
    m.attach();
    m.s.close(m.now);
    CHECK(m.sent().at(0).is(opcode::close_session));
    CHECK(m.s.deadline() == m.now);
    CHECK(m.s.tick(m.now) == client_errc::close_timed_out);
    CHECK(m.s.finished());
}

TEST_CASE("closing again changes nothing") {
    machine m;
    m.attach();
    m.s.close(m.now);
    m.sent();
    m.now += 2s;
    m.s.close(m.now);
    CHECK(!m.s.wants_write());
    CHECK(m.s.deadline() <= m.now + 1s);
    CHECK(!m.reply(1));
    m.s.close(m.now);
    CHECK(!m.s.close_result());
}

TEST_CASE("abandoned: everything ends without a word") {
    machine m;
    m.attach();
    m.write("written");
    m.sent();
    m.write("queued");
    m.s.abandon();
    CHECK(m.s.finished());
    CHECK(m.log == journal{"written " + lost, "queued " + closed});
    CHECK(!m.s.wants_write());
    m.s.abandon();
    m.s.close(m.now);
    m.s.disconnected(machine::asio_eof(), m.now, 0);
    CHECK(m.log.size() == 2);
}

TEST_CASE("discarded: nothing is completed") {
    machine m;
    m.attach();
    m.write("written");
    m.sent();
    m.write("queued");
    m.s.discard();
    CHECK(m.log.empty());
    CHECK(m.s.finished());
}

TEST_SUITE_END();
