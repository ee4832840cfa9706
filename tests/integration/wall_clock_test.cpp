// Part of muster. Boost Software License 1.0, see LICENSE.
//
// The wall clock of this program jumps by days: it has its own, in place of the system's.
#include <muster/balancer.hpp>
#include <muster/embedded_server.hpp>
#include <muster/registrar.hpp>
#include <muster/zk/client.hpp>

#include "support/loop.hpp"

#include <boost/asio/use_awaitable.hpp>

#include <doctest/doctest.h>

#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include <chrono>
#include <ctime>

namespace {

std::time_t jumped = 0;    // in seconds

}    // namespace

// What the program and the libraries that it loads call; the system's own functions are asked behind their backs.
extern "C" int clock_gettime(clockid_t clock, timespec* t) noexcept {
    const auto result = syscall(SYS_clock_gettime, clock, t);
    if (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE || clock == CLOCK_TAI) t->tv_sec += jumped;
    return static_cast<int>(result);
}

extern "C" int gettimeofday(timeval* t, void*) noexcept {
    timespec now{};
    const int result = clock_gettime(CLOCK_REALTIME, &now);
    t->tv_sec = now.tv_sec;
    t->tv_usec = now.tv_nsec / 1000;
    return result;
}

extern "C" std::time_t time(std::time_t* t) noexcept {
    timespec now{};
    clock_gettime(CLOCK_REALTIME, &now);
    if (t) *t = now.tv_sec;
    return now.tv_sec;
}

namespace muster::test {
namespace {

using namespace std::chrono_literals;
using clock_type = std::chrono::steady_clock;

constexpr auto timeout = 6s;
constexpr std::time_t day = 24 * 60 * 60;
constexpr auto await = boost::asio::use_awaitable;

/// A client, a master and a balancer that sees it, each with a session.
struct scene {
    scene()
        : client(l.io, configuration()),
          reg(l.io, configuration(), registration("s", instance("10.1.1.1", 80))),
          lb(l.io, configuration(), balancer_params()) {
        l.run(reg.start(await));
        l.run(client.exists("/", await));
        REQUIRE(l.until([&] { return fresh(); }));
        session = client.session().id;
    }

    zk::config configuration() {
        if (!server.running()) server.start();
        zk::config c(server.connect_string());
        c.session_timeout = timeout;
        c.backoff_min = 1ms;
        c.backoff_max = 20ms;
        return c;
    }
    bool fresh() {
        const auto v = lb.view("s").value();
        return v.known && !v.stale && v.instances.size() == 1;
    }
    void wait_for_pings(std::uint64_t n) {
        const auto before = client.metrics().pings_sent;
        REQUIRE(l.until([&] { return client.metrics().pings_sent >= before + n; }));
    }
    static bool sane(clock_type::time_point safe_until) {
        const auto now = clock_type::now();
        return safe_until > now && safe_until <= now + timeout;
    }

    loop l;
    embedded_server server{l.io};
    zk::client client;
    registrar reg;
    balancer lb;
    zk::session_id session = 0;
};

/// By how much the wall clock went from one call to the next, beyond what has passed.
struct wall {
    std::chrono::system_clock::time_point before = std::chrono::system_clock::now();
    clock_type::time_point steady = clock_type::now();

    std::chrono::seconds moved() const {
        const auto by = std::chrono::system_clock::now() - before - (clock_type::now() - steady);
        return std::chrono::round<std::chrono::seconds>(by);
    }
};

}    // namespace

TEST_CASE("R30: the wall clock jumps by days, forwards and backwards: sessions, roles and views do not notice") {
    scene s;
    for (const std::time_t to : {30 * day, -30 * day, 3650 * day}) {
        CAPTURE(to);
        const wall w;
        const auto former = jumped;
        jumped = to;
        REQUIRE(w.moved() == std::chrono::seconds(to - former));    // what this is about does happen
        REQUIRE(std::chrono::system_clock::to_time_t(std::chrono::system_clock::now()) - std::time(nullptr) <= 1);
        s.wait_for_pings(2);
        CHECK(s.l.run(s.client.with_timeout(10s).exists("/", await)).has_value());
        const auto info = s.client.session();
        CHECK(info.state == zk::session_state::connected);
        CHECK(info.id == s.session);
        CHECK(info.connection == 1);
        CHECK(s.sane(info.safe_until));
        const auto m = s.client.metrics();
        CHECK(m.expiries == 0);
        CHECK(m.connect_failures == 0);
        CHECK(s.client.latency().quantile(1) < 10s);
        const auto status = s.reg.status();
        CHECK(status.role == role::master);
        CHECK(status.registrations == 1);
        CHECK(s.sane(status.session.safe_until));
        CHECK(s.reg.may_act_as_master());
        CHECK(s.fresh());
        CHECK(s.lb.view("s").value().age == 0s);
        CHECK(s.lb.try_pick("s").has_value());
    }
}

TEST_CASE("R30: without a server the wall clock neither ends sessions nor makes views older") {
    scene s;
    s.server.stop();
    REQUIRE(s.l.until([&] { return s.lb.view("s").value().stale && s.client.metrics().connect_failures > 0; }));
    for (const std::time_t to : {30 * day, -30 * day}) {
        CAPTURE(to);
        const auto age = s.lb.view("s").value().age;
        jumped = to;
        const auto failures = s.client.metrics().connect_failures;
        REQUIRE(s.l.until([&] { return s.client.metrics().connect_failures > failures + 1; }));
        CHECK(s.client.session().state == zk::session_state::suspended);
        CHECK(s.client.session().id == s.session);
        const auto later = s.lb.view("s").value().age;
        CHECK(later >= age);
        CHECK(later < 30s);
        CHECK(s.lb.describe("s").value().age < 30s);
    }
    s.server.start();
    REQUIRE(s.l.until([&] { return s.client.session().state == zk::session_state::connected && s.fresh(); }));
    REQUIRE(s.l.until([&] { return s.reg.status().session.state == zk::session_state::connected; }));
    CHECK(s.client.session().id == s.session);
    CHECK(s.reg.status().registrations == 1);
    CHECK(s.reg.may_act_as_master());
}

}    // namespace muster::test
