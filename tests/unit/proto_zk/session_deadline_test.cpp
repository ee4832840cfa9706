// Part of muster. Boost Software License 1.0, see LICENSE.
//
// Requests that take longer than they were given.
#include "session_fixture.hpp"

using namespace muster;
using namespace muster::test;

namespace {

const std::string exceeded = error_code(client_errc::deadline_exceeded).message();
const std::string unsent = error_code(client_errc::deadline_exceeded_unsent).message();

struct timed_machine : machine {
    using machine::machine;
    void submit(const std::string& name, bool repeatable, std::chrono::milliseconds limit) {
        auto r = make(name, repeatable);
        r->deadline.at = now + limit;
        s.submit(std::move(r));
    }
    void show_credentials(std::chrono::milliseconds limit) {
        auto r = make("auth", true);
        proto::request_header header;
        header.type = proto::to_wire(opcode::auth);
        r->frame = frame_of(header);
        r->deadline.at = now + limit;
        s.submit(std::move(r));
    }
    void wait(std::chrono::milliseconds d) {
        now += d;
        CHECK(!s.tick(now));
    }
};

}    // namespace

TEST_SUITE_BEGIN("session: deadlines");

TEST_CASE("without a connection a request is withdrawn when its time is over, and the others stay in their order") {
    timed_machine m;
    m.submit("a", true, 300ms);
    m.submit("b", false, 100ms);
    m.write("c");
    m.submit("d", true, 100ms);
    m.read("e");
    m.submit("f", false, 200ms);
    CHECK(m.s.deadline() == m.now + 100ms);
    m.wait(99ms);
    CHECK(m.take_log().empty());
    m.wait(1ms);
    CHECK(m.take_log() == journal{"b " + unsent, "d " + unsent});
    CHECK(m.s.deadline() == m.now + 100ms);
    m.wait(100ms);
    CHECK(m.take_log() == journal{"f " + unsent});
    m.attach();
    CHECK(m.sent().size() == 3);
    m.reply(1);
    m.reply(2);
    m.reply(3);
    CHECK(m.take_log() == lines({"a ok", "c ok", "e ok"}));
    CHECK(m.s.deadline() > m.now + 2s);    // the next ping's: nothing is left of theirs
}

TEST_CASE("`next` lets deadlines act while it waits for another attempt") {
    timed_machine m;
    m.s.connecting(m.now);
    m.lose(machine::latest);
    m.submit("a", true, 10ms);
    const auto step = m.s.next(m.now);
    CHECK(step.what == machine::step::kind::wait);
    CHECK(step.until == m.now + 10ms);
    m.now += 10ms;
    (void)m.s.next(m.now);
    CHECK(m.take_log() == journal{"a " + unsent});
}

TEST_CASE("on a silent connection a written request completes in time, and its reply is consumed unseen") {
    timed_machine m;
    m.attach();
    m.submit("a", false, 500ms);
    m.submit("b", true, 5s);
    REQUIRE(m.sent().size() == 2);
    CHECK(m.s.deadline() == m.now + 500ms);
    m.wait(500ms);
    CHECK(m.take_log() == journal{"a " + exceeded});
    CHECK(m.s.deadline() > m.now);
    CHECK(!m.reply(1));
    CHECK(!m.reply(2));
    CHECK(m.take_log() == lines({"b ok"}));
}

TEST_CASE("a request that is written after it was given up is not: the one that waits behind a batch goes alone") {
    auto settings = settings_for_tests();
    settings.batch_reads = true;
    timed_machine m(settings);
    m.attach();
    m.get("a");
    m.submit("late", false, 100ms);
    m.get("b");
    m.wait(100ms);
    CHECK(m.take_log() == journal{"late " + unsent});
    CHECK(m.sent().size() == 1);    // both reads, in one
}

TEST_CASE("a read that lost its connection was written once, and says so") {
    timed_machine m;
    m.attach();
    m.submit("a", true, 1s);
    m.submit("b", true, 1s);
    m.s.fill(m.written, 1, m.now);    // the first of them only
    m.lose();
    m.wait(1s);
    CHECK(m.take_log() == journal{"a " + exceeded, "b " + unsent});
    m.written.clear();
    m.attach();
    CHECK(m.sent().empty());
}

TEST_CASE("a read that is sent again keeps its deadline") {
    timed_machine m;
    m.attach();
    m.submit("a", true, 1s);
    CHECK(m.sent().size() == 1);
    m.now += 600ms;
    m.lose();
    m.attach();
    CHECK(m.sent().size() == 1);
    m.wait(400ms);
    CHECK(m.take_log() == journal{"a " + exceeded});
    CHECK(!m.reply(2));
    CHECK(m.take_log().empty());
}

TEST_CASE("what was cancelled does not complete again at its deadline") {
    timed_machine m;
    m.submit("queued", true, 100ms);
    m.s.cancel(1, client_errc::closed);
    m.attach();
    m.submit("written", true, 100ms);
    CHECK(m.sent().size() == 1);
    m.s.cancel(2, client_errc::closed);
    m.take_log();
    m.wait(200ms);
    CHECK(m.take_log().empty());
    CHECK(!m.reply(1));
}

TEST_CASE("closing without a session ends when the last request that it waits for is out of time") {
    timed_machine m;
    m.submit("a", true, 100ms);
    m.s.close(m.now);
    CHECK(!m.s.finished());
    m.wait(100ms);
    CHECK(m.take_log() == journal{"a " + unsent});
    CHECK(m.s.finished());
    CHECK(!m.s.close_result());
    CHECK(m.s.deadline() == proto::session::time_point::max());
}

TEST_CASE("credentials obey deadlines, and are kept if they are accepted afterwards") {
    timed_machine m;
    m.attach();
    m.show_credentials(100ms);
    CHECK(m.sent().size() == 1);
    m.wait(100ms);
    CHECK(m.take_log() == journal{"auth " + exceeded});
    CHECK(!m.reply(proto::xid_auth));
    m.lose();
    m.attach();
    CHECK(m.sent().size() == 1);
}

TEST_CASE("credentials that lost their connection are not shown again after their deadline") {
    timed_machine m;
    m.attach();
    m.show_credentials(1s);
    CHECK(m.sent().size() == 1);
    m.lose();
    m.wait(1s);
    CHECK(m.take_log() == journal{"auth " + exceeded});
    m.attach();
    CHECK(m.sent().empty());
}

TEST_CASE("what waited for a request that would arm a watch is settled when that is withdrawn") {
    timed_machine m;
    m.attach();
    m.write("first");
    auto r = m.make("arms", true);
    r->arms = "/a";
    r->deadline.at = m.now + 1s;
    m.s.submit(std::move(r));
    m.s.unwatch(proto::watch_kind::data, "/a");
    m.s.fill(m.written, 1, m.now);    // the first of them only
    m.written.clear();
    m.wait(1s);
    CHECK(m.take_log() == journal{"arms " + unsent});
    const auto sent = m.sent();
    REQUIRE(sent.size() == 1);
    CHECK(sent.front().is(opcode::remove_watches));
}

TEST_SUITE_END();

TEST_CASE("what is late before its turn to be written came is not written") {
    timed_machine m;
    m.attach();
    m.submit("late", false, 10ms);
    m.submit("in time", false, 100ms);
    m.now += 50ms;    // the thread had other things to do, and the timer has not told yet
    CHECK(m.sent().size() == 1);
    CHECK(m.take_log() == journal{"late " + unsent});
}
