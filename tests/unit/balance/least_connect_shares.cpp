// Part of muster. Boost Software License 1.0, see LICENSE.
//
// leastconnect and instances that are to have few picks for a while, and so have few leases.
#include "fixtures.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <deque>
#include <map>
#include <string>
#include <utility>
#include <vector>

using namespace muster::balance;
using namespace muster::balance::test;
using muster::health_params;
using muster::lease;
using muster::policy;
using std::chrono::seconds;
using service = picked_service;

namespace {

std::string identity(std::size_t i) { return numbered(i).identity(); }

}    // namespace

TEST_CASE("leastconnect: who has the fewest leases since it is given few picks has no more of them for that") {
    for (const std::size_t n : {20U, 200U}) {
        CAPTURE(n);
        const auto picks_of = [](service& s, std::size_t i, std::size_t picks) {
            std::size_t its = 0;
            for (std::size_t k = 0; k < picks; ++k) {
                lease l = s.take();
                its += l->identity() == identity(i);
                l.canceled();
            }
            return its;
        };
        health_params h;
        h.slow_start = seconds(100);
        service s(n - 1, h, policy::leastconnect);
        const auto busy = s.lend_each(0, n - 1, 3);
        s.show(n);
        REQUIRE(s.is(n - 1, standing::starting));
        const std::size_t at_first = picks_of(s, n - 1, 1'000 * n);
        CHECK(at_first > 50);    // 10 % of its share, which is 1000
        CHECK(at_first < 200);
        s.clock->at += seconds(50);
        const std::size_t half = picks_of(s, n - 1, 1'000 * n);
        CHECK(half > 400);
        CHECK(half < 700);
        s.clock->at += seconds(50);
        CHECK(picks_of(s, n - 1, 10) > 1);    // now it has the fewest

        service t(n, {}, policy::leastconnect);
        const auto also_busy = t.lend_each(1, n, 3);
        t.eject(0);
        t.clock->at += seconds(10);
        while (!t.is(0, standing::trial)) t.take().canceled();
        const std::size_t tried = picks_of(t, 0, 1'000 * n);
        CHECK(tried > 50);
        CHECK(tried < 200);
    }
}

TEST_CASE("leastconnect: several that start slowly among busy ones get their part of their share each, as their load shows") {
    for (const std::size_t starting : {1U, 5U}) {
        CAPTURE(starting);
        health_params h;
        h.slow_start = seconds(100);
        const std::size_t n = 20;
        service s(n - starting, h, policy::leastconnect);
        std::deque<lease> out;
        const auto picks = [&](std::size_t count) {
            std::map<std::string, double> of;
            for (std::size_t i = 0; i < count; ++i) {
                out.push_back(s.take());
                ++of[out.back()->identity()];
                if (out.size() > 1'000) out.pop_front();    // the longest call ends
            }
            return of;
        };
        picks(3'000);
        s.show(n);
        s.clock->at += seconds(20);
        auto of = picks(20'000);
        double first = 0;
        for (std::size_t i = n - starting; i < n; ++i) first += of[identity(i)];
        CHECK(first / static_cast<double>(starting) == doctest::Approx(200).epsilon(0.35));    // 20 % of 1000
        s.clock->at += seconds(30);
        picks(5'000);
        of = picks(20'000);
        for (std::size_t i = 0; i < n; ++i) {
            CAPTURE(i);
            if (i >= n - starting) CHECK(of[identity(i)] == doctest::Approx(500).epsilon(0.25));
            CHECK(of[identity(i)] < 1'500);
        }
    }
}

TEST_CASE("leastconnect: those that join busy ones and start slowly get their part of their share each, from the beginning") {
    for (const auto& [n, starting] : {std::pair{20U, 1U}, {20U, 5U}, {5U, 1U}, {3U, 1U}}) {
        for (const bool held : {true, false}) {
            CAPTURE(n);
            CAPTURE(starting);
            CAPTURE(held);
            health_params h;
            h.slow_start = seconds(100);
            service s(n - starting, h, policy::leastconnect);
            auto out = s.lend_each(0, n - starting, 2'000);
            s.show(n);
            s.clock->at += seconds(50);
            for (int phase = 0; phase < 3; ++phase) {
                std::map<std::string, double> of;
                for (std::size_t i = 0; i < 400 * n; ++i) {
                    lease l = s.take();
                    ++of[l->identity()];
                    if (held) out.push_back(std::move(l));
                }
                for (std::size_t i = n - starting; i < n; ++i) {
                    CAPTURE(i);
                    CHECK(of[identity(i)] == doctest::Approx(200).epsilon(0.35));    // half of 400
                }
            }
        }
    }
}

TEST_CASE("leastconnect: one on trial gets its few picks also while another that has joined is held back") {
    service s(20, {}, policy::leastconnect);
    const auto busy = s.lend_each(1, 20, 200);
    s.eject(0);
    s.show(21);
    s.clock->at += seconds(10);
    int picks = 0;
    for (; !s.is(0, standing::fine) && picks < 100'000; ++picks) {
        lease l = s.take();
        if (l->identity() == identity(0))
            l.success();
        else
            l.canceled();
    }
    CHECK(picks < 3'000);    // of which 150 are its own
}
