// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include <array>
#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace muster::zk {

/// How many round trips took how long: a value, such as `client::latency()` gives.
///
/// Buckets are log-linear: of one microsecond each up to 32 us, and then 16 for each doubling, so that what is told is at most
/// 1/16 too large. There is nothing to be configured, and histograms of several clients can be added up. Beyond 67 s all is one.
class latency_histogram {
public:
    using duration = std::chrono::microseconds;

    static constexpr std::size_t buckets = 368;

    /// How many were counted.
    std::uint64_t count() const noexcept { return count_; }

    /// The largest of the smallest `q` of all, 0 to 1: `quantile(0.5)` is the median, `quantile(1)` the largest. It is the
    /// upper end of its bucket. 0 if there are none.
    duration quantile(double q) const noexcept;

    /// Adds what `other` has counted.
    latency_histogram& operator+=(const latency_histogram& other) noexcept;

    /// Takes away what `earlier`, a value of the same client, had counted: what is left came since.
    latency_histogram& operator-=(const latency_histogram& earlier) noexcept;

    /// How many are in bucket `index`, whose largest value is `upper_end(index)`. For exporters.
    std::uint64_t operator[](std::size_t index) const noexcept { return counts_[index]; }
    static constexpr duration upper_end(std::size_t index) noexcept {
        if (index < 2 * per_doubling) return duration(static_cast<duration::rep>(index));
        const std::size_t doublings = index / per_doubling - 1;
        return duration(static_cast<duration::rep>(((per_doubling + index % per_doubling + 1) << doublings) - 1));
    }

    /// The bucket that `d` belongs to.
    static constexpr std::size_t bucket_of(std::chrono::nanoseconds d) noexcept {
        const auto us = std::chrono::duration_cast<duration>(d).count();
        if (us <= 0) return 0;
        const auto value = static_cast<std::uint64_t>(us);
        const auto bits = static_cast<std::size_t>(std::bit_width(value));
        if (bits <= linear_bits) return static_cast<std::size_t>(value);
        const std::size_t doublings = bits - linear_bits;
        const std::size_t index = doublings * per_doubling + static_cast<std::size_t>(value >> doublings);
        return index < buckets ? index : buckets - 1;
    }

    /// Sets a bucket's count.
    void set(std::size_t index, std::uint64_t n) noexcept {
        count_ += n - counts_[index];
        counts_[index] = n;
    }

private:
    static constexpr std::size_t linear_bits = 5;
    static constexpr std::size_t per_doubling = 16;

    std::array<std::uint64_t, buckets> counts_{};
    std::uint64_t count_ = 0;
};

}    // namespace muster::zk
