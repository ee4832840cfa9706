// Part of muster. Boost Software License 1.0, see LICENSE.
#include <muster/lease.hpp>

#include "balance/node.hpp"

#include <boost/system/errc.hpp>

#include <algorithm>
#include <string_view>
#include <utility>

namespace muster {
namespace {

using balance::fetch_add;
using balance::node;
namespace loan = balance::loan;

}    // namespace

role lease::role() const noexcept { return taken_->whose->role; }

std::int64_t lease::czxid() const noexcept { return taken_->whose->seen.czxid; }

failure_class classify(const error_code& ec) noexcept {
    namespace errc = boost::system::errc;
    if (ec == errc::operation_canceled) return failure_class::cancelled;
    if (ec == errc::connection_refused || ec == errc::host_unreachable || ec == errc::network_unreachable ||
        ec == errc::network_down || ec == errc::timed_out || std::string_view(ec.category().name()) == "asio.netdb") {
        return failure_class::unreachable;
    }
    if (ec == errc::no_buffer_space || ec == errc::resource_unavailable_try_again) return failure_class::overloaded;
    return failure_class::failed;
}

bool lease::still_registered() const noexcept {
    return taken_->whose->state->presence.load(std::memory_order_acquire) != balance::presence::gone;
}

bool lease::draining() const noexcept {
    return taken_->whose->state->presence.load(std::memory_order_acquire) != balance::presence::listed;
}

bool lease::last_chance() const noexcept { return (loan_ & loan::last_chance) != 0; }

void tried_set::insert(const lease& l) noexcept {
    if (!l || contains(l.taken_->whose->id)) return;
    ids_[next_] = l.taken_->whose->id;
    next_ = (next_ + 1) % capacity;
    size_ = std::min(size_ + 1, capacity);
}

/// Ends the loan; false if it had ended. The state is still to be told what came of it. Inline: `succeed` is on the way of calls
/// that are timed.
inline bool lease::take_back() noexcept {
    if (!(loan_ & loan::open)) return false;
    if (loan_ & loan::counted) [[unlikely]]
        taken_->whose->state->count_bounded(false);
    loan_ &= ~(loan::open | loan::counted);
    taken_->give_back();
    return true;
}

void lease::succeed() noexcept {
    if (!take_back()) return;
    fetch_add(taken_->outcomes->successes, std::uint64_t{1});
    const std::uint8_t trial = loan::trial_of(loan_);
    const bool failing = taken_->outcomes->failing.load(std::memory_order_relaxed) != 0;
    if (trial != 0 || failing) [[unlikely]]
        taken_->whose->state->recover(trial);
    if (const std::int64_t taken_at = loan::time_of(loan_)) taken_->whose->state->observe(taken_at);
}

void lease::success(double load) noexcept {
    if (!(loan_ & loan::open)) return;
    taken_->whose->state->report_load(load);
    success();
}

void lease::failure(const error_code& ec) noexcept { failure(classify(ec)); }

void lease::failure(failure_class why) noexcept {
    if (why == failure_class::cancelled) return canceled();
    if (!take_back()) return;
    taken_->whose->state->count(why);
    taken_->whose->state->fail(why, loan::time_of(loan_), loan::trial_of(loan_));
}

void lease::canceled() noexcept {
    if (take_back()) fetch_add(taken_->whose->state->canceled, std::uint64_t{1});
}

void lease::abandon() noexcept {
    if (loan_ & loan::counted) taken_->whose->state->count_bounded(false);
    fetch_add(taken_->outcomes->abandoned, std::uint64_t{1});
    node::release(*taken_, 1);
}

void lease::given_up() noexcept { node::given_up(*taken_); }

}    // namespace muster
