// Part of muster. Boost Software License 1.0, see LICENSE.
//
// Servers without a quorum, and the way from them to one that has it.
#include "proto_zk/writable_search.hpp"
#include "session_fixture.hpp"

#include <algorithm>
#include <cstddef>
#include <limits>
#include <vector>

using namespace muster;
using namespace muster::test;
using proto::writable_search;

TEST_SUITE_BEGIN("session: search for a server that takes writes");

namespace {

constexpr auto never = proto::session::time_point::max();

proto::session_settings reading(std::size_t hosts = 3) {
    auto s = settings_for_tests();
    s.read_only = true;
    s.hosts = hosts;
    return s;
}

/// A machine that is connected to a server without a quorum.
struct reader : machine {
    explicit reader(const proto::session_settings& settings = reading()) : machine(settings) { attach_read_only(); }

    void attach_read_only(std::int64_t session = 0x77) {
        open();
        here = s.next(now).host;
        CHECK(greeting().read_only);
        REQUIRE(!feed(handshake_frame(session, 9s, 'l', true, true)));
    }
    std::size_t here = 0;
};

}    // namespace

TEST_CASE("all servers are asked one after the other, the own one last, ever more seldom") {
    const auto start = writable_search::time_point(1'000s);
    constexpr auto longest = std::numeric_limits<std::uint64_t>::max();
    writable_search s(3s);
    CHECK(s.due() == never);
    CHECK(!s.take(start));
    s.begin(1, 3, start);
    auto now = start;
    std::vector<std::size_t> asked;
    std::vector<writable_search::duration> delays;
    for (int i = 0; i != 9; ++i) {
        CHECK(s.due() == now);
        const auto host = s.take(now);
        REQUIRE(host);
        asked.push_back(*host);
        CHECK(!s.take(now));
        s.refused(now, i % 3 == 0 ? 0 : longest);
        delays.push_back(s.due() - now);
        now = s.due();
    }
    CHECK(asked == std::vector<std::size_t>{2, 0, 1, 2, 0, 1, 2, 0, 1});
    const std::vector<writable_search::duration> expected{50ms, 100ms, 100ms, 100ms, 200ms, 200ms, 200ms, 400ms, 400ms};
    for (std::size_t i = 0; i != delays.size(); ++i) {
        CAPTURE(i);
        CHECK(delays[i] <= expected[i]);
        CHECK(delays[i] > expected[i] - 1ms);
    }
    for (int i = 0; i != 60; ++i) {
        REQUIRE(s.take(now));
        s.refused(now, longest);
        CHECK(s.due() - now <= 60s);
        now = s.due();
    }
    REQUIRE(s.take(now));
    s.refused(now, longest);
    CHECK(s.due() - now > 59s);
}

TEST_CASE("a server that does not answer is given up for the next one") {
    const auto start = writable_search::time_point(1'000s);
    writable_search s(3s);
    s.begin({}, 2, start);
    CHECK(s.take(start) == 0U);
    CHECK(s.due() == start + 3s);
    CHECK(s.take(start + 3s) == 1U);
    s.end();
    CHECK(s.due() == never);
}

TEST_CASE("who did not ask for it does not take a server without a quorum") {
    machine m;
    m.open();
    CHECK(!m.greeting().read_only);
    CHECK(m.feed(handshake_frame(machine::id, 9s, 'p', true, true)) == server_errc::not_read_only);
    CHECK(m.state() == session_state::connecting);
    CHECK(m.s.info().id == 0);
}

TEST_CASE("a server without a quorum that gives no sessions says so") {
    machine m(reading(1));
    m.open();
    (void)m.greeting();
    CHECK(m.feed(reply_frame(0, 5, static_cast<std::int32_t>(server_errc::not_read_only))) == server_errc::not_read_only);
}

TEST_CASE("a session is not given up for that of a server without a quorum") {
    machine m(reading(1));
    m.attach();
    CHECK(!m.s.info().read_only);
    m.lose();
    for (const std::int64_t answer : {std::int64_t{0x77}, std::int64_t{machine::id}, std::int64_t{0}}) {
        m.open();
        CHECK(m.greeting().session_id == machine::id);
        CHECK(m.feed(handshake_frame(answer, answer != 0 ? 9s : 0s, 'l', true, true)) == server_errc::not_read_only);
        m.lose();
        CHECK(m.s.info().id == machine::id);
        m.now += 100ms;
    }
    CHECK(m.state() == session_state::suspended);
    CHECK(m.attach().session_id == machine::id);
    CHECK(m.s.info().generation == 1);
}

TEST_CASE("the session of a server without a quorum proves nothing, and is never resumed") {
    reader m;
    CHECK(m.state() == session_state::connected);
    CHECK(m.s.info().read_only);
    CHECK(m.s.info().id == 0x77);
    CHECK(m.s.info().safe_until == proto::session::time_point{});
    m.read_and_watch("a", proto::watch_kind::data, "/a");
    const auto sent = m.sent();
    REQUIRE(sent.size() == 1);
    REQUIRE(!m.reply(sent[0].xid));
    CHECK(m.s.info().safe_until == proto::session::time_point{});
    m.read("b");
    CHECK(m.sent().size() == 1);
    m.now += 1s;
    m.lose();
    CHECK(m.state() == session_state::suspended);
    CHECK(!m.s.info().read_only);
    CHECK(m.s.info().id == 0);
    CHECK(m.s.deadline() == never);    // it does not expire: the watches stay
    m.now += 1h;
    REQUIRE(!m.s.tick(m.now));
    m.take_log();

    const auto greeting = m.attach(0x99);
    CHECK(greeting.session_id == 0);
    CHECK(std::count(greeting.password.begin(), greeting.password.end(), '\0') == 16);
    CHECK(!m.s.info().read_only);
    CHECK(m.s.info().generation == 2);
    CHECK(m.s.info().safe_until > m.now);
    CHECK(m.s.metrics().resumptions == 0);
    const auto again = m.sent();
    REQUIRE(again.size() == 2);
    CHECK(again[0].is(opcode::set_watches));
    CHECK(again[1].is(opcode::get_data));
    CHECK(m.take_log().empty());
}

TEST_CASE("once a server takes writes the client goes there, behind the replies that it awaits") {
    reader m;
    const auto other = (m.here + 1) % 3;
    CHECK(m.s.take_question(m.now) == other);
    CHECK(!m.s.take_question(m.now));
    CHECK(!m.s.answered_question(other, false, m.now, 0));
    CHECK(m.s.deadline() == m.now + 50ms);
    m.now += 50ms;
    const auto third = m.s.take_question(m.now);
    REQUIRE(third);
    m.read("a");
    const auto sent = m.sent();
    REQUIRE(sent.size() == 1);
    CHECK(!m.s.answered_question(*third, true, m.now, 0));
    m.write("b");
    CHECK(m.sent().empty());
    CHECK(!m.s.take_question(m.now + 10s));
    CHECK(m.reply(sent[0].xid) == client_errc::moving);
    m.s.disconnected(error_code(client_errc::moving), m.now, 0);
    CHECK(m.take_log() == lines({"a ok"}));
    const auto st = m.s.next(m.now);
    CHECK(st.what == machine::step::kind::connect);
    CHECK(st.host == *third);
    CHECK(m.s.metrics().connect_failures == 0);
    m.attach();
    CHECK(m.sent().size() == 1);
    CHECK(!m.s.take_question(m.now + 10s));
}

TEST_CASE("where nothing is awaited it goes at once") {
    reader m;
    const auto host = m.s.take_question(m.now);
    REQUIRE(host);
    CHECK(m.s.answered_question(*host, true, m.now, 0) == client_errc::moving);
}

TEST_CASE("another list begins the search anew") {
    reader m;
    REQUIRE(m.s.take_question(m.now));
    CHECK(m.s.deadline() > m.now);
    const std::vector<std::optional<std::size_t>> former{0, 1, 2};
    REQUIRE(!m.s.replace_hosts(former, 1));
    CHECK(m.s.take_question(m.now) == 0U);
}

TEST_CASE("who is about to move goes where it meant to, also if another list comes in between") {
    const std::vector<std::optional<std::size_t>> former{0, 1, 2, std::nullopt};
    int stayed = 0;
    for (std::uint64_t random = 0; random != 200; ++random) {
        CAPTURE(random);
        reader m;
        m.read("a");
        const auto sent = m.sent();
        REQUIRE(sent.size() == 1);
        REQUIRE(m.s.take_question(m.now));
        REQUIRE(!m.s.answered_question(2, true, m.now, 0));
        REQUIRE(!m.s.replace_hosts(former, random));
        REQUIRE(!m.s.replace_hosts(std::vector<std::optional<std::size_t>>{3, 2, 1, 0}, random));
        CHECK(m.reply(sent[0].xid) == client_errc::moving);
        m.s.disconnected(error_code(client_errc::moving), m.now, 0);
        const auto st = m.s.next(m.now);
        REQUIRE(st.what == machine::step::kind::connect);
        CHECK((st.host == 0 || st.host == 1));    // the new one, which is drawn once in four times, or the former 2
        if (st.host == 1) ++stayed;
    }
    CHECK(stayed > 120);
    CHECK(stayed < 180);
}

TEST_CASE("a refused write may overtake the reads before it, and nothing else may") {
    reader m;
    m.read("a");
    m.write("b");
    m.read("c");
    m.write("d");
    const auto sent = m.sent();
    REQUIRE(sent.size() == 4);
    const auto refused = static_cast<std::int32_t>(server_errc::not_read_only);
    const auto told = error_code(server_errc::not_read_only).message();
    REQUIRE(!m.reply(sent[3].xid, 1, refused));
    REQUIRE(!m.reply(sent[1].xid, 1, refused));
    CHECK(m.take_log() == journal{"d " + told, "b " + told});
    SUBCASE("the reads come") {
        REQUIRE(!m.reply(sent[0].xid));
        REQUIRE(!m.reply(sent[2].xid));
        CHECK(m.take_log() == lines({"a ok", "c ok"}));
    }
    SUBCASE("a reply to nothing") { CHECK(m.reply(sent[3].xid, 1, refused) == protocol_errc::xid_out_of_order); }
    SUBCASE("a result") { CHECK(m.reply(sent[2].xid) == protocol_errc::xid_out_of_order); }
}

TEST_CASE("a server with a quorum has its replies in order") {
    machine m;
    m.attach();
    m.read("a");
    m.write("b");
    const auto sent = m.sent();
    CHECK(m.reply(sent[1].xid, 1, static_cast<std::int32_t>(server_errc::not_read_only)) == protocol_errc::xid_out_of_order);
}

TEST_CASE("who is closing does not search") {
    reader m;
    m.s.close(m.now);
    CHECK(!m.s.take_question(m.now));
    CHECK(m.sent().size() == 1);
    CHECK(m.s.deadline() > m.now);
    CHECK(!m.s.answered_question(0, true, m.now, 0));
}

TEST_CASE("it is told") {
    auto settings = reading();
    settings.log = zk::log_level::debug;
    reader m(settings);
    REQUIRE(m.s.take_question(m.now));
    REQUIRE(m.s.answered_question(2, true, m.now, 0) == client_errc::moving);
    const auto told = m.s.told().take();
    REQUIRE(told.size() == 3);
    CHECK(told[1].event == zk::log_event::connected_read_only);
    CHECK(told[1].level == zk::log_level::warning);
    CHECK(told[2].event == zk::log_event::writable_found);
    CHECK(told[2].host == 2U);
}

TEST_SUITE_END();
