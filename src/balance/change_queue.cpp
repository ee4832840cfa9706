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

change describe(change::kind what, const node& n) {
    change c;
    c.what = what;
    c.instance = *n.seen.instance;
    c.role = n.role;
    c.path = std::string(n.seen.path);
    return c;
}

change of_service(change::kind what) {
    change c;
    c.what = what;
    return c;
}

bool by_path(const rejected_node& n, const std::string& path) { return n.path < path; }

bool before(const node_ref& n, std::string_view identity) { return n->seen.identity < identity; }

}    // namespace

void change_queue::show(balance::exhibit_ptr now) {
    std::unique_lock lock(mutex_);
    if (closed_ || detached_) return;
    now_ = std::move(now);
    compare();
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
    if (!now_->known) return;
    if (now_->stale && !told_stale_) pending_.push_back({of_service(change::kind::stale), nullptr, {}});
    auto told = told_.begin();
    auto now = now_->nodes.begin();
    while (told != told_.end() || now != now_->nodes.end()) {
        if (told != told_.end() && now != now_->nodes.end() && *told == *now) {
            ++told, ++now;    // of nearly all; without a look at them, since that would fetch all of a large service
        } else if (now == now_->nodes.end() || (told != told_.end() && (*told)->seen.identity < (*now)->seen.identity)) {
            compare_instance((told++)->get(), nullptr);
        } else if (told == told_.end() || (*now)->seen.identity < (*told)->seen.identity) {
            compare_instance(nullptr, (now++)->get());
        } else {
            compare_instance((told++)->get(), (now++)->get());
        }
    }
    compare_rejected();
    if (!now_->stale && told_stale_) pending_.push_back({of_service(change::kind::fresh), nullptr, {}});
}

void change_queue::compare_instance(const node* told, const node* now) {
    const auto push = [this](change::kind what, const node& n, bool gone) {
        // The nodes are alive: told_ and now_ hold references.
        pending_.push_back(
            {describe(what, n), gone ? node_ref() : node_ref(const_cast<node*>(&n)), std::string(n.seen.identity)});
    };
    if (!told) {
        push(change::kind::added, *now, false);
    } else if (!now) {
        push(change::kind::removed, *told, true);
    } else if (told != now) {
        push(told->role != now->role ? change::kind::role : change::kind::updated, *now, false);
    }
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
        change c = of_service(change::kind::rejected);
        c.path = r.path;
        c.reason = r.reason;
        pending_.push_back({std::move(c), nullptr, {}});
    }
}

std::optional<change> change_queue::take() {
    if (pending_.empty()) return std::nullopt;
    pending p = std::move(pending_.front());
    pending_.pop_front();
    switch (p.what.what) {
        case change::kind::stale:
            told_stale_ = true;
            break;
        case change::kind::fresh:
            told_stale_ = false;
            break;
        case change::kind::rejected:
            told_rejected_[p.what.path] = p.what.reason;
            break;
        default: {
            const auto at = std::lower_bound(told_.begin(), told_.end(), std::string_view(p.identity), before);
            const bool there = at != told_.end() && (*at)->seen.identity == p.identity;
            if (!p.node) {
                if (there) told_.erase(at);
            } else if (!there) {
                told_.insert(at, std::move(p.node));
            } else {
                *at = std::move(p.node);
            }
        }
    }
    return std::move(p.what);
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
        pending_.clear();
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
