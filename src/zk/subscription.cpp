// Part of muster. Boost Software License 1.0, see LICENSE.
#include "zk/subscription.hpp"

#include "proto_zk/path.hpp"
#include "zk/client_impl.hpp"

#include <boost/asio/error.hpp>

#include <utility>

namespace muster::zk {
namespace detail {
namespace {

constexpr std::size_t max_unread = 10'000;
constexpr std::size_t max_unread_bytes = 4 * 1024 * 1024;    // of their paths: a server can tell of such as nobody would create

}    // namespace

subscription::subscription(std::shared_ptr<client_impl> owner, proto::watch_kind kind, std::string server_path)
    : owner_(owner),
      ex_(owner->get_executor()),
      route_(owner->route()),
      chroot_(owner->configuration().servers.chroot()),
      kind_(kind),
      server_path_(std::move(server_path)) {}

void subscription::on_event(event_type type, std::string_view path, zxid at) {
    if (type == event_type::resync) path = server_path_;
    watch_event e(type, std::string(proto::to_client(chroot_, path)), at);
    std::unique_lock lock(mutex_);
    if (ended_) return;
    if (!persistent()) ended_ = client_errc::watch_ended;
    if (waiter_) {
        waiter w(std::move(*waiter_));
        waiter_.reset();
        lock.unlock();
        w.post(error_code{}, std::move(e));
        return;
    }
    if (events_.size() >= max_unread || (persistent() && unread_bytes_ + e.path.size() > max_unread_bytes)) {
        events_.clear();
        unread_bytes_ = 0;
        e = watch_event(event_type::resync, std::string(proto::to_client(chroot_, server_path_)));
    }
    unread_bytes_ += e.path.size();
    events_.push_back(std::move(e));
}

void subscription::on_end(const error_code& ec) {
    std::unique_lock lock(mutex_);
    if (ended_) return;
    ended_ = ec;
    if (!waiter_) return;
    waiter w(std::move(*waiter_));
    waiter_.reset();
    lock.unlock();
    w.post(ec, watch_event{});
}

void subscription::next(handler h) {
    waiter w(std::move(h), route_);
    std::unique_lock lock(mutex_);
    if (!events_.empty()) {
        watch_event e = std::move(events_.front());
        events_.pop_front();
        unread_bytes_ -= e.path.size();
        lock.unlock();
        w.post(error_code{}, std::move(e));
        return;
    }
    if (ended_ || waiter_) {
        const error_code ec = ended_ ? ended_ : error_code(client_errc::invalid_argument);
        lock.unlock();
        w.post(ec, watch_event{});
        return;
    }
    const auto turn = ++turn_;
    auto slot = w.slot();
    waiter_.emplace(std::move(w));
    if (slot.is_connected()) {
        slot.assign([weak = weak_from_this(), turn](asio::cancellation_type) {
            if (const auto self = weak.lock()) self->cancel(turn);
        });
    }
}

void subscription::cancel(std::uint64_t turn) {
    std::unique_lock lock(mutex_);
    if (!waiter_ || turn != turn_) return;
    waiter w(std::move(*waiter_));
    waiter_.reset();
    lock.unlock();
    w.post(error_code(asio::error::operation_aborted), watch_event{});
}

void subscription::detach() {
    on_end(client_errc::watch_ended);
    if (const auto owner = owner_.lock()) owner->unwatch(shared_from_this());
}

void subscription::on_context_shutdown() noexcept {
    std::optional<waiter> dropped;
    const std::lock_guard lock(mutex_);
    ended_ = client_errc::closed;
    if (!waiter_) return;
    dropped.emplace(std::move(*waiter_));
    waiter_.reset();
}

}    // namespace detail

watcher::watcher() noexcept = default;
watcher::watcher(std::shared_ptr<detail::subscription> s) noexcept : sub_(std::move(s)) {}
watcher::watcher(watcher&&) noexcept = default;

watcher& watcher::operator=(watcher&& o) noexcept {
    watcher old(std::move(*this));
    sub_ = std::move(o.sub_);
    return *this;
}

watcher::~watcher() {
    if (sub_) sub_->detach();
}

asio::any_io_executor watcher::get_executor() const noexcept { return sub_->get_executor(); }

void watcher::start_next(asio::any_completion_handler<void(error_code, watch_event)> h, std::shared_ptr<detail::subscription> s) {
    s->next(std::move(h));
}

}    // namespace muster::zk
