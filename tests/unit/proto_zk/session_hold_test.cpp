// Part of muster. Boost Software License 1.0, see LICENSE.
//
// Requests that a server throws back: when they are sent again, and in which order.
#include "hold_fixture.hpp"

using namespace muster;
using namespace muster::test;

TEST_SUITE_BEGIN("session: requests thrown back");

TEST_CASE("any request that an overloaded server has thrown back is sent again after a while") {
    for (const bool reads : {true, false}) {
        CAPTURE(reads);
        holding m;
        reads ? m.read("a") : m.write("a");
        const auto first = m.take(1);
        m.answer(first, throttled);
        CHECK(m.log.empty());
        m.resume();
        const auto again = m.take(1);
        CHECK(again[0].type == first[0].type);
        CHECK(again[0].xid != first[0].xid);
        m.answer(again);
        CHECK(m.log == lines({"a ok"}));
        CHECK(m.s.metrics().requests_repeated == 1);
        CHECK(m.s.metrics().requests_sent == 2);
    }
}

TEST_CASE("what is thrown back is told after as many attempts as are allowed, and at once where none are") {
    holding m;
    m.write("a");
    auto bound = 100ms;
    for (std::size_t n = 0; n != retries; ++n) {
        m.answer(m.take(1), throttled);
        CHECK(m.log.empty());
        m.resume(bound);
        bound *= 2;
    }
    m.answer(m.take(1), throttled);
    CHECK(m.log == journal{"a " + overloaded});
    CHECK(m.s.metrics().requests_repeated == retries);
    m.write("b");
    m.answer(m.take(1));    // written at once: nothing is held

    machine never;
    never.attach();
    never.write("a");
    CHECK(!never.reply(never.sent().at(0).xid, 1, throttled));
    CHECK(never.log == journal{"a " + overloaded});
}

TEST_CASE("the pause grows up to its bound, and is short again once something was served") {
    auto settings = holding_settings();
    settings.max_retries = 20;
    settings.backoff_max = 400ms;
    settings.timeout = 1h;
    holding m(settings);
    m.write("a");
    for (const auto bound : {100ms, 200ms, 400ms, 400ms, 400ms}) {
        m.answer(m.take(1), throttled);
        m.resume(bound);
    }
    m.answer(m.take(1));
    m.write("b");
    m.answer(m.take(1), throttled);
    m.resume(100ms);
}

TEST_CASE("requests that were under way together are sent again in their order, ahead of later ones") {
    holding m;
    m.write("a");
    m.read("b");
    m.write("c");
    const auto first = m.take(3);
    CHECK(!m.reply(first[0].xid, 1, throttled));
    m.read("d");
    CHECK(m.sent().empty());    // it must not come ahead of what is thrown back
    const auto until = m.s.deadline();
    CHECK(!m.reply(first[1].xid, 1, throttled));
    CHECK(m.sent().empty());
    CHECK(m.s.deadline() == until);    // c decides
    CHECK(!m.reply(first[2].xid, 1, throttled));
    m.write("e");
    m.resume();
    const auto again = m.take(5);
    CHECK(again[0].type == first[0].type);
    CHECK(again[1].type == first[1].type);
    CHECK(again[2].type == first[2].type);
    m.answer(again);
    CHECK(m.log == lines({"a ok", "b ok", "c ok", "d ok", "e ok"}));
}

TEST_CASE("where something behind it was served, what was thrown back is told so, before that completes") {
    for (const bool reads : {true, false}) {    // also a read tells that the write before it was not applied
        for (const std::int32_t err : {0, -101}) {
            CAPTURE(reads);
            CAPTURE(err);
            holding m;
            m.write("a");
            m.read("b");
            reads ? m.read("c") : m.write("c");
            m.write("d");
            const auto all = m.take(4);
            CHECK(!m.reply(all[0].xid, 1, throttled));
            CHECK(!m.reply(all[1].xid, 1, throttled));
            CHECK(m.take_log().empty());
            CHECK(!m.reply(all[2].xid, 1, err));
            const std::string c = err == 0 ? "c ok" : "c " + no_node;
            CHECK(m.take_log() == journal{"a " + overloaded, "b " + overloaded, c});
            CHECK(m.s.metrics().requests_repeated == 0);
            // What comes behind is another matter.
            CHECK(!m.reply(all[3].xid, 1, throttled));
            CHECK(m.take_log().empty());
            m.resume();
            m.answer(m.take(1));
            CHECK(m.take_log() == lines({"d ok"}));
        }
    }
}

TEST_CASE("where all that was thrown back is told, the rest is written as soon as nothing is under way that could be") {
    holding m;
    m.write("a");
    m.write("b");
    const auto all = m.take(2);
    CHECK(!m.reply(all[0].xid, 1, throttled));
    m.write("c");
    CHECK(m.sent().empty());
    CHECK(!m.reply(all[1].xid));
    CHECK(m.take(1).size() == 1);
    CHECK(m.log == journal{"a " + overloaded, "b ok"});
}

TEST_CASE("what a server could not finish is asked again if it changes nothing; else nobody knows whether it was applied") {
    for (const auto e : {server_errc::operation_timeout, server_errc::request_timeout, server_errc::connection_loss}) {
        const std::string unknown = error_code(e).message();
        CAPTURE(unknown);
        const auto err = static_cast<std::int32_t>(e);
        holding m;
        m.read("r");
        m.answer(m.take(1), err);
        CHECK(m.log.empty());
        m.resume();
        m.answer(m.take(1));
        CHECK(m.take_log() == lines({"r ok"}));
        m.write("w");
        m.answer(m.take(1), err);
        CHECK(m.take_log() == journal{"w " + unknown});
        CHECK(zk::outcome_of(e) == zk::outcome::unknown);
        m.write("a");
        m.write("b");
        const auto all = m.take(2);
        CHECK(!m.reply(all[0].xid, 1, throttled));
        CHECK(!m.reply(all[1].xid, 1, err));    // it may have been applied: a must not follow it
        CHECK(m.take_log() == journal{"a " + overloaded, "b " + unknown});
    }
    CHECK(zk::outcome_of(server_errc::throttled) == zk::outcome::rejected);
}

TEST_CASE("pings go on while nothing else is written, and the server's silence is noticed") {
    auto settings = holding_settings();
    settings.backoff_max = 1min;
    settings.max_retries = 20;    // pauses double: one of them is longer than a server may be silent
    holding m(settings);
    m.write("a");
    int pings = 0;
    error_code ec;
    while (!(ec = m.next_deadline())) {
        for (const auto& r : m.sent()) {
            if (r.is(opcode::ping))
                ++pings;
            else
                CHECK(!m.reply(r.xid, 1, throttled));
        }
    }
    CHECK(pings != 0);
    CHECK(ec == client_errc::timed_out);
    CHECK(m.take_log().empty());
}

TEST_CASE("reads that shared a frame are thrown back and sent again together") {
    holding m(holding_settings(true));
    m.get("a");
    m.get("b");
    m.get("c");
    const auto first = m.take(1);
    CHECK(paths_of(first[0]) == lines({"/a", "/b", "/c"}));
    m.answer(first, throttled);
    m.resume();
    m.write("d");
    const auto again = m.take(1);    // without the write: that the server knows batches has not been shown yet
    CHECK(paths_of(again[0]) == lines({"/a", "/b", "/c"}));
    CHECK(!m.feed(batch_reply(again[0])));
    m.answer(m.take(1));
    CHECK(m.log == lines({"a ok", "b ok", "c ok", "d ok"}));
}

TEST_CASE("reads that are thrown back teach nothing of the size of replies, nor of the server's batches") {
    holding m(holding_settings(true));
    m.get("a");
    proto::get_data_response large;
    large.data = std::string(100'000, 'x');
    CHECK(!m.feed(reply_frame(m.take(1)[0].xid, 1, 0, large)));
    for (int i = 0; i != 300; ++i) m.get("b");
    const auto one_by_one = m.take(300);
    for (const auto& r : one_by_one) CHECK(r.is(opcode::get_data));
    m.answer(one_by_one, throttled);
    m.resume();
    for (const auto& r : m.sent()) CHECK(r.is(opcode::get_data));
}

TEST_CASE("what a server has thrown back is told in one record, with how many there were and how long they wait") {
    holding m;
    m.write("a");
    m.write("b");
    m.s.told().take();
    m.answer(m.take(2), throttled);
    const auto told = m.s.told().take();
    REQUIRE(told.size() == 1);
    CHECK(told[0].event == zk::log_event::throttled);
    CHECK(told[0].level == zk::log_level::warning);
    CHECK(told[0].count == 2U);
    REQUIRE(told[0].duration);
    CHECK(m.now + *told[0].duration == m.s.deadline());
}

TEST_CASE("to throw back a hundred thousand requests costs no more each than one") {
    // Looking through what is held for each of them would take minutes: the time limit of the tests is the assertion.
    constexpr int many = 100'000;
    holding m;
    for (int i = 0; i != many; ++i) m.write("a");
    const auto all = m.take(many);
    for (int i = 0; i != many; ++i) m.write("b");
    std::string replies;
    for (const auto& r : all) replies += reply_frame(r.xid, 1, throttled);
    CHECK(!m.feed(replies));
    m.resume();
    m.answer(m.take(16));
    CHECK(m.take_log() == journal(16, "a ok"));
}

TEST_CASE("a hundred thousand that are held, and as many that wait, run out of time together at no more than that of each") {
    constexpr int many = 100'000;
    holding m;
    for (int i = 0; i != many; ++i) m.timed("a", 1s);
    m.write("b");
    const auto all = m.take(many + 1);
    for (int i = 0; i != many; ++i) m.timed("c", 1s);
    std::string replies;
    for (const auto& r : std::span(all).first(many)) replies += reply_frame(r.xid, 1, throttled);
    CHECK(!m.feed(replies));    // b decides what becomes of them
    m.now += 2s;
    CHECK(!m.s.tick(m.now));
    CHECK(m.log.size() == 2 * many);
}

TEST_CASE("a server that has thrown requests back is asked for few at a time, and for more as it copes") {
    constexpr std::size_t many = 3'000;
    holding m;
    for (std::size_t i = 0; i != many; ++i) m.write("a");
    m.answer(m.take(many), throttled);
    m.resume();
    std::size_t served = 0;
    for (std::size_t window = 16; window <= 1'024; window *= 2) {
        const auto some = m.take(std::min(window, many - served));
        m.answer(some);
        served += some.size();
    }
    CHECK(served == 2'032);
    m.answer(m.take(many - served));
    CHECK(m.take_log().size() == many);
    for (std::size_t i = 0; i != many; ++i) m.write("b");
    CHECK(m.take(many).size() == many);
}

TEST_SUITE_END();
