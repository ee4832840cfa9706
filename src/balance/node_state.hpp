// Part of muster. Boost Software License 1.0, see LICENSE.
//
// What is learned of an instance from the leases that come back.
#pragma once

#include "balance/service_state.hpp"
#include "balance/stripe.hpp"

#include <muster/detail/counter.hpp>
#include <muster/lease.hpp>

#include <boost/smart_ptr/intrusive_ptr.hpp>

#include <atomic>
#include <cmath>
#include <cstdint>
#include <memory>

namespace muster::balance {

/// What was seen so long ago counts 1/e in the latency.
inline constexpr float latency_memory_ns = 10e9F;

/// exp(-age / latency_memory_ns)
inline float faded(std::int64_t age) noexcept {
    const float x = static_cast<float>(age) * (1 / latency_memory_ns);
    if (x <= 0) return 1;
    return x < 0.02F ? 1 - x * (1 - x / 2) : std::exp(-x);    // exp costs more than all else of a pick
}

/// Where an instance stands in the view, for those who hold a lease of any of its versions.
enum class presence : std::uint8_t { listed, draining, gone };

/// Under its identity. The versions of an instance share it: it survives promotion, change of weight, re-registration and brief
/// absence. Written by whoever returns a lease, hence cache lines of its own.
///
/// All is relaxed: each number stands for itself, and two threads that learn at once may lose a sample, never a count.
struct alignas(64) node_state {
    explicit node_state(service_state_ptr s);

    tally common;                             ///< Where there are no stripes.
    std::atomic<std::uint32_t> strikes{0};    ///< Failures of any class since the last success, or its trial began.
    /// How many times as expensive a lease is than it looks: 1 if all is well. Of slowness and of the load that was reported.
    std::atomic<float> handicap{1};
    std::atomic<float> reported{1};    ///< The share of the reported load in it.
    std::atomic<float> latency{0};     ///< Peak EWMA in ns as of `latency_at`; 0: unknown.
    std::atomic<float> typical{0};     ///< What its calls take, in ns, outliers levelled; 0: unknown.
    std::atomic<std::int64_t> latency_at{0};

    /// Why a pick should look at more than the leases that are out: one word, since most have no reason to.
    std::atomic<std::uint32_t> notable{never_timed};
    static constexpr std::uint32_t failing = 1;        ///< `strikes` is not 0.
    static constexpr std::uint32_t dear = 2;           ///< `handicap` is not 1.
    static constexpr std::uint32_t never_timed = 4;    ///< `typical` is unknown.

    std::atomic<balance::standing> standing{balance::standing::fine};      ///< In the first cache line: each pick reads it.
    std::atomic<std::uint32_t> bounded{0};                                 ///< See `bounded_leases`.
    std::atomic<balance::presence> presence{balance::presence::listed};    ///< Written by the membership.
    const stripe_count stripes;
    const std::unique_ptr<stripe_line[]> lines;    ///< The tallies of all versions, and the stripes of the first one.
    std::atomic<std::uint32_t> references{0};

    // What picks do not read, unless the instance is in trouble.
    std::atomic<std::uint64_t> unreachable{0};    ///< Leases returned with a failure of this class; and so on.
    std::atomic<std::uint64_t> failed{0};
    std::atomic<std::uint64_t> overloaded{0};
    std::atomic<std::uint64_t> canceled{0};    ///< Leases returned without an outcome.
    health_record health;
    const service_state_ptr shared;    ///< Null in tests of what does without.

    /// What stripe number `s` counts in; any number will do.
    tally& tally_of(std::uint32_t s) noexcept { return stripes == 0 ? common : lines[s & (stripes - 1U)]; }
    const tally& tally_of(std::uint32_t s) const noexcept { return stripes == 0 ? common : lines[s & (stripes - 1U)]; }
    /// Leases returned with `success()`.
    std::uint64_t successes() const noexcept { return sum(&tally::successes); }
    /// Leases destroyed without a word.
    std::uint64_t abandoned() const noexcept { return sum(&tally::abandoned); }

    /// Leases of policy boundedhash that are out.
    std::uint32_t bounded_leases() const noexcept { return bounded.load(std::memory_order_relaxed) & ~uncounted; }
    /// One more is out, or, if not `taken`, one less.
    void count_bounded(bool taken) noexcept {
        const std::uint32_t before = fetch_add(bounded, taken ? 1U : 0U - 1);
        if (shared && !(before & uncounted)) fetch_add(shared->bounded, taken ? bounded_load::taken : bounded_load::returned);
    }
    /// The instance is gone from the service, which counts its leases no longer, or it is back.
    void count_apart(bool gone) noexcept;

    /// A call that was timed took so long and succeeded.
    void observe(std::int64_t taken_at) noexcept;
    /// A call succeeded, after failures or on trial: see `loan::of_trial`.
    void recover(std::uint8_t trial) noexcept;
    /// The instance reported its utilisation.
    void report_load(double load) noexcept;
    /// Counts a failure other than `cancelled`.
    void count(failure_class why) noexcept;
    /// How many were counted.
    std::uint64_t failures() const noexcept { return unreachable + failed + overloaded; }
    /// A lease came back with a failure other than `cancelled`. `taken_at` 0: it was not timed. `trial`: see `loan::of_trial`.
    void fail(failure_class why, std::int64_t taken_at, std::uint8_t trial) noexcept;

    friend void intrusive_ptr_add_ref(node_state* s) noexcept { s->references.fetch_add(1, std::memory_order_relaxed); }
    friend void intrusive_ptr_release(node_state* s) noexcept {
        if (s->references.fetch_sub(1, std::memory_order_acq_rel) == 1) delete s;
    }

private:
    static constexpr std::uint32_t uncounted = std::uint32_t{1} << 31;    ///< In `bounded`: the service does not count them.

    std::uint64_t sum(std::atomic<std::uint64_t> tally::*counter) const noexcept;
    /// True if that trial is the last one that there was.
    bool is_latest(std::uint8_t trial) const noexcept {
        return trial != 0 && trial == health.trial.load(std::memory_order_relaxed);
    }
    void rate() noexcept;
    void note(std::uint32_t reason, bool holds) noexcept;
    /// Tells those who return leases, see `tally::failing`.
    void mark_failing(std::uint32_t mark) noexcept;
};

}    // namespace muster::balance
