// Part of muster. Boost Software License 1.0, see LICENSE.
//
// How a registrar ends.
#include "registry/registrar_impl.hpp"

#include <boost/asio/bind_executor.hpp>
#include <boost/asio/post.hpp>

#include <utility>

namespace muster::detail {

// On any thread ------------------------------------------------------------------------------------------------------------

void registrar_impl::close(void_handler h) {
    runtime::completion<void(error_code)> done(std::move(h), route_);
    std::unique_lock lock(mutex_);
    if (phase_ == phase::closed) {
        const error_code result = close_result_;
        lock.unlock();
        return done.post(result);
    }
    close_waiters_.add(std::move(done));
    if (std::exchange(phase_, phase::closing) == phase::closing) {
        if (!std::exchange(overdue_, false)) return;
        lock.unlock();
        return asio::post(strand_, [self = shared_from_this()] { self->limit_close(); });
    }
    start_waiters_.complete(registry_errc::closed);
    update_waiters_.complete(registry_errc::closed);
    // Not when the znode is gone: another can be master before we hear of that.
    if (status_.role != role::none) {
        resign();
        status_waiters_.complete_if([this](std::uint64_t seen) { return status_.version > seen; }, {}, status_);
    }
    lock.unlock();
    asio::post(strand_, [self = shared_from_this()] { self->begin_close(); });
}

void registrar_impl::abandon() noexcept {
    bool removes = false;
    {
        const std::lock_guard lock(mutex_);
        handle_gone_ = true;
        if (phase_ == phase::idle) {
            phase_ = phase::closed;
            update_waiters_.complete(registry_errc::closed);
            status_.closed = true;
            status_waiters_.complete({}, status_);
            return;
        }
        if (phase_ == phase::closed || shut_down_) return;
        if (phase_ == phase::closing && !overdue_) return;    // closing goes on to its end
        removes = std::exchange(phase_, phase::closing) == phase::closing;
        start_waiters_.complete(registry_errc::closed);
        update_waiters_.complete(registry_errc::closed);
    }
    asio::post(strand_, [self = shared_from_this(), removes] { removes ? self->let_go() : self->finish({}); });
}

// On the strand ------------------------------------------------------------------------------------------------------------

void registrar_impl::on_client_closed(const zk::session_info& s) {
    if (ending_) return;    // our own close tells how it ended; somebody else's ends everything
    {
        const std::lock_guard lock(mutex_);
        status_.session = s;
        error_code why;    // none if somebody has closed it
        if (s.state == zk::session_state::auth_failed) why = s.last_error;
        if (s.state == zk::session_state::expired) why = zk::client_errc::session_expired;
        if (why) {
            status_.last_error = why;
            status_.message = describe(why, s);
            start_waiters_.complete(why);
        }
    }
    finish_removed();
}

/// What is not removed goes with the session: how that ended, the client knows.
void registrar_impl::finish_removed() {
    if (!machine_ || !machine_->left_behind()) return finish({});
    close_client();
}

void registrar_impl::close_client() {
    if (std::exchange(ending_, true)) return;
    if (deadline_) deadline_->clear();    // the client has its own
    auto client = held();
    if (!client) return finish(zk::client_errc::close_timed_out);
    // A session that ends takes nothing along of those before it.
    const bool left = machine_ && machine_->former_left();
    client->close(asio::bind_executor(strand_, [self = shared_from_this(), left](error_code ec) {
        self->finish(!ec && left ? error_code(zk::client_errc::close_timed_out) : ec);
    }));
}

void registrar_impl::begin_close() {
    {
        const std::lock_guard lock(mutex_);
        if (phase_ == phase::closed) return;    // the client has ended
    }
    if (!machine_) return own_session_ ? close_client() : finish({});
    // What one's own session owns goes with it, also what was created without our knowing. But it may be another by now, without
    // our having heard: what stands of the one before does not go with that.
    const zk::session_info s = client_->session();
    hear(s);
    if (s.ended) return on_client_closed(s);
    if (own_session_ && !machine_->former_left()) return close_client();
    machine_->close(own_session_ ? machine::removal::former : machine::removal::all);
    drive();
    limit_close();
}

/// Gives those who wait for it as long as closing may take.
void registrar_impl::limit_close() {
    {
        const std::lock_guard lock(mutex_);
        if (phase_ == phase::closed || ending_) return;    // there was nothing to remove, or is not any more
    }
    const auto client = held();
    if (!client) return finish(zk::client_errc::close_timed_out);
    deadline_->set(world_->now() + client->configuration().close_timeout, [weak = weak_from_this()] {
        if (const auto self = weak.lock()) self->on_deadline();
    });
}

/// Whoever waits for it is told. Removing goes on: nobody else can do it for as long as a shared session lives.
void registrar_impl::on_deadline() {
    {
        const std::lock_guard lock(mutex_);
        overdue_ = true;
        close_waiters_.complete(zk::client_errc::close_timed_out);
        if (!handle_gone_) return;
    }
    let_go();
}

/// The handle is gone, and what is still to be removed must not keep the client.
void registrar_impl::let_go() {
    {
        const std::lock_guard lock(mutex_);
        if (phase_ == phase::closed) return;
        status_.closed = true;
        status_waiters_.complete({}, status_);
    }
    if (own_session_) return finish({});    // which ends with its client
    client_.reset();                        // if it was the last to hold it, the client ends, and that ends the rest
}

void registrar_impl::finish(const error_code& ec) {
    {
        const std::lock_guard lock(mutex_);
        if (phase_ == phase::closed) return;
        phase_ = phase::closed;
        close_result_ = ec;
        status_.closed = true;
        resign();
        start_waiters_.complete(registry_errc::closed);
        update_waiters_.complete(registry_errc::closed);
        close_waiters_.complete(ec);
        status_waiters_.complete({}, status_);
    }
    if (timer_) timer_->clear();
    if (deadline_) deadline_->clear();
    // A request that is not written yet must not be: it could create what was to be removed.
    request_cancel_.emit(asio::cancellation_type::terminal);
    session_cancel_.emit(asio::cancellation_type::terminal);
    own_watch_ = {};
    master_watch_ = {};
}

/// It is nobody any more, and says so. The mutex is held.
void registrar_impl::resign() {
    status_.role = role::none;
    status_.path.clear();
    status_.czxid = 0;
    ++status_.version;
}

}    // namespace muster::detail
