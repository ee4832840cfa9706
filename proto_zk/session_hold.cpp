// Part of muster. Boost Software License 1.0, see LICENSE.
//
// What becomes of requests that a server throws back: it is overloaded and has not looked at them, or has not finished a read.
//
//     written: a b c      a is thrown back    held: a     nothing more is written
//                         b is thrown back    held: a b
//                         c is thrown back    held: a b c, which are sent again, in this order, when some time has passed
//                     or: c is answered       a and b complete with what the server said: sent again they would come behind c
//
// So requests are applied in the order in which they were made, whatever a server throws back; who sets a flag behind what the
// flag is about relies on that.
#include "proto_zk/session.hpp"

#include <algorithm>
#include <utility>

namespace muster::zk::proto {
namespace {

// So many requests are under way behind a pause, and one more for each that is served, until the server has coped with many:
// what was too much for it once would be so again, and be served in part.
constexpr std::size_t first_window = 16;
constexpr std::size_t last_window = 1'024;

// The server is there, and nobody has lost it: there is no reason to wait for as long as for one that is not.
constexpr session::duration first_pause = std::chrono::milliseconds(100);

}    // namespace

/// True if sending it again is all that is to be done about this answer.
bool session::thrown_back(const request& r, const error_code& ec) const noexcept {
    if (!ec || close_sent_ || r.abandoned_ || r.repeats_ >= settings_.max_retries) return false;
    if (ec == server_errc::throttled) return true;
    const bool unfinished = ec == server_errc::operation_timeout || ec == server_errc::request_timeout ||
                            ec == server_errc::connection_loss;    // Apache's servers say none of these, others do
    return unfinished && (r.repeatable || r.own_);
}

void session::hold(std::unique_ptr<request> r, const error_code& ec) {
    if (is_lasting(r->arms_kind) && !r->arms.empty()) --lasting_in_flight_;
    if (ec == server_errc::throttled) r->sent_ = {};    // as if it never was
    r->under_way_ = false;
    r->held_for_ = ec.value();
    ++r->repeats_;
    holding_ = true;
    window_ = first_window;
    held_.push_back(std::move(r));
}

/// One that was written behind them is about to be completed: they are not sent again. That does not hold for what the session
/// itself asks, whose place in the order is nobody's: watches are armed later, and whether one is to be removed is decided anew,
/// since it may be wanted by now.
void session::overtake_held() {
    if (window_ == unlimited) return;    // none was thrown back of late
    hold_bound_ = {};
    if (++window_ > last_window) window_ = unlimited;
    queue overtaken;
    overtaken.swap(held_);
    for (auto& r : overtaken) {
        if (is_vital(*r))
            held_.push_back(std::move(r));
        else if (r->own_)
            take_back_removal(*r);
        else
            (void)r->complete(error_code(r->held_for_, server_category()), {});
    }
}

/// Once nothing is under way those that are held are the next, in a while. Half of it is drawn, so that clients which a
/// server has thrown back together do not come together again.
void session::await_resumption(time_point now) {
    if (!written_.empty() || resume_at_ != time_point::max()) return;
    if (held_.empty()) return resume();
    if (hold_bound_ == hold_bound_.zero()) hold_bound_ = std::min(duration(settings_.backoff_min), first_pause);
    const auto half = hold_bound_ / 2;
    const auto draw = static_cast<double>(hold_draws_() - hold_draws_.min()) / (hold_draws_.max() - hold_draws_.min());
    auto delay = half + duration(static_cast<duration::rep>(static_cast<double>(half.count()) * draw));
    if (closing_) delay = std::min(delay, duration(settings_.close_timeout) / closing_rounds);
    hold_bound_ = std::min(hold_bound_ * 2, duration(settings_.backoff_max));
    resume_at_ = now + delay;
    tell(log_event::throttled, {}, delay, held_.size());
    queue_held();
}

void session::resume() noexcept {
    holding_ = false;
    resume_at_ = time_point::max();
}

/// The connection is gone. They go ahead of the reads behind them, unless something behind them may have been applied.
void session::leave_held() {
    if (unrepeatable_ != 0) overtake_held();
    hold_bound_ = {};
    resume();
    std::erase_if(held_, [](const auto& r) { return r->own_; });    // the next connection has its own
}

/// A session that closes needs no watches any more.
void session::drop_own_held() {
    std::erase_if(held_, [](const auto& r) { return r->own_; });
    std::erase_if(queued_, [](const auto& r) { return r->own_ && r->repeats_ != 0; });
}

void session::queue_held() {
    metrics_.requests_repeated += held_.size();
    for (auto it = held_.rbegin(); it != held_.rend(); ++it) {
        (*it)->held_for_ = 0;
        queued_.push_front(std::move(*it));
    }
    held_.clear();
}

}    // namespace muster::zk::proto
