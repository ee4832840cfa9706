// Part of muster. Boost Software License 1.0, see LICENSE.
//
// Requests that take long to get to the server.
#include "session_fixture.hpp"

#include <algorithm>
#include <cstddef>
#include <string>

using namespace muster;
using namespace muster::test;

TEST_SUITE_BEGIN("session: requests on their way");

namespace {

constexpr auto timeout = 9s;
constexpr auto patience = timeout * 2 / 3;
constexpr auto pace = 50ms;

/// A write of so many bytes and a few more.
void write_large(machine& m, std::size_t bytes) {
    auto r = m.make("large", false);
    proto::request_header header;
    header.type = proto::to_wire(opcode::remove);
    proto::path_request record;
    record.path = std::string(bytes, 'x');
    r->frame = frame_of(header, record);
    m.s.submit(std::move(r));
}

/// A machine whose bytes take their time, at a rate in bytes per second.
struct slow_line : machine {
    explicit slow_line(std::size_t rate) : per_step(rate / (1s / pace)) { attach(machine::id, timeout); }

    /// Fills the line. Bytes that are on it have been written.
    void fill_line() {
        std::string out;
        while (s.wants_write()) s.fill(out, 256 * 1024, now);
        under_way += out.size();
    }
    /// Until something is an error, or the line is empty.
    error_code pass() {
        error_code ec;
        while (!ec && under_way > 0) ec = tick();
        return ec;
    }
    error_code tick() {
        now += pace;
        under_way -= std::min(under_way, per_step);
        if (now < s.deadline()) return {};
        s.undelivered(under_way, now);
        const auto ec = s.tick(now);
        fill_line();
        return ec;
    }
    /// Until the server is given up.
    error_code wait() {
        error_code ec;
        while (!ec) ec = tick();
        return ec;
    }

    std::size_t per_step;
    std::size_t under_way = 0;
};

}    // namespace

TEST_CASE("R36: a request that takes longer than the client's patience gets there, as long as its bytes do") {
    for (const std::size_t rate : {10'000U, 100'000U, 1'000'000U}) {
        CAPTURE(rate);
        slow_line m(rate);
        const auto start = m.now;
        write_large(m, rate * 17 / 2);    // 8.5 s
        m.fill_line();
        CHECK(!m.pass());
        CHECK(m.now - start >= 8500ms);
        CHECK(!m.reply(1));
        CHECK(m.log == lines({"large ok"}));
    }
}

TEST_CASE("R36: a large frame finds the session's timeout begun anew") {
    machine m;
    m.attach();
    const auto large = [&] {
        write_large(m, 100'000);
        return m.sent().size();
    };
    CHECK(large() == 1);    // it was written to just now
    m.now += 2s;
    CHECK(large() == 2);    // a ping, and the frame
    CHECK(large() == 1);
    m.now += 2s;
    m.read("small");
    CHECK(m.sent().size() == 1);
}

TEST_CASE("R36: the session ends at the server while a frame takes longer than its timeout: so does the patience") {
    slow_line m(100'000);
    const auto start = m.now;
    write_large(m, 1'000'000);
    m.fill_line();
    CHECK(m.wait() == client_errc::timed_out);
    CHECK(m.under_way > 0);
    CHECK(m.now - start >= timeout);
    CHECK(m.now - start <= timeout + pace);
}

TEST_CASE("R37: a black hole is noticed within two thirds of the time-out, also in the middle of a request") {
    for (const auto flows : {50ms, 1000ms, 2950ms, 3100ms, 4000ms, 5900ms, 6100ms}) {
        CAPTURE(flows.count());
        slow_line m(100'000);
        write_large(m, 1'000'000);
        m.fill_line();
        const auto start = m.now;
        while (m.now < start + flows) CHECK(!m.tick());
        m.per_step = 0;
        CHECK(m.wait() == client_errc::timed_out);
        CHECK(m.now - start >= patience);
        CHECK(m.now - start <= std::min<std::chrono::milliseconds>(flows + patience, timeout) + pace);
    }
}

TEST_CASE("R37: what the machine of a server that hangs takes is no sign of life once it has something to answer") {
    SUBCASE("a request before the large one") {
        slow_line m(100'000);
        const auto start = m.now;
        m.read("small");
        write_large(m, 1'000'000);
        m.fill_line();
        CHECK(m.wait() == client_errc::timed_out);
        CHECK(m.now - start == patience);
    }
    SUBCASE("a ping") {
        slow_line m(100'000);
        const auto heard = m.now;
        m.now += 1s;
        write_large(m, 1'000'000);
        m.fill_line();
        CHECK(m.wait() == client_errc::timed_out);
        CHECK(m.now - heard == patience);
    }
    SUBCASE("small requests, again and again") {
        slow_line m(1'000'000);
        const auto heard = m.now;
        error_code ec;
        while (!ec) {
            m.read("small");
            m.fill_line();
            ec = m.tick();
        }
        CHECK(ec == client_errc::timed_out);
        CHECK(m.now - heard == patience);
    }
}

TEST_CASE("R36: its silence counts from when it had the request") {
    slow_line m(100'000);
    write_large(m, 400'000);
    m.fill_line();
    CHECK(!m.pass());    // after 4 s
    const auto there = m.now;
    CHECK(m.wait() == client_errc::timed_out);
    CHECK(m.now - there > patience - timeout / 4);    // it was looked at every twelfth of the timeout, or third
    CHECK(m.now - there <= patience);
    CHECK(m.now - there <= timeout - 4s + pace);
}

TEST_SUITE_END();
