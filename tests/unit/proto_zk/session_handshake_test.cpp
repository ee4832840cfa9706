// Part of muster. Boost Software License 1.0, see LICENSE.
#include "session_fixture.hpp"

using namespace muster;
using namespace muster::test;

TEST_SUITE_BEGIN("session: handshake");

TEST_CASE("R31: a new session is asked for with id 0, zxid 0 and a password of zeros") {
    machine m;
    m.open();
    CHECK(m.state() == session_state::connecting);
    const auto r = m.greeting();
    CHECK(r.session_id == 0);
    CHECK(r.last_zxid_seen == 0);
    CHECK(r.timeout_ms == 9000);
    CHECK(r.password == std::string(16, '\0'));
    CHECK(r.has_read_only);
    CHECK(!r.read_only);

    CHECK(!m.feed(handshake_frame(machine::id, 6s)));
    CHECK(m.state() == session_state::connected);
    CHECK(m.s.info().id == machine::id);
    CHECK(m.s.info().generation == 1);
    CHECK(m.s.info().timeout == 6s);
    CHECK(m.s.metrics().connects == 1);
}

TEST_CASE("a response without the readOnly flag is understood") {
    machine m;
    m.open();
    m.greeting();
    CHECK(!m.feed(handshake_frame(machine::id, 6s, 'p', false)));
    CHECK(m.state() == session_state::connected);
}

TEST_CASE("a response may be split anywhere") {
    const auto bytes = handshake_frame(machine::id, 6s) + ping_frame();
    for (std::size_t at = 0; at <= bytes.size(); ++at) {
        machine m;
        m.open();
        m.greeting();
        CHECK(!m.feed(bytes.substr(0, at)));
        CHECK(!m.feed(bytes.substr(at)));
        CHECK(m.state() == session_state::connected);
    }
}

TEST_CASE("nothing but the connect request is written before the response") {
    machine m;
    m.read("a");
    m.open();
    m.write("b");
    m.greeting();
    CHECK(!m.s.wants_write());
    m.now += 2s;
    CHECK(!m.s.tick(m.now));
    CHECK(!m.s.wants_write());
    CHECK(!m.feed(handshake_frame(machine::id, 9s)));
    CHECK(m.sent().size() == 2);
}

TEST_CASE("a lost session is resumed with its id, its password and the zxid of the last reply") {
    machine m;
    m.attach();
    m.read("a");
    m.sent();
    CHECK(!m.reply(1, 0x77));
    m.lose();
    CHECK(m.state() == session_state::suspended);
    const auto version = m.s.info().version;

    const auto r = m.attach();
    CHECK(r.session_id == machine::id);
    CHECK(r.password == std::string(16, 'p'));
    CHECK(r.last_zxid_seen == 0x77);
    CHECK(m.state() == session_state::connected);
    CHECK(m.s.info().generation == 1);
    CHECK(m.s.info().version > version);
    CHECK(!m.s.info().last_error);
}

TEST_CASE("R28, R31: expired at the server: every form of saying so") {
    struct form {
        const char* name;
        std::int64_t id;
        std::chrono::milliseconds timeout;
    };
    for (const auto& f : {form{"time-out 0", machine::id, 0ms}, form{"id 0", 0, 9s}, form{"both 0", 0, 0ms},
                          form{"negative time-out", machine::id, -1ms}}) {
        CAPTURE(f.name);
        machine m;
        m.attach();
        m.read("seen");
        m.sent();
        CHECK(!m.reply(1, 0x77));
        m.log.clear();
        m.s.watches().add(proto::watch_kind::data, "/a", std::make_shared<recorder>(m.log, "watch"));
        m.lose();
        m.write("queued");
        m.open();
        m.greeting();
        const auto why = m.feed(handshake_frame(f.id, f.timeout));
        CHECK(why == server_errc::session_expired);
        CHECK(m.state() == session_state::expired);
        CHECK(m.s.info().id == 0);
        CHECK(m.s.info().safe_until == proto::session::time_point{});
        CHECK(m.log == journal{"queued " + expired, "watch ended: " + expired});

        // The next session is asked for at once, as a new one.
        m.s.disconnected(why, m.now, machine::latest);
        CHECK(m.s.next(m.now).what == machine::step::kind::connect);
        const auto r = m.attach(0x99);
        CHECK(r.session_id == 0);
        CHECK(r.last_zxid_seen == 0);
        CHECK(r.password == std::string(16, '\0'));
        CHECK(m.s.info().generation == 2);
        CHECK(m.s.metrics().expiries == 1);
    }
}

TEST_CASE("R27: a fresh id where the old one was asked for means expired: ClickHouse Keeper") {
    machine m;
    m.attach();
    m.lose();
    m.write("queued");
    m.open();
    m.greeting();
    CHECK(!m.feed(handshake_frame(0x99, 9s)));
    CHECK(m.log == journal{"queued " + expired});
    const auto unseen = m.s.take_unseen_expiry();
    REQUIRE(unseen);
    CHECK(unseen->state == session_state::expired);
    CHECK(unseen->version < m.s.info().version);
    CHECK(!m.s.take_unseen_expiry());
    CHECK(m.s.metrics().expiries == 1);
    CHECK(m.s.info().generation == 2);
    CHECK(m.s.info().id == 0x99);
    CHECK(m.state() == session_state::connected);
    // This connection is an ordinary one: its loss is not taken for another expiry.
    m.lose();
    CHECK(m.s.info().id == 0x99);
    CHECK(m.attach(0x99).session_id == 0x99);
}

TEST_CASE("R29: a server that is behind, and closes without a word, is passed over") {
    auto settings = settings_for_tests();
    settings.hosts = 3;
    machine m(settings);
    m.attach();
    m.read("a");
    CHECK(m.sent().size() == 1);
    CHECK(!m.reply(1, 0x50));
    m.now += 1s;
    m.lose();
    const auto behind = m.s.next(m.now);
    m.open();
    CHECK(m.greeting().last_zxid_seen == 0x50);
    m.lose(machine::latest);
    const auto other = m.s.next(m.now);
    CHECK(other.what == machine::step::kind::connect);    // at once
    CHECK(other.host != behind.host);
    CHECK(m.attach().session_id == machine::id);
    CHECK(m.s.metrics().expiries == 0);
    CHECK(m.s.info().generation == 1);
}

TEST_CASE("a refusal without a session is a failed attempt, not an expiry") {
    machine m;
    m.open();
    m.greeting();
    const auto why = m.feed(handshake_frame(0, 0ms));
    CHECK(why == server_errc::session_expired);
    m.s.disconnected(why, m.now, machine::latest);
    CHECK(m.s.metrics().expiries == 0);
    CHECK(m.s.metrics().connect_failures == 1);
    CHECK(m.state() == session_state::connecting);
    CHECK(m.s.next(m.now).what == machine::step::kind::wait);
}

TEST_CASE("a peer that is no ZooKeeper is dropped") {
    for (const auto& bytes : {std::string("HTTP/1.1 400 Bad Request\r\n\r\n"), std::string("\xff\xff\xff\xff", 4),
                              std::string("\0\0\0\x04zzzz", 8), std::string("\0\0\0\0", 4)}) {
        machine m;
        m.open();
        m.greeting();
        const auto ec = m.feed(bytes);
        CHECK(ec.category() == zk::protocol_category());
        CHECK(m.state() == session_state::connecting);
    }
}

TEST_CASE("a handshake takes no longer than the time for an attempt") {
    machine m;
    m.open();
    m.greeting();
    CHECK(m.s.deadline() == m.now + 3s);
    m.now += 3s - 1ms;
    CHECK(!m.s.tick(m.now));
    m.now += 1ms;
    CHECK(m.s.tick(m.now) == client_errc::timed_out);
}

TEST_CASE("bytes of an unfinished handshake do not keep the old session alive") {
    machine m;
    m.attach();
    const auto heard = m.now;
    m.lose();
    while (m.now < heard + 12s - 1s) {
        m.now += 1s;
        if (m.s.next(m.now).what != machine::step::kind::connect) continue;
        m.open();
        m.greeting();
        CHECK(!m.feed(handshake_frame(machine::id, 9s).substr(0, 10)));
        m.lose();
    }
    m.now = heard + 12s;
    m.s.next(m.now);
    CHECK(m.state() == session_state::expired);
}

TEST_CASE("events and replies in the segment of the response are read") {
    machine m;
    m.attach();
    m.s.watches().add(proto::watch_kind::persistent, "/a", std::make_shared<recorder>(m.log, "watch"));
    m.lose();
    m.open();
    m.greeting();
    CHECK(!m.feed(handshake_frame(machine::id, 9s) + event_frame(3, "/a")));
    CHECK(m.log == lines({"watch resync /a", "watch data_changed /a"}));
}

TEST_SUITE_END();
