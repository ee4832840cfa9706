// Part of muster. Boost Software License 1.0, see LICENSE.
//
// What becomes of watches where somebody gave up, or closed, before the server's reply.
#include "watching_fixture.hpp"

using namespace muster;
using namespace muster::test;
using proto::watch_kind;

namespace {

constexpr std::int32_t any = 3;
constexpr std::int32_t no_watcher = -121;
constexpr std::int32_t throttled = -127;

/// Removes all watches of a path, as the client's operation does.
std::uint64_t remove_all(machine& m, const std::string& path, std::chrono::milliseconds limit = 1h) {
    auto r = m.make("remove", true);
    proto::request_header header;
    header.type = proto::to_wire(opcode::remove_watches);
    r->frame = frame_of(header, proto::remove_watches_request{path, any});
    r->deadline.at = m.now + limit;
    m.s.submit(std::move(r));
    return m.next_id - 1;
}

const std::string ended = error_code(client_errc::watch_ended).message();

}    // namespace

TEST_SUITE_BEGIN("session: giving up");

TEST_CASE("R10: a removal whose caller gave up ends the watchers when the server has done it") {
    for (const bool cancelled : {true, false}) {
        for (const std::int32_t err : {0, no_watcher}) {
            CAPTURE(cancelled);
            CAPTURE(err);
            watching m;
            m.add(watch_kind::data, "/a", "one");
            m.add(watch_kind::persistent, "/a", "lasting");
            m.add(watch_kind::data, "/b", "other");
            const auto id = remove_all(m, "/a", 100ms);
            const auto r = m.only();
            if (cancelled) {
                m.s.cancel(id, client_errc::timed_out);
            } else {
                m.now += 100ms;
                CHECK(!m.s.tick(m.now));
            }
            CHECK(m.take_log().size() == 1);
            CHECK(m.s.watches().watched("/a"));
            CHECK(!m.reply(r.xid, 1, err));
            CHECK(m.take_log() == journal{"one ended: " + ended, "lasting ended: " + ended});
            CHECK(m.s.watches().size() == 1);
            m.ask(watch_kind::data, "/a", "read");    // nothing covers it now
            CHECK(m.asked_to_watch());
        }
    }
}

TEST_CASE("a removal ends the watchers ahead of its own completion; one that failed ends none") {
    watching m;
    m.add(watch_kind::child, "/a", "child");
    remove_all(m, "/a");
    CHECK(!m.reply(m.only().xid, 1, throttled));
    CHECK(m.s.watches().watched("/a"));
    m.take_log();
    remove_all(m, "/a");
    CHECK(!m.reply(m.only().xid));
    CHECK(m.take_log() == journal{"child ended: " + ended, "remove ok"});
}

TEST_CASE("R9: a read behind a removal does not count on the lasting watch that goes, nor on one left for others") {
    for (const bool left : {false, true}) {
        CAPTURE(left);
        watching m;
        const auto lasting = m.add(watch_kind::persistent, "/a", "lasting");
        m.add(watch_kind::data, "/a", "one");
        if (left) m.drop(watch_kind::persistent, "/a", lasting);
        remove_all(m, "/a");
        m.ask(watch_kind::data, "/a", "read");
        CHECK(m.sent().size() == 2);
        CHECK(!m.reply(1));
        CHECK(!m.reply(2, 0x20));
        const auto r = m.only();
        REQUIRE(r.is(opcode::set_watches));
        CHECK(r.as<proto::set_watches_request>().data == std::vector<std::string>{"/a"});
        CHECK(r.as<proto::set_watches_request>().relative_zxid == 0x20);
    }
}

TEST_CASE("R9: a recursive watch whose caller gave up has replaced the child watch of its path, which is armed again") {
    watching m;
    const auto child = m.add(watch_kind::child, "/a", "child");
    const auto id = m.ask(watch_kind::recursive, "/a", "recursive");
    CHECK(m.only().is(opcode::add_watch));
    m.s.cancel(id, client_errc::timed_out);
    CHECK(!m.reply(1, 0x30));
    const auto r = m.only();
    REQUIRE(r.is(opcode::set_watches));
    CHECK(r.as<proto::set_watches_request>().relative_zxid == 0x30);
    CHECK(r.as<proto::set_watches_request>().child == std::vector<std::string>{"/a"});
    CHECK(!m.reply(r.xid));
    CHECK(m.sent().empty());    // the recursive one goes when the child watch does
    m.drop(watch_kind::child, "/a", child);
    CHECK(m.removed("/a") == any);
}

TEST_CASE("R10: a removal leaves nothing that the session arms just then") {
    for (const bool written : {false, true}) {
        for (const bool fails : {false, true}) {
            CAPTURE(written);
            CAPTURE(fails);
            watching m;
            m.add(watch_kind::child, "/a", "child");
            m.add(watch_kind::data, "/a", "data");
            m.ask(watch_kind::recursive, "/a", "recursive");
            remove_all(m, "/a");
            CHECK(m.sent().size() == 2);
            CHECK(!m.reply(1, 0x30));
            std::vector<sent_request> behind;
            if (written) behind = m.sent();
            CHECK(!m.reply(2, 0x30, fails ? throttled : 0));
            const auto more = m.sent();
            behind.insert(behind.end(), more.begin(), more.end());
            REQUIRE(behind.size() == (fails ? 1 : 2));
            CHECK(behind[0].as<proto::set_watches_request>().child == lines({"/a"}));
            CHECK(m.s.watches().watched("/a") == fails);
            CHECK(!m.reply(behind[0].xid, 0x30));
            if (!fails) {
                REQUIRE(behind[1].is(opcode::remove_watches));
                CHECK(behind[1].as<proto::remove_watches_request>().path == "/a");
                CHECK(behind[1].as<proto::remove_watches_request>().type == any);
                CHECK(!m.reply(behind[1].xid, 0x30));
            }
            CHECK(m.sent().empty());
        }
    }
}

TEST_CASE("R9: where a removal leaves what the session arms just then, the next read is not left without a watch") {
    watching m;
    m.add(watch_kind::child, "/a", "child");
    m.ask(watch_kind::recursive, "/a", "recursive");
    remove_all(m, "/a");
    m.ask(watch_kind::data, "/a", "read");    // nothing is known of its watch before it is written
    CHECK(m.sent().size() == 3);
    CHECK(!m.reply(1, 0x30));
    CHECK(m.only().is(opcode::set_watches));
    CHECK(!m.reply(2, 0x30));
    CHECK(m.sent().empty());    // what the read asks for is not to be removed
    CHECK(!m.reply(3, 0x31));
    // What was counted on is gone: its watch is armed, and what is left of the other goes.
    const auto sent = m.sent();
    REQUIRE(sent.size() == 2);
    CHECK(sent[0].as<proto::set_watches_request>().data == lines({"/a"}));
    CHECK(sent[1].as<proto::remove_watches_request>().type == 1);
    CHECK(!m.reply(4, 0x32));
    CHECK(!m.reply(sent[0].xid, 0x32));
    CHECK(!m.reply(sent[1].xid, 0x32));
    CHECK(!m.feed(event_frame(3, "/a")));
    CHECK(m.take_log().back() == "watch read data_changed /a");
}

TEST_CASE("R43: nothing is armed behind closeSession, whose reply is the end") {
    for (const bool replaced : {true, false}) {
        CAPTURE(replaced);
        watching m;
        if (replaced) {    // a child watch is, by a recursive one that is under way
            m.add(watch_kind::child, "/a", "child");
            m.ask(watch_kind::recursive, "/a", "recursive");
        } else {    // a read counts on a watch that will not come about
            m.ask(watch_kind::persistent, "/a", "lasting");
            m.ask(watch_kind::data, "/a", "read");
        }
        m.s.close(m.now);
        const auto sent = m.sent();
        REQUIRE(sent.back().is(opcode::close_session));
        CHECK(!m.reply(1, 1, replaced ? 0 : throttled));
        if (!replaced) CHECK(!m.reply(2));
        CHECK(m.sent().empty());
        CHECK(!m.reply(sent.back().xid));
        CHECK(m.s.finished());
        CHECK(!m.s.close_result());
    }
}

TEST_SUITE_END();
