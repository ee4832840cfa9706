// Part of muster. Boost Software License 1.0, see LICENSE.
#include "balance/change_queue.hpp"

#include <boost/asio/error.hpp>

#include <algorithm>
#include <utility>

namespace muster {

const char* to_string(change::kind k) noexcept {
    switch (k) {
        case change::kind::added:
            return "added";
        case change::kind::removed:
            return "removed";
        case change::kind::updated:
            return "updated";
        case change::kind::role:
            return "role";
        case change::kind::stale:
            return "stale";
        case change::kind::fresh:
            return "fresh";
        case change::kind::rejected:
            return "rejected";
    }
    return "unknown";
}

namespace detail {
namespace {

using balance::node;
using balance::node_ref;

change describe(const node& n) {
    change c;
    c.instance = *n.seen.instance;
    c.role = n.role;
    c.path = std::string(n.seen.path);
    return c;
}

bool by_path(const rejected_node& n, const std::string& path) { return n.path < path; }

bool before(const node_ref& n, std::string_view identity) { return n->seen.identity < identity; }

}    // namespace

void change_queue::show(balance::exhibit_ptr now) {
    std::unique_lock lock(mutex_);
    if (closed_ || detached_) return;
    now_ = std::move(now);
    compared_ = false;
    if (!waiter_) return;
    auto c = take();
    if (!c) return;
    waiter w(std::move(*waiter_));
    waiter_.reset();
    lock.unlock();
    w.post(error_code{}, std::move(*c));
}

/// Makes the pending changes those from what was told to what is shown.
void change_queue::compare() {
    pending_.clear();
    compared_ = true;
    if (!now_->known) return;
    if (now_->stale && !told_stale_) pending_.push_back({change::kind::stale, {}});
    auto told = told_.begin();
    auto now = now_->nodes.begin();
    while (told != told_.end() || now != now_->nodes.end()) {
        if (told != told_.end() && now != now_->nodes.end() && *told == *now) {
            ++told, ++now;    // of nearly all; without a look at them, since that would fetch all of a large service
        } else if (now == now_->nodes.end() || (told != told_.end() && (*told)->seen.identity < (*now)->seen.identity)) {
            compare_instance(*told++, {});
        } else if (told == told_.end() || (*now)->seen.identity < (*told)->seen.identity) {
            compare_instance({}, *now++);
        } else {
            compare_instance(*told++, *now++);
        }
    }
    compare_rejected();
    if (!now_->stale && told_stale_) pending_.push_back({change::kind::fresh, {}});
}

void change_queue::compare_instance(const node_ref& told, const node_ref& now) {
    if (!told)
        pending_.push_back({change::kind::added, now});
    else if (!now)
        pending_.push_back({change::kind::removed, told});
    else if (told != now)
        pending_.push_back({told->role != now->role ? change::kind::role : change::kind::updated, now});
}

void change_queue::compare_rejected() {
    const auto& now = now_->rejected;
    std::erase_if(told_rejected_, [&now](const auto& told) {
        const auto at = std::lower_bound(now.begin(), now.end(), told.first, by_path);
        return at == now.end() || at->path != told.first;    // it became usable or went; a later rejection is told again
    });
    for (const auto& r : now) {
        const auto told = told_rejected_.find(r.path);
        if (told != told_rejected_.end() && told->second == r.reason) continue;
        pending_.push_back({change::kind::rejected, {}, &r});
    }
}

std::optional<change> change_queue::take() {
    if (!compared_) compare();
    if (pending_.empty()) return std::nullopt;
    pending p = std::move(pending_.front());
    pending_.pop_front();
    return apply(std::move(p));
}

/// The subscriber knows it from now on.
change change_queue::apply(pending p) {
    change c = p.node ? describe(*p.node) : change();
    c.what = p.what;
    if (p.rejected) {
        c.path = p.rejected->path;
        c.reason = p.rejected->reason;
        told_rejected_[c.path] = c.reason;
    }
    if (p.what == change::kind::stale || p.what == change::kind::fresh) told_stale_ = p.what == change::kind::stale;
    if (!p.node) return c;
    const auto at = std::lower_bound(told_.begin(), told_.end(), p.node->seen.identity, before);
    const bool there = at != told_.end() && (*at)->seen.identity == p.node->seen.identity;
    if (p.what == change::kind::removed) {
        if (there) told_.erase(at);
    } else if (!there) {
        told_.insert(at, std::move(p.node));
    } else {
        *at = std::move(p.node);
    }
    return c;
}

void change_queue::close() {
    std::unique_lock lock(mutex_);
    closed_ = true;
    if (!waiter_) return;
    waiter w(std::move(*waiter_));
    waiter_.reset();
    lock.unlock();
    w.post(error_code(registry_errc::closed), change{});
}

void change_queue::next(handler h) {
    waiter w(std::move(h), ex_);
    std::unique_lock lock(mutex_);
    if (auto c = take()) {
        lock.unlock();
        w.post(error_code{}, std::move(*c));
        return;
    }
    if (closed_ || waiter_) {
        const error_code ec = closed_ ? error_code(registry_errc::closed) : error_code(zk::client_errc::invalid_argument);
        lock.unlock();
        w.post(ec, change{});
        return;
    }
    const auto turn = ++turn_;
    const auto slot = w.slot();
    waiter_.emplace(std::move(w));
    if (auto s = slot; s.is_connected()) {
        s.assign([weak = weak_from_this(), turn](asio::cancellation_type) {
            if (const auto self = weak.lock()) self->cancel(turn);
        });
    }
}

void change_queue::cancel(std::uint64_t turn) {
    std::unique_lock lock(mutex_);
    if (!waiter_ || turn != turn_) return;
    waiter w(std::move(*waiter_));
    waiter_.reset();
    lock.unlock();
    w.post(error_code(asio::error::operation_aborted), change{});
}

void change_queue::detach() {
    std::uint64_t turn = 0;
    {
        const std::lock_guard lock(mutex_);
        detached_ = true;
        compared_ = true;
        pending_.clear();
        told_.clear();
        now_.reset();
        turn = turn_;
    }
    cancel(turn);
}

void change_queue::on_context_shutdown() noexcept {
    std::optional<waiter> dropped;
    const std::lock_guard lock(mutex_);
    closed_ = true;
    if (!waiter_) return;
    dropped.emplace(std::move(*waiter_));
    waiter_.reset();
}

}    // namespace detail

change_stream::change_stream() noexcept = default;
change_stream::change_stream(std::shared_ptr<detail::change_queue> q) noexcept : q_(std::move(q)) {}
change_stream::change_stream(change_stream&&) noexcept = default;

change_stream& change_stream::operator=(change_stream&& o) noexcept {
    change_stream old(std::move(*this));
    q_ = std::move(o.q_);
    return *this;
}

change_stream::~change_stream() {
    if (q_) q_->detach();
}

asio::any_io_executor change_stream::get_executor() const noexcept { return q_->get_executor(); }

void change_stream::start_next(asio::any_completion_handler<void(error_code, change)> h,
                               std::shared_ptr<detail::change_queue> q) {
    q->next(std::move(h));
}

}    // namespace muster
