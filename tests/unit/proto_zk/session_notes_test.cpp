// Part of muster. Boost Software License 1.0, see LICENSE.
//
// What a session tells of itself.
#include "session_fixture.hpp"

#include <muster/zk/log.hpp>

using namespace muster;
using namespace muster::test;
using zk::log_event;
using zk::log_level;

namespace {

proto::session_settings telling(log_level least = log_level::debug) {
    auto s = settings_for_tests();
    s.log = least;
    return s;
}

std::vector<log_event> events(machine& m) {
    std::vector<log_event> out;
    for (const auto& n : m.s.told().take()) out.push_back(n.event);
    return out;
}

using list = std::vector<log_event>;

}    // namespace

TEST_SUITE_BEGIN("session: what it tells");

TEST_CASE("connecting, connected, lost, resumed, with times and reasons") {
    machine m(telling());
    m.open();
    m.now += 40ms;
    (void)m.greeting();
    REQUIRE(!m.feed(handshake_frame(machine::id, 9s)));
    auto told = m.s.told().take();
    REQUIRE(told.size() == 2);
    CHECK(told[0].event == log_event::connecting);
    CHECK(told[0].host == 0U);
    CHECK(told[0].session == 0);
    CHECK(told[1].event == log_event::connected);
    CHECK(told[1].session == machine::id);
    CHECK(told[1].duration == 40ms);

    m.now += 2s;
    m.lose();
    told = m.s.told().take();
    REQUIRE(told.size() == 1);
    CHECK(told[0].event == log_event::connection_lost);
    CHECK(told[0].level == log_level::warning);
    CHECK(told[0].error == machine::asio_eof());
    CHECK(told[0].duration == 2s);
    CHECK(told[0].session == machine::id);

    m.attach();
    CHECK(events(m) == list{log_event::connecting, log_event::resumed});
    CHECK(m.s.metrics().resumptions == 1);
    CHECK(m.s.metrics().connects == 2);
}

TEST_CASE("an attempt that fails says why, and how long it took") {
    machine m(telling());
    m.s.connecting(m.now);
    m.now += 300ms;
    m.lose();
    const auto told = m.s.told().take();
    REQUIRE(told.size() == 2);
    CHECK(told[1].event == log_event::attempt_failed);
    CHECK(told[1].duration == 300ms);
    CHECK(told[1].error == machine::asio_eof());
}

TEST_CASE("requests, replies and events are not told of") {
    machine m(telling());
    m.attach();
    events(m);
    for (int i = 0; i != 10; ++i) m.read("r");
    const auto sent = m.sent();
    for (const auto& r : sent) CHECK(!m.reply(r.xid));
    m.s.cancel(m.read("c"), client_errc::closed);
    CHECK(events(m).empty());
}

TEST_CASE("watches that are armed again are counted by their paths") {
    machine m(telling());
    m.attach();
    m.read_and_watch("a", proto::watch_kind::data, "/a");
    m.read_and_watch("b", proto::watch_kind::child, "/b");
    for (const auto& r : m.sent()) CHECK(!m.reply(r.xid));
    m.lose();
    events(m);
    m.attach();
    const auto told = m.s.told().take();
    REQUIRE(told.size() == 3);
    CHECK(told[2].event == log_event::watches_rearmed);
    CHECK(told[2].count == 2U);
    CHECK(m.s.metrics().watches_rearmed == 2);
}

TEST_CASE("an expiry is told once, with the session that has ended, whoever found it") {
    SUBCASE("the own clock") {
        machine m(telling());
        m.attach();
        m.lose(machine::latest);
        events(m);
        for (int seconds = 0; seconds != 60 && m.state() != session_state::expired; ++seconds) {
            m.now += 1s;
            (void)m.s.next(m.now);
        }
        const auto told = m.s.told().take();
        REQUIRE(told.size() == 1);
        CHECK(told[0].event == log_event::session_expired);
        CHECK(told[0].session == machine::id);
        CHECK(told[0].error == client_errc::session_expired);
    }
    SUBCASE("a server") {
        machine m(telling());
        m.attach();
        m.lose();
        events(m);
        m.open();
        (void)m.greeting();
        const auto refused = m.feed(handshake_frame(0, 0ms));
        CHECK(refused == server_errc::session_expired);
        m.s.disconnected(refused, m.now, 0);
        CHECK(events(m) == list{log_event::connecting, log_event::session_expired});
        m.attach(machine::id + 1);
        CHECK(events(m) == list{log_event::connecting, log_event::connected});
    }
}

TEST_CASE("a protocol error is named, and is no mere loss") {
    machine m(telling());
    m.attach();
    events(m);
    const auto wrong = m.reply(77);
    CHECK(wrong == protocol_errc::unexpected_reply);
    m.s.disconnected(wrong, m.now, 0);
    const auto told = m.s.told().take();
    REQUIRE(told.size() == 1);
    CHECK(told[0].event == log_event::protocol_error);
    CHECK(told[0].level == log_level::error);
    CHECK(told[0].error == protocol_errc::unexpected_reply);
}

TEST_CASE("a server that does not know a type of request, or batches, is told of once") {
    auto settings = telling();
    settings.batch_reads = true;
    machine m(settings);
    m.attach();
    events(m);
    m.write("unknown");
    const auto sent = m.sent();
    REQUIRE(sent.size() == 1);
    CHECK(!m.reply(sent[0].xid, 1, -6));
    m.lose();
    auto told = m.s.told().take();
    REQUIRE(told.size() == 2);
    CHECK(told[1].event == log_event::unimplemented);
    CHECK(told[1].count == static_cast<std::uint64_t>(proto::to_wire(opcode::remove)));

    m.attach();
    events(m);
    m.get("a");
    m.get("b");
    CHECK(m.sent().size() == 1);
    m.lose();
    CHECK(events(m) == list{log_event::connection_lost, log_event::batching_refused});
    m.attach();
    CHECK(m.sent().size() == 2);
    m.lose();
    CHECK(events(m) == list{log_event::connecting, log_event::resumed, log_event::connection_lost});
}

TEST_CASE("a server that has taken batches before is told of when it is not asked for them any more, and not before") {
    proto::read_batching b(true, 1, 1 << 20, 1 << 20);
    const auto lose_a_trial = [&b] {
        b.attached(0);
        b.sent(2);
        b.disconnected(machine::asio_eof());
        return b.take_refusal();
    };
    b.attached(0);
    b.sent(2);
    b.answered(2);
    b.disconnected(machine::asio_eof());
    CHECK(!b.take_refusal());
    CHECK(!lose_a_trial());
    CHECK(!lose_a_trial());
    CHECK(lose_a_trial());
    CHECK(!b.take_refusal());
}

TEST_CASE("how it ends") {
    SUBCASE("closed") {
        machine m(telling());
        m.attach();
        events(m);
        m.s.close(m.now);
        const auto sent = m.sent();
        CHECK(!m.reply(sent.at(0).xid));
        CHECK(events(m) == list{log_event::closed});
    }
    SUBCASE("not confirmed in time") {
        machine m(telling());
        m.attach();
        events(m);
        m.s.close(m.now);
        m.now += 3s;
        (void)m.s.tick(m.now);
        CHECK(events(m) == list{log_event::close_timed_out});
    }
    SUBCASE("credentials refused: nobody reads them in what is told") {
        machine m(telling());
        m.attach();
        events(m);
        auto r = m.make("auth", true);
        proto::request_header header;
        header.type = proto::to_wire(opcode::auth);
        r->frame = frame_of(header);
        m.s.submit(std::move(r));
        CHECK(m.sent().size() == 1);
        CHECK(m.reply(proto::xid_auth, 1, -115) == server_errc::auth_failed);
        CHECK(events(m) == list{log_event::auth_refused});
    }
}

TEST_CASE("what is below the level that is wanted is not kept") {
    machine m(telling(log_level::warning));
    m.attach();
    CHECK(m.s.told().empty());
    m.lose();
    CHECK(events(m) == list{log_event::connection_lost});
    machine silent;
    silent.attach();
    silent.lose();
    CHECK(silent.s.told().empty());
}

TEST_CASE("every event has a level and words of its own") {
    std::vector<std::string> seen;
    for (int i = 0; i <= static_cast<int>(log_event::close_timed_out); ++i) {
        const auto e = static_cast<log_event>(i);
        CHECK(proto::level_of(e) < log_level::off);
        seen.emplace_back(proto::describe(e));
        CHECK(!seen.back().empty());
        CHECK(std::count(seen.begin(), seen.end(), seen.back()) == 1);
    }
}

TEST_CASE("a record on one line") {
    zk::log_record r;
    r.message = "connection lost";
    r.server = "10.0.0.1:2181";
    r.session = 0x1234;
    r.duration = 1250us;
    r.count = 3;
    r.error = client_errc::timed_out;
    CHECK(zk::to_string(r) ==
          "connection lost server=10.0.0.1:2181 session=0x1234 count=3 duration=1.2ms error=\"no server answered in time\"");
    CHECK(zk::to_string(zk::log_record()).empty());
}

TEST_CASE("levels have names") {
    for (const auto l : {log_level::debug, log_level::info, log_level::warning, log_level::error, log_level::off})
        CHECK(zk::parse_log_level(to_string(l)) == l);
    CHECK(!zk::parse_log_level("loud"));
    CHECK(!zk::parse_log_level(""));
}

TEST_CASE("round trips are counted from when a request was written to when its reply was read") {
    machine m;
    m.attach();
    m.read("a");
    const auto sent = m.sent();
    m.now += 250us;
    CHECK(!m.reply(sent[0].xid));
    const auto h = m.s.latency().read();
    CHECK(h.count() == 1);
    CHECK(h.quantile(1) >= 250us);
    CHECK(h.quantile(1) <= 266us);
}

TEST_SUITE_END();
