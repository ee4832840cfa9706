// Part of muster. Boost Software License 1.0, see LICENSE.
#include <muster/zk/latency_histogram.hpp>

#include <algorithm>
#include <cmath>

namespace muster::zk {

latency_histogram::duration latency_histogram::quantile(double q) const noexcept {
    if (count_ == 0) return duration::zero();
    const double wanted = std::ceil(std::clamp(q, 0.0, 1.0) * static_cast<double>(count_));
    const auto rank = std::clamp<std::uint64_t>(static_cast<std::uint64_t>(wanted), 1, count_);
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i != buckets; ++i) {
        seen += counts_[i];
        if (seen >= rank) return upper_end(i);
    }
    return upper_end(buckets - 1);
}

latency_histogram& latency_histogram::operator+=(const latency_histogram& other) noexcept {
    for (std::size_t i = 0; i != buckets; ++i) set(i, counts_[i] + other.counts_[i]);
    return *this;
}

latency_histogram& latency_histogram::operator-=(const latency_histogram& earlier) noexcept {
    for (std::size_t i = 0; i != buckets; ++i) set(i, counts_[i] - std::min(counts_[i], earlier.counts_[i]));
    return *this;
}

}    // namespace muster::zk
