// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include <muster/zk/latency_histogram.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace muster::zk::proto {

/// Counts round trips. One thread at a time counts, so that this costs no more than in plain memory; any may read meanwhile.
class latency_recorder {
public:
    void add(std::chrono::nanoseconds d) noexcept {
        auto& bucket = counts_[latency_histogram::bucket_of(d)];
        bucket.store(bucket.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    }

    latency_histogram read() const noexcept {
        latency_histogram h;
        for (std::size_t i = 0; i != counts_.size(); ++i) h.set(i, counts_[i].load(std::memory_order_relaxed));
        return h;
    }

private:
    std::array<std::atomic<std::uint64_t>, latency_histogram::buckets> counts_{};
};

}    // namespace muster::zk::proto
