// Part of muster. Boost Software License 1.0, see LICENSE.
#include "proto_zk/latency_recorder.hpp"

#include "allocations.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

using namespace muster::zk;
using namespace std::chrono_literals;

TEST_SUITE_BEGIN("latency histogram");

TEST_CASE("buckets lie side by side, and each value is at most a sixteenth below the end of its own") {
    for (std::size_t i = 0; i != latency_histogram::buckets; ++i) {
        const auto end = latency_histogram::upper_end(i);
        CHECK(latency_histogram::bucket_of(end) == i);
        if (i + 1 != latency_histogram::buckets) CHECK(latency_histogram::bucket_of(end + 1us) == i + 1);
    }
    for (std::int64_t us = 1; us < 60'000'000; us += us / 7 + 1) {
        const auto told = latency_histogram::upper_end(latency_histogram::bucket_of(std::chrono::microseconds(us))).count();
        CHECK(told >= us);
        CHECK(told <= us + us / 16);
    }
}

TEST_CASE("what is out of range is counted at the ends") {
    CHECK(latency_histogram::bucket_of(-5us) == 0);
    CHECK(latency_histogram::bucket_of(999ns) == 0);
    CHECK(latency_histogram::bucket_of(1h) == latency_histogram::buckets - 1);
    CHECK(latency_histogram::bucket_of(std::chrono::nanoseconds::max()) == latency_histogram::buckets - 1);
}

TEST_CASE("quantiles are those of the sorted values, as exactly as buckets tell") {
    constexpr std::uint32_t seed = 21;
    INFO("seed ", seed);
    std::mt19937 random(seed);
    proto::latency_recorder recorder;
    std::vector<std::int64_t> values;
    for (int i = 0; i != 10'000; ++i) {
        const auto us = static_cast<std::int64_t>(std::exp(static_cast<double>(random() % 1500) / 100.0));
        values.push_back(us);
        recorder.add(std::chrono::microseconds(us));
    }
    std::sort(values.begin(), values.end());
    const auto h = recorder.read();
    CHECK(h.count() == values.size());
    for (const double q : {0.001, 0.25, 0.5, 0.9, 0.99, 0.999, 1.0}) {
        const auto rank = static_cast<std::size_t>(std::ceil(q * static_cast<double>(values.size())));
        const auto exact = values[rank - 1];
        CHECK(h.quantile(q).count() >= exact);
        CHECK(h.quantile(q).count() <= exact + exact / 16);
    }
    CHECK(h.quantile(-1) == h.quantile(0));
    CHECK(h.quantile(2) == h.quantile(1));
}

TEST_CASE("an empty one has no quantiles, and one value is all of them") {
    proto::latency_recorder recorder;
    CHECK(recorder.read().quantile(0.5) == 0us);
    CHECK(recorder.read().count() == 0);
    recorder.add(7us);
    for (const double q : {0.0, 0.5, 1.0}) CHECK(recorder.read().quantile(q) == 7us);
}

TEST_CASE("histograms are added up, and what came since an earlier one is a difference") {
    proto::latency_recorder recorder;
    recorder.add(3us);
    const auto before = recorder.read();
    recorder.add(5us);
    recorder.add(5us);
    auto since = recorder.read();
    since -= before;
    CHECK(since.count() == 2);
    CHECK(since.quantile(0) == 5us);
    since += before;
    CHECK(since.count() == 3);
    CHECK(since.quantile(0) == 3us);
    CHECK(since[3] == 1);
    CHECK(since[5] == 2);
}

TEST_CASE("neither counting nor reading allocates") {
    proto::latency_recorder recorder;
    const muster::test::largest_allocation seen;
    recorder.add(3us);
    CHECK(recorder.read().quantile(0.99) == 3us);
    CHECK(seen.bytes() == 0);
}

TEST_SUITE_END();
