// Part of muster. Boost Software License 1.0, see LICENSE.
//
// Who gets picks, by how calls went and how long it has been there.
#pragma once

#include <muster/health.hpp>
#include <muster/lease.hpp>
#include <muster/service_description.hpp>

#include <atomic>
#include <cstdint>
#include <mutex>

namespace muster::balance {

struct node_state;

/// What an instance may be picked for. Anything but `fine` sends a pick through `health::admits`.
enum class standing : std::uint32_t { fine, ejected, trial, starting, recovering };

/// What health keeps of one instance. Written under the mutex of `health`, but for the atomics, which picks read without it.
struct health_record {
    std::atomic<std::int64_t> since{0};         ///< For starting: when it began. For ejected: until when. In ticks.
    std::atomic<std::uint64_t> ejections{0};    ///< In all.
    bool present = false;                       ///< In the service, and counted.
    std::uint32_t failures_in_row = 0;
    std::uint32_t unreachable_in_row = 0;
    std::uint32_t times = 0;             ///< Ejections in close succession.
    std::int64_t restored_at = 0;        ///< End of the last one.
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
/// All members may be called from any thread. Failures and trials take a lock; picks do not.
class health {
public:
    enum class verdict { yes, no, refuse };

    explicit health(const health_params& p) noexcept;

    /// May this pick go to an instance that is not `fine`? `draw`: 16 random bits; of a pick by key, the same for the same key.
    /// `panic`: in a panic, also to one that is ejected or on trial.
    verdict admits(node_state& s, std::int64_t now, std::uint32_t draw, bool panic) noexcept;
    /// Fewer are healthy than `health_params::panic_percentage`.
    bool in_panic() const noexcept;
    /// What it is picked for at `now`, were it picked.
    condition condition_of(const node_state& s, std::int64_t now) const noexcept;
    /// Nobody else is there to take a pick that `admits` refused to all.
    bool panics() const noexcept { return params_.panic_percentage > 0; }

    /// A call failed; `first`: the last one before it had not.
    void failed(node_state& s, failure_class why, bool first, std::int64_t now) noexcept;
    /// A call of an instance on trial succeeded.
    void succeeded(node_state& s, std::int64_t now) noexcept;

    /// For the membership: an instance is there, from the service's first view on or later.
    void joined(node_state& s, bool at_first, std::int64_t now) noexcept;
    void left(node_state& s, std::int64_t now) noexcept;

private:
    void eject(node_state& s, std::int64_t now) noexcept;
    void restore(node_state& s, std::int64_t now) noexcept;
    bool may_eject() const noexcept;
    verdict while_recovering(node_state& s, std::int64_t now, std::uint32_t draw) noexcept;

    const health_params params_;
    std::mutex mutex_;
    // Written under the mutex.
    std::atomic<std::uint32_t> present_{0};
    std::atomic<std::uint32_t> ejected_{0};      // of those; on trial included
    std::atomic<std::int64_t> changed_at_{0};    // when present_ did
    std::atomic<bool> recovering_{false};
};

}    // namespace muster::balance
