// Part of muster. Boost Software License 1.0, see LICENSE.
//
// Counters of an instance that several threads write are kept apart, in stripes: a cache line that two threads write in turn
// (false sharing, where they do not even write the same) takes each of them several times as long as a pick does without.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace muster::balance {

struct node;

/// How many stripes the counters of an instance have besides the ones within it. A power of two, or 0: these are for all threads.
using stripe_count = std::uint8_t;

/// For so many threads that pick at the same time: at least as many, up to 64; none for one thread.
stripe_count stripes_for(std::size_t threads) noexcept;

/// How leases ended, as far as every lease counts it.
struct tally {
    std::atomic<std::uint64_t> successes{0};    ///< Leases returned with `success()`.
    std::atomic<std::uint64_t> abandoned{0};    ///< Leases destroyed without a word.
};

/// What a lease points at: counts those of one version of an instance that were taken by one stripe. See `node`.
struct stripe {
    std::atomic<std::uint64_t> count{0};
    node* whose = nullptr;
    tally* outcomes = nullptr;    ///< Of this stripe, for all versions; the node keeps it.

    /// Leases that are out.
    std::uint32_t open() const noexcept { return static_cast<std::uint32_t>(count.load(std::memory_order_relaxed)); }
};

/// A stripe of its own, with a tally beside it: for the first version of an instance a lease touches this line only. Processors
/// fetch lines in pairs (adjacent-line prefetch): the other one of the pair stays empty, or its writer would slow this one down.
struct alignas(128) stripe_line : stripe, tally {};

}    // namespace muster::balance
