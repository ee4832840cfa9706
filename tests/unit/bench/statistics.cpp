// Part of muster. Boost Software License 1.0, see LICENSE.
#include "bench/statistics.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <limits>

using muster::bench::histogram;
using muster::bench::median;

TEST_CASE("median: the middle value, or the mean of the two in the middle") {
    CHECK(median({3}) == 3);
    CHECK(median({9, 1, 5}) == 5);
    CHECK(median({9, 1, 5, 6}) == 5.5);
}

TEST_CASE("histogram: small values are exact") {
    histogram h;
    for (std::uint64_t v = 1; v <= 100; ++v) h.record(v);
    CHECK(h.count() == 100);
    CHECK(h.quantile(0.5) == 50);
    CHECK(h.quantile(0.99) == 99);
    CHECK(h.quantile(1) == 100);
}

TEST_CASE("histogram: every value comes back within 0.8 percent") {
    for (std::uint64_t v = 1; v < std::numeric_limits<std::uint64_t>::max() / 3; v = v * 3 + 1) {
        CAPTURE(v);
        histogram h;
        h.record(v);
        CHECK(h.quantile(0.5) == doctest::Approx(static_cast<double>(v)).epsilon(0.008));
    }
}

TEST_CASE("histogram: the greatest value has a bucket, and an empty one gives 0") {
    histogram h;
    CHECK(h.quantile(0.5) == 0);
    h.record(std::numeric_limits<std::uint64_t>::max());
    CHECK(h.quantile(0.5) == doctest::Approx(1.8446744e19).epsilon(0.008));
    h.record(0);
    CHECK(h.quantile(0.5) == 0);
}
