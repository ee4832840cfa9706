// Part of muster. Boost Software License 1.0, see LICENSE.
#include "proto_zk/host_cycle.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <limits>
#include <map>
#include <random>
#include <set>
#include <vector>

using namespace std::chrono_literals;
using muster::zk::proto::host_cycle;
using duration = host_cycle::duration;

TEST_SUITE_BEGIN("host_cycle");

namespace {

constexpr auto latest = std::numeric_limits<std::uint64_t>::max();
constexpr auto no_cap = duration::max();

bool about(duration d, duration expected) { return d <= expected && d > expected - 1ms; }

}    // namespace

TEST_CASE("every server is tried once per round, in the order of the first") {
    host_cycle h(5, 100ms, 10s, 7);
    std::vector<std::size_t> order;
    for (int i = 0; i != 5; ++i) {
        order.push_back(h.current());
        h.failed(no_cap, latest);
    }
    CHECK(std::set<std::size_t>(order.begin(), order.end()).size() == 5);
    for (int i = 0; i != 20; ++i) {
        CHECK(h.current() == order[static_cast<std::size_t>(i % 5)]);
        h.failed(no_cap, latest);
    }
}

TEST_CASE("the seed determines the order, and all servers get to be first") {
    std::map<std::size_t, int> first;
    for (std::uint64_t seed = 0; seed != 300; ++seed) {
        host_cycle a(3, 1s, 1s, seed);
        host_cycle b(3, 1s, 1s, seed);
        CHECK(a.current() == b.current());
        ++first[a.current()];
    }
    CHECK(first.size() == 3);
    for (const auto& [host, count] : first) CHECK(count > 60);
}

TEST_CASE("delays only between rounds, with a bound that doubles up to the limit") {
    host_cycle h(2, 100ms, 1s, 1);
    for (const duration bound : {100ms, 200ms, 400ms, 800ms, 1000ms, 1000ms}) {
        CHECK(h.failed(no_cap, latest) == 0s);
        CHECK(about(h.failed(no_cap, latest), bound));
    }
}

TEST_CASE("R32: full jitter: delays spread evenly from 0 to the bound") {
    std::mt19937_64 engine(1);
    int lower = 0;
    for (int i = 0; i != 1000; ++i) {
        host_cycle h(1, 10s, 10s, 1);
        const auto d = h.failed(no_cap, engine());
        CHECK(d >= 0s);
        CHECK(d < 10s);
        lower += d < 5s ? 1 : 0;
    }
    CHECK(lower > 430);
    CHECK(lower < 570);
    host_cycle h(1, 10s, 10s, 1);
    CHECK(h.failed(no_cap, 0) == 0s);
}

TEST_CASE("a cap shortens the delay but not the bound that follows") {
    host_cycle h(1, 1s, 100s, 1);
    CHECK(about(h.failed(300ms, latest), 300ms));
    CHECK(about(h.failed(no_cap, latest), 2s));
}

TEST_CASE("a connection that lasted starts over, with the next server") {
    host_cycle h(3, 1s, 100s, 1);
    for (int i = 0; i != 7; ++i) h.failed(no_cap, latest);
    const auto before = h.current();
    h.lost();
    CHECK(h.current() != before);
    CHECK(h.failed(no_cap, latest) == 0s);
    CHECK(h.failed(no_cap, latest) == 0s);
    CHECK(about(h.failed(no_cap, latest), 1s));
}

TEST_CASE("a limit below the first bound counts as that; days do not overflow") {
    host_cycle small(1, 1s, 1ms, 1);
    CHECK(about(small.failed(no_cap, latest), 1s));
    CHECK(about(small.failed(no_cap, latest), 1s));
    host_cycle large(1, 24h * 20, 24h * 24, 1);
    for (int i = 0; i != 100; ++i) {
        const auto d = large.failed(no_cap, latest);
        CHECK(d > 24h * 19);
        CHECK(d <= 24h * 24);
    }
}

TEST_SUITE_END();
