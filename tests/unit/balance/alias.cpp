// Part of muster. Boost Software License 1.0, see LICENSE.
#include "balance/alias.hpp"

#include "fixtures.hpp"

#include <doctest/doctest.h>

#include <vector>

using namespace muster::balance;

namespace {

std::vector<double> drawn(const std::vector<std::uint32_t>& weights, std::uint64_t seed, int draws) {
    const alias_table table(weights);
    pick_state s(seed);
    std::vector<double> counts(weights.size(), 0);
    for (int i = 0; i < draws; ++i) ++counts.at(table.draw(s));
    return counts;
}

double chi_square(const std::vector<std::uint32_t>& weights, const std::vector<double>& counts) {
    double total = 0, draws = 0, r = 0;
    for (std::size_t i = 0; i < weights.size(); ++i) total += weights[i], draws += counts[i];
    for (std::size_t i = 0; i < weights.size(); ++i) {
        const double expected = draws * weights[i] / total;
        r += (counts[i] - expected) * (counts[i] - expected) / expected;
    }
    return r;
}

}    // namespace

TEST_CASE("draws follow the weights") {
    for (const std::uint64_t seed : {1U, 2U, 3U}) {
        CAPTURE(seed);
        const std::vector<std::uint32_t> ten{1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
        CHECK(chi_square(ten, drawn(ten, seed, 100'000)) < test::chi_square_9);
        const std::vector<std::uint32_t> skewed{1000, 1, 1, 1, 1, 1, 1, 1, 1, 1};
        CHECK(chi_square(skewed, drawn(skewed, seed, 1'000'000)) < test::chi_square_9);
        std::vector<std::uint32_t> hundred;
        for (std::uint32_t i = 1; i <= 100; ++i) hundred.push_back(i);
        CHECK(chi_square(hundred, drawn(hundred, seed, 1'000'000)) < test::chi_square_99);
    }
}

TEST_CASE("equal weights and a single one") {
    const std::vector<std::uint32_t> equal(10, 65535);
    CHECK(chi_square(equal, drawn(equal, 4, 100'000)) < test::chi_square_9);
    CHECK(drawn({65535}, 5, 100).at(0) == 100);
}

TEST_CASE("hostile weights") {
    const auto counts = drawn({65535, 1}, 6, 10'000'000);
    CHECK(counts[1] > 100);    // 152 expected
    CHECK(counts[1] < 210);
}
