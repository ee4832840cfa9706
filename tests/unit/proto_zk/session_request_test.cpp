// Part of muster. Boost Software License 1.0, see LICENSE.
#include "session_fixture.hpp"

using namespace muster;
using namespace muster::test;

TEST_SUITE_BEGIN("session: requests");

TEST_CASE("requests are written and answered in order") {
    machine m;
    m.attach();
    m.read("a");
    m.write("b");
    m.read("c");
    const auto sent = m.sent();
    REQUIRE(sent.size() == 3);
    CHECK(sent[0].xid == 1);
    CHECK(sent[1].xid == 2);
    CHECK(sent[2].xid == 3);
    CHECK(!m.feed(reply_frame(1, 5) + reply_frame(2, 6, -101) + reply_frame(3, 7)));
    CHECK(m.log == journal{"a ok", "b " + error_code(server_errc::no_node).message(), "c ok"});
    CHECK(m.s.metrics().requests_sent == 3);
    CHECK(m.s.metrics().replies_received == 3);
}

TEST_CASE("a reply to another request than the oldest drops the connection") {
    machine m;
    m.attach();
    m.read("a");
    m.read("b");
    m.sent();
    CHECK(m.reply(2) == protocol_errc::xid_out_of_order);
}

TEST_CASE("a reply to nothing drops the connection") {
    machine m;
    m.attach();
    CHECK(m.reply(1) == protocol_errc::unexpected_reply);
}

TEST_CASE("R35: numbers of requests wrap to 1 and are never 0 or negative") {
    auto settings = settings_for_tests();
    settings.first_xid = 2'147'483'645;
    machine m(settings);
    m.attach();
    std::vector<std::int32_t> xids;
    for (int i = 0; i != 10; ++i) {
        m.read("r");
        for (const auto& r : m.sent()) {
            xids.push_back(r.xid);
            CHECK(!m.reply(r.xid));
        }
    }
    CHECK(xids == std::vector<std::int32_t>{2'147'483'645, 2'147'483'646, 2'147'483'647, 1, 2, 3, 4, 5, 6, 7});
    CHECK(m.log == journal(10, "r ok"));
}

TEST_CASE("R42: unknown numbers of errors and events do no harm") {
    machine m;
    m.attach();
    m.s.watches().add(proto::watch_kind::persistent, "/a", std::make_shared<recorder>(m.log, "watch"));
    m.write("a");
    m.sent();
    CHECK(!m.feed(event_frame(-1, "/a") + event_frame(0, "/a") + event_frame(5, "/a") + event_frame(77, "/a") +
                  event_frame(100, "/a") + event_frame(-2147483647 - 1, "/a") + event_frame(3, "") + reply_frame(1, 1, -9999)));
    CHECK(m.log == lines({"a unknown error -9999"}));
    CHECK(m.s.metrics().events_received == 7);
}

TEST_CASE("a write is limited, and goes on with the next one") {
    machine m;
    m.attach();
    for (int i = 0; i != 10; ++i) m.read("r");
    std::string out;
    m.s.fill(out, 1, m.now);
    CHECK(take_frames(out).size() == 1);
    m.s.fill(out, 13, m.now);    // a frame has 12 bytes
    CHECK(take_frames(out).size() == 2);
    CHECK(m.s.wants_write());
}

TEST_CASE("cancelled before it was written: withdrawn") {
    machine m;
    m.attach();
    const auto a = m.write("a");
    m.write("b");
    m.s.cancel(a, client_errc::timed_out);
    CHECK(m.take_log() == lines({"a no server answered in time"}));
    CHECK(m.sent().size() == 1);
    CHECK(!m.reply(1));
    CHECK(m.log == lines({"b ok"}));
}

TEST_CASE("cancelled after it was written: the reply is consumed unseen") {
    machine m;
    m.attach();
    const auto a = m.write("a");
    m.write("b");
    m.sent();
    m.s.cancel(a, client_errc::timed_out);
    m.s.cancel(a, client_errc::timed_out);
    CHECK(m.take_log() == lines({"a no server answered in time"}));
    CHECK(!m.feed(reply_frame(1, 1) + reply_frame(2, 2)));
    CHECK(m.log == lines({"b ok"}));
    m.s.cancel(a, client_errc::timed_out);
    m.s.cancel(12345, client_errc::timed_out);
    CHECK(m.log == lines({"b ok"}));
}

TEST_CASE("a cancelled read is not repeated on the next connection, and completes once") {
    machine m;
    m.attach();
    const auto a = m.read("a");
    m.read("b");
    m.sent();
    m.s.cancel(a, client_errc::timed_out);
    m.lose();
    m.attach();
    CHECK(m.sent().size() == 1);
    CHECK(m.log == lines({"a no server answered in time"}));
}

TEST_CASE("a lost connection: reads are repeated in order, writes complete with connection_lost, the unsent wait") {
    machine m;
    m.attach();
    m.read("r1");
    m.write("w1");
    m.read("r2");
    m.sent();
    m.write("w2");
    m.read("r3");
    m.lose();
    CHECK(m.take_log() == journal{"w1 " + lost});
    m.attach();
    const auto sent = m.sent();
    REQUIRE(sent.size() == 4);
    CHECK(sent[0].xid == 4);    // they are new requests to the server
    CHECK(sent[0].is(opcode::get_data));
    CHECK(sent[1].is(opcode::get_data));
    CHECK(sent[2].is(opcode::remove));
    CHECK(sent[3].is(opcode::get_data));
    for (const auto& r : sent) CHECK(!m.reply(r.xid));
    CHECK(m.log == lines({"r1 ok", "r2 ok", "w2 ok", "r3 ok"}));
}

TEST_CASE("what waits fails when the session expires, and what comes later waits for the next session") {
    machine m;
    m.attach();
    m.read("r1");
    m.sent();
    m.lose();
    m.write("w1");
    m.now += 12s;
    m.s.next(m.now);
    CHECK(m.take_log() == journal{"r1 " + expired, "w1 " + expired});
    m.write("w2");
    CHECK(m.log.empty());
    m.attach(0x99);
    CHECK(m.sent().size() == 1);
}

TEST_CASE("a reply that cannot be decoded drops the connection, and is not asked for again") {
    machine m;
    m.attach();
    auto r = m.make("a", true);
    r->malform();
    m.s.submit(std::move(r));
    m.read("b");
    m.sent();
    CHECK(m.reply(1) == protocol_errc::truncated);
    m.s.disconnected(error_code(protocol_errc::truncated), m.now, 0);
    m.attach();
    CHECK(m.sent().size() == 1);
    CHECK(m.log == lines({"a ok"}));
}

namespace {

const std::string too_large = error_code(protocol_errc::frame_too_large).message();

struct small_replies : machine {
    small_replies() : machine(settings()) {
        attach();
        read("large");
        read("other");
        sent();
    }
    static proto::session_settings settings() {
        auto s = settings_for_tests();
        s.max_frame = 1'000;
        return s;
    }
};

}    // namespace

TEST_CASE("R41: a reply larger than the limit fails its request alone, whoever else has the connection") {
    const std::string stream = begins_reply(1, 16 + 100'000) + std::string(100'000, 'x') + reply_frame(2, 2);
    for (const std::size_t chunk : {std::size_t{1}, std::size_t{19}, std::size_t{1'000}, std::size_t{16'384}}) {
        small_replies m;
        CHECK(!m.feed(stream, chunk));
        CHECK(m.log == journal{"large " + too_large, "other ok"});
    }
}

TEST_CASE("R41: nobody keeps the watch of a read whose reply was too large") {
    small_replies m;
    CHECK(!m.reply(1));
    CHECK(!m.reply(2));
    m.take_log();
    auto r = m.make("large", true);
    r->arms = "/p";
    r->arms_kind = proto::watch_kind::child;
    m.s.submit(std::move(r));
    CHECK(m.sent().size() == 1);
    CHECK(!m.feed(begins_reply(3, 16 + 5'000) + std::string(5'000, 'x')));
    CHECK(m.log == journal{"large " + too_large});
    const auto removal = m.sent();
    REQUIRE(removal.size() == 1);
    CHECK(removal[0].is(opcode::remove_watches));
}

TEST_CASE("R41: what is no reply to the oldest request is not passed over") {
    small_replies m;
    CHECK(m.feed(begins_reply(7, 100'000)) == protocol_errc::xid_out_of_order);
    CHECK(m.log.empty());
}

TEST_CASE("R41: a reply that takes longer than a new connection fails its request instead of being asked for endlessly") {
    small_replies m;
    const auto why = m.feed(begins_reply(1, 64 * 1024 * 1024 + 1).substr(0, 4));
    CHECK(why == protocol_errc::frame_too_large);
    m.s.disconnected(why, m.now, 0);
    CHECK(m.take_log() == journal{"large " + too_large});
    m.now += 1s;
    m.attach();
    CHECK(m.sent().size() == 1);
    CHECK(!m.reply(3));
    CHECK(m.log == lines({"other ok"}));
}

TEST_CASE("session moved: a write reports it, a read goes to the next server") {
    machine m;
    m.attach();
    m.write("w");
    m.sent();
    CHECK(m.reply(1, 1, -118) == server_errc::session_moved);
    CHECK(m.take_log() == journal{"w " + error_code(server_errc::session_moved).message()});
    m.s.disconnected(error_code(server_errc::session_moved), m.now, 0);

    m.now += 1s;
    m.attach();
    m.read("r");
    m.sent();
    CHECK(m.reply(2, 1, -118) == server_errc::session_moved);
    m.s.disconnected(error_code(server_errc::session_moved), m.now, 0);
    CHECK(m.log.empty());
    m.now += 1s;
    m.attach();
    CHECK(m.sent().size() == 1);
    CHECK(!m.reply(3));
    CHECK(m.log == lines({"r ok"}));
}

TEST_CASE("R7: the zxid of events and pings is not taken for one that was seen") {
    machine m;
    m.attach();
    m.read("a");
    m.sent();
    CHECK(!m.reply(1, 10));
    CHECK(!m.feed(event_frame(3, "/a", 15) + reply_frame(proto::xid_ping, 20)));
    m.lose();
    CHECK(m.attach().last_zxid_seen == 10);
}

TEST_CASE("the zxid never goes back") {
    machine m;
    m.attach();
    m.read("a");
    m.read("b");
    m.sent();
    CHECK(!m.feed(reply_frame(1, 10) + reply_frame(2, 9)));
    m.lose();
    CHECK(m.attach().last_zxid_seen == 10);
}

TEST_CASE("R38: byte by byte or in one piece: the same conversation") {
    const auto converse = [](std::size_t chunk) {
        machine m;
        m.read_and_watch("a", proto::watch_kind::data, "/a");
        m.attach();
        m.write("b");
        m.read("c");
        m.sent();
        error_code ec = m.feed(reply_frame(1, 1) + event_frame(3, "/a") + reply_frame(2, 2, -110) + ping_frame(), chunk);
        CHECK(!ec);
        m.lose();
        const auto r = m.attach();
        CHECK(r.last_zxid_seen == 2);
        CHECK(m.sent().size() == 1);
        ec = m.feed(reply_frame(4, 3) + event_frame(99, "/x") + reply_frame(99, 4), chunk);
        m.log.push_back(ec.message());
        m.s.disconnected(ec, m.now, 0);
        m.log.push_back(std::to_string(m.s.metrics().bytes_received));
        return m.log;
    };
    const auto whole = converse(1'000'000);
    CHECK(whole.size() == 6);
    CHECK(whole == converse(1));
    CHECK(whole == converse(7));
}

TEST_SUITE_END();

TEST_CASE("a request that is meant for one connection is written there or not at all") {
    const std::string not_sent = error_code(client_errc::not_sent).message();
    machine m;
    const auto bound = [&m](const std::string& name, std::uint64_t connection) {
        auto r = m.make(name, false);
        r->connection = connection;
        m.s.submit(std::move(r));
    };
    bound("early", 1);
    CHECK(m.take_log() == journal{"early " + not_sent});
    m.attach();
    REQUIRE(m.s.info().connection == 1);
    bound("now", 1);
    bound("never", 2);
    CHECK(m.sent().size() == 1);
    CHECK(!m.reply(1));
    CHECK(m.take_log() == journal{"never " + not_sent, "now ok"});

    m.write("any");
    bound("late", 1);
    m.write("other");
    m.lose();
    CHECK(m.take_log() == journal{"late " + not_sent});
    bound("between", 1);
    m.attach();
    bound("old", 1);
    bound("new", 2);
    CHECK(m.take_log() == journal{"between " + not_sent, "old " + not_sent});
    CHECK(m.sent().size() == 3);
}
