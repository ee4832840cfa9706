// Part of muster. Boost Software License 1.0, see LICENSE.
//
// Who gets picks, by how calls went and how long it has been there.
#pragma once

#include <muster/health.hpp>
#include <muster/lease.hpp>
#include <muster/service_description.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <mutex>
#include <vector>

namespace muster::balance {

struct node_state;

/// What an instance may be picked for. Anything but `fine` sends a pick through `health::admits`.
enum class standing : std::uint32_t { fine, ejected, trial, starting, recovering };

/// What health keeps of one instance. Written under the mutex of `health`, but for the atomics, which picks read without it.
struct health_record {
    /// For starting: when it began. For ejected: until when. On trial: when it began, or a call succeeded last. In ticks.
    std::atomic<std::int64_t> since{0};
    std::atomic<std::uint64_t> ejections{0};    ///< In all.
    bool present = false;                       ///< In the service, and counted.
    bool held = false;                          ///< Present, and held back: not registered any more.
    bool counted_out = false;                   ///< Present, not held back, and among those that are out.
    std::uint64_t successes_at = 0;             ///< As of the failure before: another number ends the row.
    std::uint32_t failures_in_row = 0;
    std::uint32_t unreachable_in_row = 0;
    std::uint32_t times = 0;         ///< Ejections in close succession.
    std::int64_t restored_at = 0;    ///< End of the last one.
    /// Number of the trial it is on or was on last, 1 to 7 in turn; 0: it was on none. Calls of one trial tell nothing of the
    /// next.
    std::atomic<std::uint8_t> trial{0};
    std::uint32_t trial_left = 0;        ///< Successes that the trial still takes.
    std::int64_t interval_from = 0;      ///< The interval of `failure_percentage`.
    std::uint64_t successes_then = 0;    ///< As it began.
    std::uint32_t failures_since = 0;
};

/// The health of the instances of one service.
///
///     fine --failures--> ejected --time--> trial --successes--> fine, or starting
///                           ^----failure-----'
///     joined --> starting --time--> fine;  all were gone --> recovering --enough are back, or time--> fine
///
/// How many may be out at a time, and whether that is a panic, goes by those that are out and asked for: one that nobody has
/// tried for an `ejection_time` since it could be, is no reason to send picks to others that fail. Nor is one that is held back:
/// it is there on the chance that it serves, so it does not count, and may always be ejected, unless nobody ever is.
///
/// All members may be called from any thread. Failures and trials take a lock; picks do not.
class health {
public:
    enum class verdict { yes, no, refuse };

    /// What chance decides of one pick: 32 random bits each.
    struct draws {
        std::uint32_t of_pick = 0;
        std::uint32_t of_key = 0;    ///< Of a pick by key, the same for the same key; else another number.
    };

    explicit health(const health_params& p) noexcept;

    /// May this pick go to an instance that is not `fine`? `panic`: in a panic, also to one that is ejected or on trial. `own`:
    /// which part of such picks would be its own; of that it gets what its standing allows.
    verdict admits(node_state& s, std::int64_t now, draws d, bool panic, double own = 1) noexcept;
    /// Fewer are healthy than `health_params::panic_percentage`.
    bool in_panic(std::int64_t now) noexcept;
    /// What it is picked for at `now`, were it picked.
    condition condition_of(const node_state& s, std::int64_t now) const noexcept;
    /// Nobody else is there to take a pick that `admits` refused to all.
    bool panics() const noexcept { return params_.panic_percentage > 0; }

    /// A call failed. `tried`: it was made on the trial that is under way.
    void failed(node_state& s, failure_class why, bool tried, std::int64_t now) noexcept;
    /// A call that was made on the trial that is under way succeeded.
    void succeeded(node_state& s, std::int64_t now) noexcept;

    /// For the membership: an instance is there, from the service's first view on or later.
    void joined(node_state& s, bool at_first, std::int64_t now);
    void left(node_state& s, std::int64_t now) noexcept;
    /// One that is there is held back from now on, or is not any more.
    void hold(node_state& s, bool held, std::int64_t now) noexcept;
    /// How many are there.
    std::size_t present() const noexcept { return present_.load(std::memory_order_relaxed); }

private:
    static constexpr std::int64_t never = std::numeric_limits<std::int64_t>::max();

    void begin_trial(node_state& s, std::int64_t now) noexcept;

    /// Of whom shares are counted.
    std::uint64_t counted() const noexcept {
        return present_.load(std::memory_order_relaxed) - held_.load(std::memory_order_relaxed);
    }

    // Under the mutex.
    void eject(node_state& s, std::int64_t now) noexcept;
    void restore(node_state& s, std::int64_t now) noexcept;
    bool may_eject(std::int64_t now) noexcept;
    void count_out(node_state& s, std::int64_t now) noexcept;
    void no_longer_out(node_state& s) noexcept;
    void forget_unasked(std::int64_t now) noexcept;
    std::int64_t counts_until(const node_state& s) const noexcept;

    bool has_trials() const noexcept { return params_.trial_successes > 0 && params_.trial_percentage > 0; }
    bool still_recovering(std::int64_t now) const noexcept;
    verdict while_recovering(node_state& s, std::int64_t now, std::uint32_t draw) noexcept;

    const health_params params_;
    std::mutex mutex_;
    // Written under the mutex.
    std::atomic<std::uint32_t> present_{0};
    std::atomic<std::uint32_t> held_{0};             // of those: held back
    std::vector<node_state*> out_;                   // of those: ejected or on trial, and not unasked for; has room for all
    std::atomic<std::uint32_t> out_count_{0};        // out_.size()
    std::atomic<std::int64_t> unasked_at_{never};    // none of them is unasked for before that
    std::atomic<std::int64_t> changed_at_{0};        // when present_ did
    std::atomic<bool> recovering_{false};
    bool had_any_ = false;
};

}    // namespace muster::balance
