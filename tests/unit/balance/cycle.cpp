// Part of muster. Boost Software License 1.0, see LICENSE.
#include "balance/cycle.hpp"

#include "fixtures.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

using namespace muster::balance;

namespace {

using weights = std::vector<std::uint32_t>;

double sum(const weights& w) { return std::accumulate(w.begin(), w.end(), 0.0); }

// The furthest that anyone is ever from its due, over `rounds` rounds that begin at `from`.
double lag(const std::vector<std::uint32_t>& cycle, const weights& w, std::size_t from = 0) {
    std::vector<double> had(w.size(), 0);
    double worst = 0;
    for (std::size_t t = 1; t <= 2 * cycle.size(); ++t) {
        ++had[cycle[(from + t - 1) % cycle.size()]];
        for (std::size_t i = 0; i < w.size(); ++i) {
            worst = std::max(worst, std::abs(had[i] - static_cast<double>(t) * w[i] / sum(w)));
        }
    }
    return worst;
}

}    // namespace

TEST_CASE("a cycle contains each index as often as its weight says") {
    CHECK(smooth_cycle(weights{7}, 4096) == weights{0});
    CHECK(smooth_cycle(weights{4, 4}, 4096).size() == 2);
    const auto cycle = smooth_cycle(weights{10, 2, 4}, 4096);
    CHECK(cycle.size() == 8);
    CHECK(std::count(cycle.begin(), cycle.end(), 0U) == 5);
    CHECK(std::count(cycle.begin(), cycle.end(), 1U) == 1);
    CHECK(std::count(cycle.begin(), cycle.end(), 2U) == 2);
}

TEST_CASE("nobody is ever a whole pick from its due") {
    const std::vector<weights> sets{{5, 1, 1}, {3, 2, 7}, {100, 1, 1, 1}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10}};
    for (const weights& w : sets) {
        CAPTURE(w.size());
        const auto cycle = smooth_cycle(w, 4096);
        CHECK(lag(cycle, w) < 1.0);
        for (std::size_t from = 1; from < cycle.size(); ++from) CHECK(lag(cycle, w, from) < 2.0);
    }
}

TEST_CASE("nor with weights at random") {
    pick_state random(20240501);
    for (int round = 0; round < 300; ++round) {
        weights w(1 + random.random_below(20));
        for (auto& v : w) v = 1 + random.random_below(100);
        CAPTURE(round);
        const auto cycle = smooth_cycle(w, 1U << 20);
        REQUIRE(cycle.size() <= static_cast<std::size_t>(sum(w)));
        CHECK(lag(cycle, w) < 1.0);
    }
}

TEST_CASE("hostile weights give a short cycle in which all have a place") {
    for (const weights& w : {weights{65535, 1}, weights{65535, 65534, 65533, 1, 1}, weights{65521, 65519, 65497, 32749}}) {
        const auto cycle = smooth_cycle(w, 4096);
        CAPTURE(w.size());
        CHECK(cycle.size() <= 4096 + w.size());
        const double slots = static_cast<double>(cycle.size());
        for (std::uint32_t i = 0; i < w.size(); ++i) {
            const auto places = static_cast<double>(std::count(cycle.begin(), cycle.end(), i));
            CHECK(places >= 1);
            CHECK(std::abs(places / slots - w[i] / sum(w)) < 1.5 / 4096);
        }
    }
}
