// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include "balance/health.hpp"
#include "balance/stripe.hpp"

#include <muster/detail/counter.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

namespace muster::balance {

/// Where leases and policies get the time from.
class time_source {
public:
    using time_point = std::chrono::steady_clock::time_point;

    virtual ~time_source() = default;
    /// Monotonic. From any thread.
    virtual time_point now() noexcept = 0;

    /// In nanoseconds.
    std::int64_t ticks() noexcept {
        return std::chrono::duration_cast<std::chrono::nanoseconds>(now().time_since_epoch()).count();
    }
};

/// The leases of policy boundedhash in one word, so that each step is one atomic operation.
///
///     63             32 31          0
///     [ taken, in all   | out now    ]
namespace bounded_load {
inline constexpr std::uint64_t taken = (std::uint64_t{1} << 32) + 1;    ///< What one that is taken adds.
inline constexpr std::uint64_t returned = std::uint64_t{0} - 1;

/// Where an instance comes back with its leases, one of them may be returned before they are counted again.
inline std::uint32_t open(std::uint64_t load) noexcept {
    const auto out = static_cast<std::int32_t>(load);
    return out > 0 ? static_cast<std::uint32_t>(out) : 0;
}
inline std::uint32_t taken_since(std::uint64_t before, std::uint64_t now) noexcept {
    return static_cast<std::uint32_t>(now >> 32) - static_cast<std::uint32_t>(before >> 32);
}
inline std::uint32_t returned_since(std::uint64_t before, std::uint64_t now) noexcept {
    return taken_since(before, now) - static_cast<std::uint32_t>(now - before);
}
}    // namespace bounded_load

/// What the instances of one service share. Leases keep it alive beyond the balancer.
struct service_state {
    /// `threads`: how many pick at the same time.
    explicit service_state(std::shared_ptr<time_source> c, const health_params& p = {}, std::size_t threads = 1) noexcept
        : clock(std::move(c)), stripes(stripes_for(threads)), health(p) {}

    const std::shared_ptr<time_source> clock;    ///< Never null.
    const stripe_count stripes;                  ///< Of its instances.

    /// What the clock showed when a lease was timed last, or up to 1 ms before: good enough to let estimates fade by, and hardly
    /// ever written, since it is read by every pick of some policies.
    std::atomic<std::int64_t> latest{0};
    void pass(std::int64_t now) noexcept {
        if (now - latest.load(std::memory_order_relaxed) > 1'000'000) latest.store(now, std::memory_order_relaxed);
    }

    /// See `bounded_load`; of the instances that are there. Apart from what is seldom written.
    alignas(64) std::atomic<std::uint64_t> bounded{0};

    /// What a call of a fast instance takes, in ns; 0: unknown. Falls fast and rises slowly, so that the slow hardly lift it.
    std::atomic<float> usual{0};

    alignas(64) balance::health health;    ///< Who of them is picked.
};

using service_state_ptr = std::shared_ptr<service_state>;

}    // namespace muster::balance
