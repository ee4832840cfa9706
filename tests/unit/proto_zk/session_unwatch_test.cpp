// Part of muster. Boost Software License 1.0, see LICENSE.
//
// What the server is told of watches that nobody waits for, and how the kinds share what an old server keeps per path.
#include "watching_fixture.hpp"

using namespace muster;
using namespace muster::test;
using proto::watch_kind;

namespace {

constexpr std::int32_t no_node = -101;
constexpr std::int32_t children_only = 1;
constexpr std::int32_t data_only = 2;
constexpr std::int32_t any = 3;

}    // namespace

TEST_SUITE_BEGIN("session: unwatching");

TEST_CASE("R9: the last subscriber of a path that goes removes the server's watch, of any kind, once") {
    for (const auto kind :
         {watch_kind::data, watch_kind::exist, watch_kind::child, watch_kind::persistent, watch_kind::recursive}) {
        CAPTURE(static_cast<int>(kind));
        watching m;
        const auto one = m.add(kind, "/a", "one");
        const auto two = m.add(kind, "/a", "two");
        m.drop(kind, "/a", one);
        CHECK(m.sent().empty());
        m.drop(kind, "/a", two);
        CHECK(m.removed("/a") == any);
        CHECK(m.sent().empty());
        // It is not told again: the watch went with the connection.
        m.lose();
        m.attach();
        CHECK(m.sent().empty());
    }
}

TEST_CASE("R9: of two one-shot kinds on a path the one that is not waited for goes alone") {
    {
        watching m;
        const auto data = m.add(watch_kind::data, "/a", "data");
        const auto child = m.add(watch_kind::child, "/a", "child");
        m.drop(watch_kind::data, "/a", data);
        CHECK(m.removed("/a") == data_only);
        m.drop(watch_kind::child, "/a", child);
        CHECK(m.removed("/a") == any);
    }
    {
        watching m;
        const auto exist = m.add(watch_kind::exist, "/a", "exist");
        const auto data = m.add(watch_kind::data, "/a", "data");
        const auto child = m.add(watch_kind::child, "/a", "child");
        m.drop(watch_kind::data, "/a", data);    // the server knows no difference between data and exist
        CHECK(m.sent().empty());
        m.drop(watch_kind::child, "/a", child);
        CHECK(m.removed("/a") == children_only);
        m.drop(watch_kind::exist, "/a", exist);
        CHECK(m.removed("/a") == any);
    }
}

TEST_CASE("R9: with a lasting watch on the path nothing is removed before that goes, too") {
    watching m;
    const auto one = m.add(watch_kind::data, "/a", "one");
    const auto lasting = m.add(watch_kind::persistent, "/a", "lasting");
    m.drop(watch_kind::data, "/a", one);
    CHECK(m.sent().empty());
    m.drop(watch_kind::persistent, "/a", lasting);
    CHECK(m.removed("/a") == any);
}

TEST_CASE("R9: a one-shot watch lives on the lasting one whose subscriber is gone, which goes when it has fired") {
    for (const bool fires : {true, false}) {
        watching m;
        const auto lasting = m.add(watch_kind::persistent, "/a", "lasting");
        const auto one = m.add(watch_kind::data, "/a", "one");
        m.drop(watch_kind::persistent, "/a", lasting);
        CHECK(m.sent().empty());
        if (fires) {
            CHECK(!m.feed(event_frame(3, "/a")));
            CHECK(m.take_log() == lines({"one data_changed /a"}));
        } else {
            m.drop(watch_kind::data, "/a", one);
        }
        CHECK(m.removed("/a") == any);
        CHECK(m.sent().empty());
    }
}

TEST_CASE("R9: nothing is removed where a watch is just being set") {
    for (const auto kind : {watch_kind::data, watch_kind::persistent}) {
        for (const bool succeeds : {true, false}) {
            CAPTURE(succeeds);
            watching m;
            const auto old = m.add(watch_kind::persistent, "/a", "old");
            m.ask(kind, "/a", "ask");
            CHECK(m.sent().size() == 1);
            m.drop(watch_kind::persistent, "/a", old);
            CHECK(m.sent().empty());
            CHECK(!m.reply(1, 1, succeeds ? 0 : no_node));
            if (succeeds) {
                CHECK(m.sent().empty());
            } else {
                CHECK(m.removed("/a") == any);
            }
        }
    }
}

TEST_CASE("R9: a request that is withdrawn before it was written holds nothing up") {
    watching m;
    const auto old = m.add(watch_kind::persistent, "/a", "old");
    const auto id = m.ask(watch_kind::data, "/a", "ask");
    m.drop(watch_kind::persistent, "/a", old);
    m.s.cancel(id, client_errc::timed_out);
    CHECK(m.removed("/a") == any);
}

TEST_CASE("R10: a watch whose caller gave up is removed, if the server has set it") {
    struct row {
        watch_kind kind;
        std::int32_t err;
        bool armed;
    };
    for (const auto& [kind, err, armed] :
         {row{watch_kind::data, 0, true}, row{watch_kind::data, no_node, false}, row{watch_kind::exist, no_node, true},
          row{watch_kind::exist, -102, false}, row{watch_kind::child, 0, true}, row{watch_kind::recursive, 0, true}}) {
        CAPTURE(static_cast<int>(kind));
        CAPTURE(err);
        watching m;
        const auto id = m.ask(kind, "/a", "ask");
        CHECK(m.sent().size() == 1);
        m.s.cancel(id, client_errc::timed_out);
        CHECK(!m.reply(1, 1, err));
        if (armed) {
            CHECK(m.removed("/a") == any);
        } else {
            CHECK(m.sent().empty());
        }
    }
}

TEST_CASE("nothing is removed without a connection, or while closing") {
    watching m;
    const auto one = m.add(watch_kind::data, "/a", "one");
    const auto two = m.add(watch_kind::data, "/b", "two");
    const auto before = m.add(watch_kind::persistent, "/c", "before");
    m.drop(watch_kind::persistent, "/c", before);    // not written yet: it goes with the connection
    m.lose();
    m.drop(watch_kind::data, "/a", one);
    m.attach();
    const auto r = m.only();
    CHECK(r.is(opcode::set_watches));
    CHECK(r.as<proto::set_watches_request>().data == std::vector<std::string>{"/b"});
    m.drop(watch_kind::data, "/b", two);
    m.s.close(m.now);
    CHECK(m.only().is(opcode::close_session));
}

TEST_SUITE_END();

TEST_SUITE_BEGIN("session: one mode per path");

TEST_CASE("R9: where a lasting watch tells what a read would watch for, the read sets none that would replace it") {
    struct row {
        watch_kind lasting;
        watch_kind kind;
        bool asked;
    };
    for (const auto& [lasting, kind, asked] :
         {row{watch_kind::persistent, watch_kind::data, false}, row{watch_kind::persistent, watch_kind::exist, false},
          row{watch_kind::persistent, watch_kind::child, false}, row{watch_kind::recursive, watch_kind::data, false},
          row{watch_kind::recursive, watch_kind::exist, false}, row{watch_kind::recursive, watch_kind::child, true}}) {
        CAPTURE(static_cast<int>(lasting));
        CAPTURE(static_cast<int>(kind));
        watching m;
        m.add(lasting, "/a", "lasting");
        m.ask(kind, "/b", "elsewhere");
        CHECK(m.asked_to_watch());
        m.ask(kind, "/a", "read");
        CHECK(m.asked_to_watch() == asked);
        CHECK(!m.reply(1));
        CHECK(!m.reply(2));
        CHECK(m.sent().empty());
        m.take_log();
        CHECK(!m.feed(event_frame(kind == watch_kind::child ? 4 : 3, "/a")));
        const auto log = m.take_log();
        CHECK(std::count_if(log.begin(), log.end(), [](auto& l) { return l.starts_with("watch read "); }) == 1);
    }
}

TEST_CASE("R9: the same where the lasting watch is on its way, or was left for the one-shot watches of the path") {
    {
        watching m;
        m.ask(watch_kind::persistent, "/a", "lasting");
        CHECK(m.only().is(opcode::add_watch));
        m.ask(watch_kind::data, "/a", "read");
        CHECK(!m.asked_to_watch());
        CHECK(!m.reply(1));
        CHECK(!m.reply(2));
        CHECK(m.sent().empty());
    }
    {
        watching m;
        const auto lasting = m.add(watch_kind::persistent, "/a", "lasting");
        m.add(watch_kind::data, "/a", "one");
        m.drop(watch_kind::persistent, "/a", lasting);
        CHECK(m.sent().empty());
        m.ask(watch_kind::data, "/a", "read");
        CHECK(!m.asked_to_watch());
    }
}

TEST_CASE("R9: what was to cover a one-shot watch did not come about: it is armed as of its reply") {
    watching m;
    m.ask(watch_kind::persistent, "/a", "lasting");
    m.ask(watch_kind::data, "/a", "read");
    CHECK(m.sent().size() == 2);
    CHECK(!m.reply(1, 1, -127));
    CHECK(!m.reply(2, 0x20));
    const auto r = m.only();
    REQUIRE(r.is(opcode::set_watches));
    const auto record = r.as<proto::set_watches_request>();
    CHECK(record.relative_zxid == 0x20);
    CHECK(record.data == std::vector<std::string>{"/a"});
    CHECK(record.exist.empty());
    CHECK(record.child.empty());
    CHECK(m.reply(r.xid, 1, -5) == server_errc::marshalling_error);    // without it the connection is of no use
}

TEST_CASE("R9: on the next connection it is decided anew") {
    watching m;
    const auto lasting = m.add(watch_kind::persistent, "/a", "lasting");
    m.ask(watch_kind::data, "/a", "read");
    CHECK(!m.asked_to_watch());
    m.lose();
    m.drop(watch_kind::persistent, "/a", lasting);
    m.attach();
    CHECK(m.asked_to_watch());
}

TEST_CASE("R9: a recursive watch replaces the child watch of its path, which is armed again") {
    watching m;
    m.add(watch_kind::child, "/a", "child");
    m.ask(watch_kind::recursive, "/a", "recursive");
    CHECK(m.sent().size() == 1);
    CHECK(!m.reply(1, 0x30));
    const auto r = m.only();
    REQUIRE(r.is(opcode::set_watches));
    CHECK(r.as<proto::set_watches_request>().relative_zxid == 0x30);
    CHECK(r.as<proto::set_watches_request>().child == std::vector<std::string>{"/a"});
    CHECK(r.as<proto::set_watches_request>().data.empty());
}

TEST_CASE("R9: a recursive watch and a child watch of one path are armed again in this order") {
    watching m;
    m.add(watch_kind::child, "/a", "child");
    m.add(watch_kind::child, "/b", "other");
    m.add(watch_kind::recursive, "/a", "recursive");
    m.lose();
    m.attach();
    const auto sent = m.sent();
    REQUIRE(sent.size() == 2);
    REQUIRE(sent[0].is(opcode::set_watches2));
    const auto first = sent[0].as<proto::set_watches2_request>();
    CHECK(first.child == std::vector<std::string>{"/b"});
    CHECK(first.persistent_recursive == std::vector<std::string>{"/a"});
    REQUIRE(sent[1].is(opcode::set_watches));
    CHECK(sent[1].as<proto::set_watches_request>().child == std::vector<std::string>{"/a"});
}

TEST_CASE("R2: a watch that was not armed before the connection was lost is as old as it was, and later ones are not") {
    watching m;
    m.add(watch_kind::child, "/a", "child");
    m.ask(watch_kind::recursive, "/a", "recursive");
    m.ask(watch_kind::data, "/b", "data");
    CHECK(m.sent().size() == 2);
    CHECK(!m.reply(1, 0x20));
    bool answered = false;
    SUBCASE("not written") {}
    SUBCASE("written") { CHECK(m.only().is(opcode::set_watches)); }
    SUBCASE("answered") {
        CHECK(m.only().is(opcode::set_watches));
        answered = true;
    }
    CHECK(!m.reply(2, 0x30));    // shows what happened in between
    if (answered) CHECK(!m.reply(3, 0x40));
    const zk::zxid last = answered ? 0x40 : 0x30;
    for (int i = 0; i != 2; ++i) {
        m.now += 1s;
        m.lose();
        m.attach();
        const auto sent = m.sent();
        REQUIRE(sent.size() == 2);
        const auto others = sent[0].as<proto::set_watches2_request>();
        CHECK(others.relative_zxid == last);
        CHECK(others.data == lines({"/b"}));
        CHECK(others.persistent_recursive == lines({"/a"}));
        const auto child = sent[1].as<proto::set_watches_request>();
        CHECK(child.relative_zxid == (answered ? last : 0x20));
        CHECK(child.child == lines({"/a"}));
        CHECK(!m.reply(sent[0].xid, 0x100));
    }
}

TEST_SUITE_END();
