// Part of muster. Boost Software License 1.0, see LICENSE.
//
// What else can become of requests that a server has thrown back; and of watches that it was too busy for.
#include "credentials_fixture.hpp"
#include "hold_fixture.hpp"
#include "watching_fixture.hpp"

using namespace muster;
using namespace muster::test;

namespace {

/// The connection is lost to a server that was too busy for read "r". On the next one, a watch is to be armed.
void lose_too_busy(holding& m) {
    m.read("r");
    m.answer(m.take(1), throttled);
    m.s.watches().add(proto::watch_kind::data, "/a", std::make_shared<recorder>(m.log, "one"));
    m.lose();
}

}    // namespace

TEST_SUITE_BEGIN("session: what ends requests thrown back");

TEST_CASE("what is held can be cancelled, and runs out of time, at each moment") {
    const std::string unsent = error_code(client_errc::deadline_exceeded_unsent).message();
    for (const bool waits : {false, true}) {    // for others under way, or for the end of the pause
        CAPTURE(waits);
        holding m;
        const auto a = m.write("a");
        m.timed("b", 20ms);
        m.timed("c", 1h);
        m.write("d");
        const auto all = m.take(4);
        for (int i = 0; i != (waits ? 4 : 3); ++i) CHECK(!m.reply(all[static_cast<std::size_t>(i)].xid, 1, throttled));
        m.timed("e", 20ms);
        m.s.cancel(a, client_errc::closed);
        CHECK(m.take_log() == journal{"a " + closed});
        m.now += 20ms;
        CHECK(!m.s.tick(m.now));
        CHECK(m.take_log() == journal{"b " + unsent, "e " + unsent});    // it is known not to be applied
        if (!waits) CHECK(!m.reply(all[3].xid, 1, throttled));
        CHECK(!m.next_deadline());
        m.answer(m.take(2));
        CHECK(m.log == lines({"c ok", "d ok"}));
    }
}

TEST_CASE("one that was cancelled and is thrown back is not sent again, and has overtaken nobody") {
    holding m;
    m.write("a");
    const auto b = m.write("b");
    const auto all = m.take(2);
    m.s.cancel(b, client_errc::closed);
    m.take_log();
    m.answer(all, throttled);
    CHECK(m.log.empty());
    m.resume();
    m.answer(m.take(1));
    CHECK(m.log == lines({"a ok"}));
}

TEST_CASE("where all that was held is given up, what comes next need not wait for the end of the pause if there is none yet") {
    holding m;
    const auto a = m.write("a");
    m.write("b");
    const auto all = m.take(2);
    CHECK(!m.reply(all[0].xid, 1, throttled));
    m.s.cancel(a, client_errc::closed);
    m.write("c");
    CHECK(!m.reply(all[1].xid));
    CHECK(m.sent().size() == 1);
}

TEST_CASE("a connection that breaks ends the pause: what was thrown back comes first on the next one") {
    for (const bool waits : {false, true}) {
        CAPTURE(waits);
        holding m;
        m.write("a");
        m.read("b");
        const auto all = m.take(2);
        CHECK(!m.reply(all[0].xid, 1, throttled));
        if (waits) CHECK(!m.reply(all[1].xid, 1, throttled));
        m.write("c");
        m.lose();
        CHECK(m.log.empty());
        m.attach();
        const auto again = m.take(3);
        CHECK(again[0].type == all[0].type);
        CHECK(again[1].type == all[1].type);
        m.answer(again);
        CHECK(m.log == lines({"a ok", "b ok", "c ok"}));
    }
}

TEST_CASE("what was thrown back is not sent behind a write that was lost and may have been applied") {
    holding m;
    m.write("a");
    m.write("b");
    const auto all = m.take(2);
    CHECK(!m.reply(all[0].xid, 1, throttled));
    m.write("c");
    m.lose();
    CHECK(m.take_log() == journal{"a " + overloaded, "b " + lost});
    m.attach();
    m.answer(m.take(1));
    CHECK(m.log == lines({"c ok"}));
}

TEST_CASE("what was thrown back fails with its session, not applied") {
    holding m;
    m.write("a");
    m.write("b");
    const auto all = m.take(2);
    SUBCASE("that expires") {
        m.answer(all, throttled);
        m.lose();
        m.now += 12s;
        (void)m.s.next(m.now);
        CHECK(m.log == journal{"a " + expired, "b " + expired});
    }
    SUBCASE("that is given up, others being under way") {
        CHECK(!m.reply(all[0].xid, 1, throttled));
        m.s.abandon();
        CHECK(m.log == journal{"b " + lost, "a " + closed});
    }
    SUBCASE("that cannot be closed in time") {
        m.answer(all, throttled);
        m.s.close(m.now - 3s);
        CHECK(m.s.tick(m.now) == client_errc::close_timed_out);
        CHECK(m.log == journal{"a " + closed, "b " + closed});
    }
    SUBCASE("whose context is destroyed") {
        CHECK(!m.reply(all[0].xid, 1, throttled));
        m.s.discard();
        CHECK(m.log.empty());
    }
}

TEST_CASE("closing serves first what was thrown back; behind closeSession nothing is sent again") {
    holding m;
    m.write("a");
    m.write("b");
    const auto all = m.take(2);
    CHECK(!m.reply(all[0].xid, 1, throttled));
    m.s.close(m.now);
    CHECK(m.sent().empty());
    CHECK(!m.reply(all[1].xid, 1, throttled));
    m.resume();
    const auto again = m.take(3);
    REQUIRE(again[2].is(opcode::close_session));
    CHECK(!m.reply(again[0].xid));
    CHECK(!m.reply(again[1].xid, 1, throttled));
    CHECK(m.log == journal{"a ok", "b " + overloaded});
    CHECK(!m.reply(again[2].xid));
    CHECK(m.s.finished());
    CHECK(!m.s.close_result());
}

TEST_CASE("watches that a server was too busy to arm are armed later, on the same connection and as of the same zxid") {
    holding m;
    m.read("r");
    CHECK(!m.reply(m.take(1)[0].xid, 0x20));
    m.s.watches().add(proto::watch_kind::data, "/a", std::make_shared<recorder>(m.log, "one"));
    m.lose();
    m.attach();
    m.write("w");
    const auto all = m.take(2);
    REQUIRE(all[0].is(opcode::set_watches));
    CHECK(all[0].as<proto::set_watches_request>().relative_zxid == 0x20);
    CHECK(!m.reply(all[0].xid, 0x30, throttled));
    CHECK(!m.reply(all[1].xid, 0x30));    // that a write is served does not keep them from being armed
    m.take_log();
    m.resume();
    const auto again = m.take(1);
    REQUIRE(again[0].is(opcode::set_watches));
    CHECK(again[0].as<proto::set_watches_request>().relative_zxid == 0x20);
    for (std::size_t n = 1; n != retries; ++n) {
        m.answer(n == 1 ? again : m.take(1), throttled);
        CHECK(!m.next_deadline());
    }
    CHECK(m.reply(m.take(1)[0].xid, 0x30, throttled) == server_errc::throttled);    // without them it is of no use
}

TEST_CASE("R10: a watch that nobody waits for is removed also where the server was too busy at first") {
    holding m;
    auto sink = std::make_shared<recorder>(m.log, "one");
    m.s.watches().add(proto::watch_kind::data, "/a", sink);
    CHECK(m.s.watches().remove(proto::watch_kind::data, "/a", sink.get()));
    m.s.unwatch(proto::watch_kind::data, "/a");
    const auto first = m.take(1);
    REQUIRE(first[0].is(opcode::remove_watches));
    m.answer(first, throttled);
    m.resume();
    CHECK(m.take(1)[0].is(opcode::remove_watches));
}

TEST_CASE("R10: so is one whose removal something else has overtaken, unless it is wanted by then") {
    for (const bool wanted : {false, true}) {
        CAPTURE(wanted);
        holding m;
        auto sink = std::make_shared<recorder>(m.log, "one");
        m.s.watches().add(proto::watch_kind::persistent, "/a", sink);
        CHECK(m.s.watches().remove(proto::watch_kind::persistent, "/a", sink.get()));
        m.s.unwatch(proto::watch_kind::persistent, "/a");
        m.write("b");
        const auto all = m.take(2);
        const std::size_t removal = all[0].is(opcode::remove_watches) ? 0 : 1;
        REQUIRE(all[removal].is(opcode::remove_watches));
        if (removal == 1) {    // another one behind it
            m.write("c");
            const auto behind = m.take(1);
            m.answer({all[0]});
            CHECK(!m.reply(all[1].xid, 1, throttled));
            if (wanted) m.s.watches().add(proto::watch_kind::persistent, "/a", sink);
            m.answer(behind);
        } else {
            CHECK(!m.reply(all[0].xid, 1, throttled));
            if (wanted) m.s.watches().add(proto::watch_kind::persistent, "/a", sink);
            m.answer({all[1]});
        }
        const auto again = m.sent();
        CHECK(again.size() == (wanted ? 0 : 1));
        if (!again.empty()) CHECK(again[0].is(opcode::remove_watches));
    }
}

TEST_CASE("what is asked on the next connection waits until a server that was too busy has armed the watches") {
    holding m;
    lose_too_busy(m);
    m.attach();
    const auto first = m.take(1);
    REQUIRE(first[0].is(opcode::set_watches));
    m.answer(first, throttled);
    m.resume();
    m.answer(m.take(1));
    m.answer(m.take(1));
    CHECK(m.log == lines({"r ok"}));
}

TEST_CASE("credentials that nobody has answered come before the watches also at a server that was too busy") {
    holding m;
    lose_too_busy(m);
    authenticate(m, "auth", "me:secret");
    m.attach();
    const auto all = m.take(2);
    CHECK(shown(all[0]) == "me:secret");
    CHECK(all[1].is(opcode::set_watches));
    m.answer(all);
    m.answer(m.take(1));
    CHECK(m.log == lines({"auth ok", "r ok"}));
}

TEST_CASE("who closes does not wait for a pause, and makes none that is longer than it has time") {
    auto settings = holding_settings();
    settings.max_retries = 20;
    settings.close_timeout = 800ms;
    SUBCASE("one that has begun") {
        holding m(settings);
        m.write("a");
        for (auto bound = 100ms; bound != 1600ms; bound *= 2) {
            m.answer(m.take(1), throttled);
            m.resume(bound);
        }
        m.answer(m.take(1), throttled);
        CHECK(m.sent().empty());
        m.s.close(m.now);
        const auto all = m.take(2);
        CHECK(all[1].is(opcode::close_session));
        m.answer(all);
    }
    SUBCASE("one that begins") {
        holding m(settings);
        m.write("a");
        for (auto bound = 100ms; bound != 1600ms; bound *= 2) {
            m.answer(m.take(1), throttled);
            m.resume(bound);
        }
        const auto last = m.take(1);
        m.s.close(m.now);
        m.answer(last, throttled);
        const auto before = m.now;
        CHECK(!m.next_deadline());
        CHECK(m.now - before <= 100ms);
        const auto all = m.take(2);
        CHECK(all[1].is(opcode::close_session));
        m.answer(all);
    }
}

TEST_CASE("who closes needs no watches: closeSession does not wait for what is to arm them, nor for an answer to it") {
    for (const bool in_time : {true, false}) {    // to be thrown back before closing begins
        CAPTURE(in_time);
        holding m;
        m.s.watches().add(proto::watch_kind::data, "/a", std::make_shared<recorder>(m.log, "one"));
        m.lose();
        m.attach();
        const auto first = m.take(1);
        REQUIRE(first[0].is(opcode::set_watches));
        if (in_time) m.answer(first, throttled);
        m.s.close(m.now);
        const auto last = m.take(1);
        REQUIRE(last[0].is(opcode::close_session));
        if (!in_time) m.answer(first, throttled);
        m.answer(last);
        CHECK(m.s.finished());
        CHECK(!m.s.close_result());
    }
}

TEST_CASE("a watch that is asked for with a request that was thrown back is armed once, when it is served") {
    holding m;
    auto r = m.make("lasting", true);
    proto::request_header header;
    header.type = proto::to_wire(opcode::add_watch);
    r->frame = frame_of(header, proto::add_watch_request{"/a", 0});
    r->arms = "/a";
    r->arms_kind = proto::watch_kind::persistent;
    r->arm(m.s.watches(), proto::watch_kind::persistent, "/a");
    m.s.submit(std::move(r));
    m.answer(m.take(1), throttled);
    CHECK(m.s.watches().size() == 0);
    m.resume();
    m.answer(m.take(1));
    CHECK(m.take_log() == lines({"lasting ok"}));
    CHECK(!m.feed(event_frame(3, "/a")));
    CHECK(m.take_log() == lines({"watch lasting data_changed /a"}));
}

TEST_CASE("a lasting watch whose removal was overtaken is not taken for one that stands: the server may have replaced it") {
    watching m(holding_settings());
    const auto lasting = m.add(proto::watch_kind::persistent, "/p", "lasting");
    m.drop(proto::watch_kind::persistent, "/p", lasting);
    const auto removal = m.only();
    REQUIRE(removal.is(opcode::remove_watches));
    m.ask(proto::watch_kind::data, "/p", "data");
    const auto read = m.only();
    CHECK(read.as<proto::path_watch_request>().watch);
    CHECK(!m.reply(removal.xid, 1, throttled));
    CHECK(!m.reply(read.xid, 1));
    m.ask(proto::watch_kind::child, "/p", "child");
    CHECK(m.asked_to_watch());
}

TEST_CASE("a client that is to go to another server goes there with what was thrown back") {
    auto settings = holding_settings();
    settings.hosts = 1;
    holding m(settings);
    m.write("a");
    const auto all = m.take(1);
    const std::optional<std::size_t> former[] = {std::nullopt};
    CHECK(!m.s.replace_hosts(former, 1));
    CHECK(m.reply(all[0].xid, 1, throttled) == client_errc::moving);
    m.s.disconnected(error_code(client_errc::moving), m.now, 0);
    m.attach();
    m.answer(m.take(1));
    CHECK(m.log == lines({"a ok"}));
}

TEST_SUITE_END();
