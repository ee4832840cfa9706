// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace muster::registry {

/// Full-jitter exponential back-off: each delay is drawn uniformly from 0 to a bound that doubles from `min` to `max`.
class backoff {
public:
    using milliseconds = std::chrono::milliseconds;

    backoff(milliseconds min, milliseconds max) noexcept
        : min_(std::max(min, milliseconds(1))), max_(std::max(max, min_)), bound_(min_) {}

    /// The next delay. `random`: 64 random bits.
    std::chrono::microseconds next(std::uint64_t random) noexcept {
        const std::chrono::microseconds bound = bound_;
        bound_ = std::min(bound_ * 2, max_);
        return std::chrono::microseconds(random % static_cast<std::uint64_t>(bound.count() + 1));
    }

    void reset() noexcept { bound_ = min_; }

private:
    milliseconds min_;
    milliseconds max_;
    milliseconds bound_;
};

}    // namespace muster::registry
