// Part of muster. Boost Software License 1.0, see LICENSE.
#include "session_fixture.hpp"

#include <set>
#include <string>

using namespace muster;
using namespace muster::test;

TEST_SUITE_BEGIN("session: watches");

namespace {

std::shared_ptr<recorder> sink(machine& m, const std::string& name) { return std::make_shared<recorder>(m.log, name); }

}    // namespace

TEST_CASE("R6: an event in the segment of the reply that armed its watch finds it") {
    machine m;
    m.attach();
    m.read_and_watch("a", proto::watch_kind::data, "/a");
    m.sent();
    CHECK(!m.feed(reply_frame(1, 1) + event_frame(3, "/a")));
    CHECK(m.log == lines({"a ok", "watch a data_changed /a"}));
}

TEST_CASE("a read that failed arms nothing") {
    machine m;
    m.attach();
    m.read_and_watch("a", proto::watch_kind::data, "/a");
    m.sent();
    CHECK(!m.feed(reply_frame(1, 1, -101) + event_frame(3, "/a")));
    CHECK(m.log.size() == 1);
}

TEST_CASE("a new session arms nothing") {
    machine m;
    m.read("r");
    m.attach();
    const auto sent = m.sent();
    REQUIRE(sent.size() == 1);
    CHECK(sent[0].is(opcode::get_data));
}

TEST_CASE("watches are armed again before anything else, with setWatches") {
    machine m;
    m.attach();
    m.read("r");
    m.sent();
    CHECK(!m.reply(1, 0x42));
    m.s.watches().add(proto::watch_kind::data, "/d", sink(m, "d"));
    m.s.watches().add(proto::watch_kind::exist, "/e", sink(m, "e"));
    m.s.watches().add(proto::watch_kind::child, "/c", sink(m, "c"));
    m.read("unanswered");
    m.sent();
    m.write("unsent");
    m.lose();
    m.attach();
    const auto sent = m.sent();
    REQUIRE(sent.size() == 3);
    CHECK(sent[0].is(opcode::set_watches));
    CHECK(sent[0].xid == 3);
    CHECK(sent[1].is(opcode::get_data));
    CHECK(sent[2].is(opcode::remove));
    const auto r = sent[0].as<proto::set_watches_request>();
    CHECK(r.relative_zxid == 0x42);
    CHECK(r.data == std::vector<std::string>{"/d"});
    CHECK(r.exist == std::vector<std::string>{"/e"});
    CHECK(r.child == std::vector<std::string>{"/c"});
    // What was missed comes before the reply.
    m.log.clear();
    CHECK(!m.feed(event_frame(1, "/e") + reply_frame(3, 0x50)));
    CHECK(m.log == lines({"e created /e"}));
}

TEST_CASE("R1, R2, R3: many watches of all kinds: several batches, all below 128 KiB, disjoint, with one zxid, acknowledged") {
    constexpr int paths = 20'000;
    machine m;
    m.attach();
    m.read("r");
    m.sent();
    CHECK(!m.reply(1, 0x42));
    for (int i = 0; i != paths; ++i) {
        const auto path = "/" + std::string(195, 'x') + std::to_string(10'000 + i);
        m.s.watches().add(static_cast<proto::watch_kind>(i % 5), path, sink(m, "w" + std::to_string(i)));
    }
    m.lose();
    m.attach();
    CHECK(m.take_log().size() == 1 + 2 * paths / 5);    // the read, and a resync for each persistent one
    m.fill();
    std::array<std::vector<std::string>, 5> armed;
    std::vector<std::int32_t> xids;
    std::int64_t answer = 0x100;
    for (const auto& f : take_frames(m.written)) {
        CHECK(f.size() + 4 <= 128 * 1024);
        const auto r = parse_request(f);
        xids.push_back(r.xid);
        proto::set_watches2_request batch;
        if (r.is(opcode::set_watches)) {
            const auto old = r.as<proto::set_watches_request>();
            batch.relative_zxid = old.relative_zxid;
            batch.data = old.data;
            batch.exist = old.exist;
            batch.child = old.child;
        } else {
            REQUIRE(r.is(opcode::set_watches2));
            batch = r.as<proto::set_watches2_request>();
            CHECK(batch.persistent.size() + batch.persistent_recursive.size() > 0);
        }
        CHECK(batch.relative_zxid == 0x42);
        int kind = 0;
        for (const auto* list : {&batch.data, &batch.exist, &batch.child, &batch.persistent, &batch.persistent_recursive}) {
            auto& all = armed.at(static_cast<std::size_t>(kind++));
            all.insert(all.end(), list->begin(), list->end());
        }
    }
    CHECK(xids.size() >= 32);    // 4 MB of paths
    for (const auto xid : xids) CHECK(!m.reply(xid, ++answer));
    for (auto& list : armed) {
        CHECK(list.size() == paths / 5);
        std::sort(list.begin(), list.end());
        CHECK(std::adjacent_find(list.begin(), list.end()) == list.end());
    }
    // Each still fires.
    for (std::size_t kind = 0; kind != 5; ++kind) {
        for (const auto& path : armed.at(kind)) CHECK(!m.feed(event_frame(kind == 2 ? 4 : 3, path)));
    }
    CHECK(m.log.size() == paths);
    CHECK(std::set<std::string>(m.log.begin(), m.log.end()).size() == paths);
}

TEST_CASE("R1: no batch is larger than the largest request, in which each single path fits that a read could name") {
    constexpr std::size_t limit = 32 * 1024;
    constexpr std::size_t beside_path = 45;    // see rearm_overhead, and what a read takes beside its path
    auto settings = settings_for_tests();
    settings.max_request = limit;
    machine m(settings);
    m.attach();
    constexpr std::size_t paths = 1'000;
    for (std::size_t i = 0; i != paths; ++i) {
        m.s.watches().add(static_cast<proto::watch_kind>(i % 5), "/" + std::string(95, 'x') + std::to_string(i), sink(m, "w"));
    }
    for (const char* last : {"1", "2"}) {
        const auto longest = "/" + std::string(limit - beside_path - 2, 'y') + last;
        m.s.watches().add(proto::watch_kind::recursive, longest, sink(m, "long"));
        m.s.watches().add(proto::watch_kind::child, longest, sink(m, "long"));
    }
    m.lose();
    m.attach();
    m.fill();
    std::size_t armed = 0;
    std::size_t requests = 0;
    for (const auto& f : take_frames(m.written)) {
        CHECK(f.size() <= limit);
        ++requests;
        for (const auto& name : {"/xxx", "/yyy"}) {
            for (auto at = f.find(name); at != std::string::npos; at = f.find(name, at + 1)) ++armed;
        }
    }
    CHECK(armed == paths + 4);
    CHECK(requests >= 8);
}

TEST_CASE("R2: a connection lost while watches are armed again leaves them as old as they were") {
    machine m;
    m.attach();
    m.read("r");
    m.sent();
    CHECK(!m.reply(1, 0x42));
    m.s.watches().add(proto::watch_kind::recursive, "/p", sink(m, "r"));
    m.s.watches().add(proto::watch_kind::child, "/p", sink(m, "c"));
    const auto rearmed = [&](std::int64_t since) {
        const auto sent = m.sent();
        REQUIRE(sent.size() == 2);
        CHECK(sent[0].as<proto::set_watches2_request>().relative_zxid == since);
        CHECK(sent[1].as<proto::set_watches_request>().relative_zxid == since);
        CHECK(sent[1].as<proto::set_watches_request>().child == lines({"/p"}));
        return sent;
    };
    m.lose();
    m.attach();
    auto sent = rearmed(0x42);
    SUBCASE("behind one of two replies") { CHECK(!m.reply(sent[0].xid, 0x100)); }
    SUBCASE("by a refusal") { CHECK(m.reply(sent[0].xid, 0x100, -6) == server_errc::unimplemented); }
    SUBCASE("by a refusal of the last one") {
        CHECK(!m.reply(sent[0].xid, 0x100));
        CHECK(m.reply(sent[1].xid, 0x100, -6) == server_errc::unimplemented);
    }
    m.now += 1s;
    m.lose();
    m.open();    // nor does an attempt that fails leave them any other way
    m.greeting();
    m.lose();
    m.now += 1s;
    CHECK(m.attach().last_zxid_seen == 0x100);
    sent = rearmed(0x42);
    for (const auto& r : sent) CHECK(!m.reply(r.xid, 0x100));
    m.now += 1s;
    m.lose();
    m.attach();
    rearmed(0x100);
}

TEST_CASE("R4: persistent watches are told to resync at every reconnection, ahead of later events") {
    machine m;
    m.attach();
    m.s.watches().add(proto::watch_kind::persistent, "/p", sink(m, "p"));
    m.s.watches().add(proto::watch_kind::recursive, "/r", sink(m, "r"));
    m.s.watches().add(proto::watch_kind::data, "/d", sink(m, "d"));
    for (int i = 0; i != 3; ++i) {
        m.now += 1s;
        m.lose();
        CHECK(m.log.empty());
        m.open();
        m.greeting();
        CHECK(!m.feed(handshake_frame(machine::id, 9s) + event_frame(3, "/r/x") + event_frame(4, "/p")));
        auto log = m.take_log();
        REQUIRE(log.size() == 4);
        std::sort(log.begin(), log.begin() + 2);
        CHECK(log == lines({"p resync /p", "r resync /r", "r data_changed /r/x", "p children_changed /p"}));
        const auto sent = m.sent();
        REQUIRE(sent.size() == 1);
        CHECK(sent[0].is(opcode::set_watches2));
        CHECK(!m.reply(sent[0].xid));
    }
}

TEST_CASE("a server that refuses to arm the watches is left") {
    machine m;
    m.attach();
    m.s.watches().add(proto::watch_kind::data, "/a", sink(m, "a"));
    m.lose();
    m.attach();
    const auto sent = m.sent();
    CHECK(m.reply(sent.at(0).xid, 1, -6) == server_errc::unimplemented);
}

TEST_CASE("a server that does not know how to arm lasting watches is learned of, and passed over while there are some") {
    auto settings = settings_for_tests();
    settings.hosts = 2;
    machine m(settings);
    m.attach();
    auto lasting = sink(m, "lasting");
    m.s.watches().add(proto::watch_kind::persistent, "/a", lasting);
    m.now += 1s;
    m.lose();
    const auto old = m.s.next(m.now).host;
    m.attach();
    m.write("first");
    auto sent = m.sent();
    REQUIRE(sent.at(0).is(opcode::set_watches2));
    auto why = m.reply(sent[0].xid, 1, -6);
    CHECK(why == server_errc::unimplemented);
    m.s.disconnected(why, m.now, machine::latest);
    m.take_log();
    // From then on it costs nobody what is written behind the watches.
    for (int i = 0; i != 4; ++i) {
        while (m.s.next(m.now).what == machine::step::kind::wait) m.now = m.s.next(m.now).until;
        CHECK(m.s.next(m.now).host != old);
        m.attach();
        m.now += 1s;
        m.lose(machine::latest);
    }
    // Without lasting watches it is as good as the other.
    CHECK(m.s.watches().remove(proto::watch_kind::persistent, "/a", lasting.get()));
    m.attach();
    m.now += 1s;
    m.lose();
    const auto next = m.s.next(m.now).host;
    m.attach();
    m.now += 1s;
    m.lose();
    CHECK((next == old) != (m.s.next(m.now).host == old));
}

TEST_CASE("where no server knows how to arm lasting watches they are not left out in silence") {
    machine m;
    m.attach();
    m.s.watches().add(proto::watch_kind::recursive, "/a", sink(m, "a"));
    m.now += 1s;
    m.lose();
    for (int i = 0; i != 3; ++i) {
        while (m.s.next(m.now).what == machine::step::kind::wait) m.now = m.s.next(m.now).until;
        m.attach();
        const auto sent = m.sent();
        REQUIRE(sent.at(0).is(opcode::set_watches2));
        const auto why = m.reply(sent[0].xid, 1, -6);
        CHECK(why == server_errc::unimplemented);
        m.s.disconnected(why, m.now, 0);
    }
}

TEST_CASE("R13: watches of an ended session are not carried into the next") {
    machine m;
    m.attach();
    m.s.watches().add(proto::watch_kind::recursive, "/a", sink(m, "a"));
    m.lose();
    m.now += 12s;
    m.s.next(m.now);
    CHECK(m.take_log() == journal{"a ended: " + expired});
    m.attach(0x99);
    CHECK(m.sent().empty());
    CHECK(!m.feed(event_frame(3, "/a/b")));
    CHECK(m.log.empty());
}

TEST_SUITE_END();

TEST_CASE("connections that break while watches are armed again leave nothing for the next one") {
    machine m;
    m.attach();
    constexpr int paths = 3'000;
    for (int i = 0; i != paths; ++i) {
        m.s.watches().add(proto::watch_kind::data, "/" + std::string(195, 'x') + std::to_string(1000 + i),
                          std::make_shared<recorder>(m.log, "w"));
    }
    std::size_t first = 0;
    for (int flap = 0; flap != 4; ++flap) {
        m.s.disconnected(machine::asio_eof(), m.now += 1s, 0);
        m.attach();
        std::string some;
        m.s.fill(some, 100'000, m.now);    // of some 600 kB
        m.s.disconnected(machine::asio_eof(), m.now += 1s, 0);
        m.attach();
        const auto frames = m.sent().size();
        if (flap == 0) first = frames;
        CHECK(frames == first);
    }
    CHECK(first > 1);
}
