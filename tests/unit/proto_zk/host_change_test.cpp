// Part of muster. Boost Software License 1.0, see LICENSE.
//
// How clients spread over a list of servers that changes.
#include "proto_zk/host_cycle.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <random>
#include <set>
#include <vector>

using namespace std::chrono_literals;
using muster::zk::proto::host_cycle;

TEST_SUITE_BEGIN("host_cycle: changes");

namespace {

using former_list = std::vector<std::optional<std::size_t>>;

constexpr int clients = 20'000;
constexpr std::uint64_t seed = 20'260'101;

/// The shares of clients that each server of the new list has, if they were spread evenly over `before` of the old one.
std::vector<double> shares(std::size_t before, const former_list& former, bool connected) {
    CAPTURE(seed);
    std::mt19937_64 random(seed);
    std::vector<double> out(former.size());
    for (int i = 0; i != clients; ++i) {
        host_cycle h(before, 100ms, 1s, random());
        h.attached();
        if (h.replace(former, connected, random())) h.lost();
        REQUIRE(h.current() < former.size());
        out[h.current()] += 1.0 / clients;
    }
    return out;
}

void check_even(const std::vector<double>& s) {
    for (const double share : s) CHECK(std::abs(share - 1.0 / static_cast<double>(s.size())) < 0.012);
}

/// How many move.
double moving(std::size_t before, const former_list& former) {
    std::mt19937_64 random(seed);
    int moved = 0;
    for (int i = 0; i != clients; ++i) moved += host_cycle(before, 100ms, 1s, random()).replace(former, true, random()) ? 1 : 0;
    return static_cast<double>(moved) / clients;
}

}    // namespace

TEST_CASE("after any change all servers have as many clients") {
    for (const bool connected : {true, false}) {
        CAPTURE(connected);
        check_even(shares(3, {0, 1, 2}, connected));
        check_even(shares(3, {0, 1, 2, {}, {}}, connected));      // grew
        check_even(shares(3, {2, {}, {}, {}, {}}, connected));    // grew, and most went
        check_even(shares(5, {0, 3, 4}, connected));              // shrank
        check_even(shares(5, {1, {}, {}}, connected));            // shrank, and others came
        check_even(shares(3, {{}, {}, {}}, connected));           // all others
        check_even(shares(5, {0, 1, 2, 3, {}}, connected));       // one was replaced
        check_even(shares(1, {0, {}}, connected));
    }
}

TEST_CASE("no more clients move than must") {
    CHECK(moving(3, {0, 1, 2}) == 0);
    CHECK(moving(3, {2, 0, 1}) == 0);    // another order is no other list
    CHECK(std::abs(moving(3, {0, 1, 2, {}, {}}) - 0.4) < 0.01);
    CHECK(std::abs(moving(5, {0, 3, 4}) - 0.4) < 0.01);
    CHECK(std::abs(moving(5, {0, 1, 2, 3, {}}) - 0.2) < 0.01);
}

TEST_CASE("whoever moves tries every server once per round, and forgets the preference with a connection") {
    std::mt19937_64 random(seed);
    for (int i = 0; i != 200; ++i) {
        host_cycle h(3, 100ms, 1s, random());
        const auto old = h.current();
        former_list former{{}, {}, {}};
        for (std::size_t n = 0; n != 3; ++n) {
            if (n != old) former.emplace_back(n);    // a list that grew, without the server of this client
        }
        REQUIRE(h.replace(former, true, random()));
        h.lost();
        std::set<std::size_t> tried;
        for (int n = 0; n != 5; ++n) {
            if (n < 3) CHECK(h.current() < 3);    // the new ones first
            tried.insert(h.current());
            const auto delay = h.failed(host_cycle::duration::max(), std::numeric_limits<std::uint64_t>::max());
            CHECK((delay > 0s) == (n == 4));
        }
        CHECK(tried.size() == 5);
        const auto here = h.current();
        h.attached();
        CHECK(h.current() == here);
    }
}

TEST_CASE("after a connection the next server is any") {
    std::mt19937_64 random(seed);
    std::vector<int> next(5);
    for (int i = 0; i != 5'000; ++i) {
        host_cycle h(3, 100ms, 1s, random());
        former_list former{{}, {}, {}};
        for (std::size_t n = 0; n != 3; ++n) {
            if (n != h.current()) former.emplace_back(n);
        }
        h.replace(former, true, random());
        h.lost();
        h.attached();
        h.lost();
        ++next[h.current()];
    }
    CHECK(next[3] + next[4] > 1'500);    // all alike: the old ones are two of five
}
