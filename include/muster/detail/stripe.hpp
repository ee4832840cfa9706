// Part of muster. Boost Software License 1.0, see LICENSE.
//
// What a lease points at. Known to users' compilers, so that a lease is read and returned without a call into the library.
#pragma once

#include <muster/detail/counter.hpp>
#include <muster/instance.hpp>

#include <atomic>
#include <cstdint>

namespace muster::balance {

struct node;

/// What a lease carries besides its instance, in one word: when it was taken, and flags.
namespace loan {
inline constexpr std::uint64_t open = 1;           ///< Not returned yet.
inline constexpr std::uint64_t counted = 2;        ///< Counts for the bound of boundedhash.
inline constexpr std::uint64_t last_chance = 4;    ///< All others had been tried.
inline constexpr int trial_shift = 3;              ///< Three bits: which trial the instance was on, see `of_trial`.
inline constexpr int time_shift = 6;               ///< The time stands above, in ns, for 9 years; 0: not timed.

/// `trial`: 1 to 7, or 0 if it was on none.
inline constexpr std::uint64_t of_trial(std::uint8_t trial) noexcept { return std::uint64_t{trial} << trial_shift; }
inline constexpr std::uint8_t trial_of(std::uint64_t l) noexcept { return static_cast<std::uint8_t>(l >> trial_shift & 7); }

inline std::uint64_t taken_at(std::int64_t ticks) noexcept { return static_cast<std::uint64_t>(ticks) << time_shift; }
inline std::int64_t time_of(std::uint64_t l) noexcept { return static_cast<std::int64_t>(l >> time_shift); }
}    // namespace loan

/// How leases ended, as far as every lease counts it.
struct tally {
    std::atomic<std::uint64_t> successes{0};    ///< Leases returned with `success()`.
    std::atomic<std::uint64_t> abandoned{0};    ///< Leases destroyed without a word.

    /// Not 0: the instance has failed since its last success, so that the next one has more to do than to be counted.
    std::atomic<std::uint32_t> failing{0};
};

/// Counts the leases of one version of an instance that were taken by some of the threads. See `balance/node.hpp`.
struct stripe {
    std::atomic<std::uint64_t> count{0};
    node* whose = nullptr;
    const instance* shown = nullptr;    ///< That version; the node keeps it.
    tally* outcomes = nullptr;          ///< Of these threads, for all versions; the node keeps it.

    /// A reference to the node that is no open lease, in `count`.
    static constexpr std::uint64_t reference = std::uint64_t{1} << 32;

    /// Leases that are out.
    std::uint32_t open() const noexcept { return static_cast<std::uint32_t>(count.load(std::memory_order_relaxed)); }

    /// One lease is over, and refers to the node still.
    void give_back() noexcept { fetch_add(count, reference - 1); }
    /// The same, of one that has ended with a success. The flag is looked at once: it counts, for who makes no other call.
    void give_back_after_success() noexcept {
        if (single_threaded()) [[likely]] {
            constexpr auto relaxed = std::memory_order_relaxed;
            count.store(count.load(relaxed) + (reference - 1), relaxed);
            outcomes->successes.store(outcomes->successes.load(relaxed) + 1, relaxed);
            return;
        }
        give_back();
        fetch_add(outcomes->successes, std::uint64_t{1});
    }
    /// Gives up `unit`: 1 or `reference`. True if that was the last.
    bool give_up(std::uint64_t unit) noexcept {
        return fetch_add(count, std::uint64_t{0} - unit, std::memory_order_acq_rel) == unit;
    }
};

}    // namespace muster::balance
