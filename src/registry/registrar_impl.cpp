// Part of muster. Boost Software License 1.0, see LICENSE.
#include "registry/registrar_impl.hpp"

#include "zk/client_impl.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

namespace muster::detail {
namespace {

/// The number in the name of a normal's znode; 0 for who is master and has never had one.
std::optional<std::uint64_t> ordinal_of(const registry::layout& l, const registration_status& s) {
    const std::string_view path = s.path;
    if (const auto n = l.sequence_of(path.substr(path.rfind('/') + 1))) return static_cast<std::uint32_t>(*n);
    if (!s.ordinal && s.role == role::master) return 0;
    return s.ordinal;
}

}    // namespace

registrar_impl::registrar_impl(zk::client client, muster::registration r, bool own_session)
    : own_session_(own_session),
      params_(std::move(r)),
      layout_(registry::make_micro_service_layout()),
      ex_(client.get_executor()),
      strand_(asio::make_strand(ex_)),
      route_(ex_),
      client_(client.with_timeout(zk::no_timeout)),    // whose outcome it must know
      weak_client_(*client_),
      world_(zk::detail::world_of(*client_)),
      instance_(params_.instance) {}

// On any thread ------------------------------------------------------------------------------------------------------------

error_code registrar_impl::check(const muster::instance& i) {
    const auto r = validate(i);
    return r ? error_code() : r.error().code;
}

void registrar_impl::start(void_handler h) {
    runtime::completion<void(error_code)> done(std::move(h), route_);
    std::unique_lock lock(mutex_);
    if (phase_ == phase::closing || phase_ == phase::closed) {
        lock.unlock();
        return done.post(error_code(registry_errc::closed));
    }
    auto sound = validate_prefix(params_.prefix);
    if (sound) sound = validate_name(params_.service, "service name");
    if (sound) sound = validate(instance_);
    if (!sound) {
        const error_code wrong = sound.error().code;
        status_.last_error = wrong;
        status_.message = sound.error().message;    // the code does not tell the value
        ++status_.version;
        status_waiters_.complete({}, status_);
        lock.unlock();
        return done.post(wrong);
    }
    if (status_.role != role::none) {
        lock.unlock();
        return done.post(error_code());
    }
    start_waiters_.add(std::move(done));
    if (phase_ != phase::idle) return;
    phase_ = phase::running;
    lock.unlock();
    asio::post(strand_, [self = shared_from_this()] { self->run(); });
}

void registrar_impl::update(muster::instance i, void_handler h) {
    replace([&i](const muster::instance&) { return std::move(i); }, std::move(h));
}

void registrar_impl::drain(void_handler h) {
    const auto draining = [](muster::instance i) {
        i.state = "draining";
        return i;
    };
    replace(draining, std::move(h));
}

/// Publishes what `next` makes of the data that was to be published last.
template <class Function>
void registrar_impl::replace(Function next, void_handler h) {
    runtime::completion<void(error_code)> done(std::move(h), route_);
    std::unique_lock lock(mutex_);
    muster::instance i = next(instance_);
    error_code wrong = check(i);
    if (phase_ == phase::closing || phase_ == phase::closed) wrong = registry_errc::closed;
    if (wrong) {
        lock.unlock();
        return done.post(wrong);
    }
    instance_ = std::move(i);
    ++updates_;
    update_waiters_.add(std::move(done));
    if (phase_ == phase::idle) return;    // it is published with the start
    asio::post(strand_, [self = shared_from_this()] {
        if (!self->machine_) return;
        std::unique_lock locked(self->mutex_);
        self->machine_->update(self->instance_);
        self->taken_ = self->updates_;
        locked.unlock();
        self->drive();
    });
}

void registrar_impl::status_change(std::uint64_t seen, status_handler h) {
    runtime::completion<void(error_code, registration_status)> done(std::move(h), route_);
    std::unique_lock lock(mutex_);
    if (status_.version > seen || status_.closed) {
        registration_status now = up_to_date(status_);
        lock.unlock();
        return done.post(error_code{}, std::move(now));
    }
    status_waiters_.add(std::move(done), seen);
}

registration_status registrar_impl::status() const {
    const std::lock_guard lock(mutex_);
    return up_to_date(status_);
}

/// A master needs to know how long it is safe; that moves on without a change of the rest.
registration_status registrar_impl::up_to_date(registration_status s) const {
    if (s.closed || s.session.id == 0) return s;
    const zk::session_info live = client_->session();
    if (live.id == s.session.id) s.session.safe_until = live.safe_until;
    return s;
}

bool registrar_impl::may_act_as_master() const {
    const std::lock_guard lock(mutex_);
    if (status_.role != role::master) return false;
    const zk::session_info session = client_->session();
    // Not the session of the status, which is the client's: it may have a new one of which the machine has not heard.
    return session.id == owner_ && world_->now() < session.safe_until;
}

void registrar_impl::on_context_shutdown() noexcept {
    {
        const std::lock_guard lock(mutex_);
        shut_down_ = true;
        phase_ = phase::closed;
    }
    // Handlers may own the registrar: they go outside of the mutex.
    for (auto* waiting : {&start_waiters_, &update_waiters_, &close_waiters_}) waiting->take();
    status_waiters_.take();
    // What belongs to the context must not outlive it.
    timer_.reset();
    deadline_.reset();
    own_watch_ = {};
    master_watch_ = {};
}

// On the strand ------------------------------------------------------------------------------------------------------------

void registrar_impl::run() {
    std::unique_lock lock(mutex_);
    if (phase_ != phase::running) return;
    registry::registration_params p;
    p.layout = layout_;
    p.service_path = layout_->service_path(params_.prefix, params_.service);
    p.shared = !own_session_;
    p.promotion_step = params_.promotion_step;
    p.retry_min = params_.retry_min;
    p.retry_max = params_.retry_max;
    machine_.emplace(std::move(p), instance_);
    taken_ = updates_;
    lock.unlock();
    timer_.emplace(*world_, strand_);
    deadline_.emplace(*world_, strand_);
    client_->start();
    const zk::session_info s = client_->session();
    heard_ = s;
    machine_->on_session(s.state, s.id);
    follow_session(s.version);
    drive();
}

void registrar_impl::drive() {
    {
        const std::lock_guard lock(mutex_);
        if (phase_ == phase::closed || ending_) return;
    }
    if (outstanding_ || !machine_) return publish();
    auto s = machine_->next(world_->now());
    switch (s.what) {
        case machine::step::kind::idle:
            timer_->clear();
            break;
        case machine::step::kind::wait:
            timer_->set(s.at, [weak = weak_from_this()] {
                if (const auto self = weak.lock()) self->drive();
            });
            break;
        case machine::step::kind::ask:
            timer_->clear();
            ask(std::move(s));
            break;
        case machine::step::kind::done:
            return own_session_ ? close_client() : finish_removed();
    }
    publish();
}

void registrar_impl::ask(machine::step s) {
    auto client = held();
    if (!client) return;    // the session tells
    outstanding_ = true;
    // What was read holds for the connection on which it was read: a write that waited for the next one could meet another's
    // znode with the same version.
    s.ask.connection = heard_.connection;
    perform(*client, strand_, request_cancel_.slot(), std::move(s.ask),
            [self = shared_from_this(), arms = s.arms](registry::reply r, zk::watcher w) {
                self->outstanding_ = false;
                if (!self->timer_) return;
                if (w) {
                    watch& x = self->slot(arms);
                    x.watcher = std::move(w);
                    x.number = ++self->watches_;
                    self->listen(arms);
                }
                self->machine_->on_reply(std::move(r), self->world_->now(), self->world_->random());
                self->drive();
            });
}

void registrar_impl::listen(machine::watch which) {
    watch& x = slot(which);
    auto heard = [weak = weak_from_this(), which, number = x.number](error_code ec, const zk::watch_event&) {
        if (const auto self = weak.lock()) self->on_watch(which, number, ec);
    };
    x.watcher.next(asio::bind_executor(strand_, std::move(heard)));
}

void registrar_impl::on_watch(machine::watch which, std::uint64_t number, const error_code&) {
    // Whether it fired or ended: the machine looks again. It is told of the session by itself.
    watch& x = slot(which);
    if (x.number != number || !machine_) return;
    x = {};
    machine_->on_watch(which);
    drive();
}

void registrar_impl::follow_session(std::uint64_t seen) {
    auto heard = [self = shared_from_this()](error_code ec, const zk::session_info& s) {
        {
            const std::lock_guard lock(self->mutex_);
            if (ec || self->phase_ == phase::closed) return;
        }
        self->hear(s);
        if (s.ended) return self->on_client_closed(s);
        self->follow_session(s.version);
        self->drive();
    };
    auto client = held();
    if (!client) return finish(zk::client_errc::close_timed_out);
    client->session_change(seen, asio::bind_cancellation_slot(session_cancel_.slot(), asio::bind_executor(strand_, heard)));
}

/// Tells the machine, unless it knows.
void registrar_impl::hear(const zk::session_info& s) {
    if (s.version <= heard_.version) return;
    heard_ = s;
    machine_->on_session(registry::state_to_follow(s), s.id);
}

std::string registrar_impl::describe(const error_code& ec, const zk::session_info& session) const {
    if (!ec) return {};
    if (ec == registry_errc::no_chroot)
        return fmt::format("the chroot '{}' does not exist", client_->configuration().servers.chroot());
    if (ec == registry_errc::conflict)
        return fmt::format("{}: instance {} of service '{}', expected an identity that no other process has", ec.message(),
                           instance_.identity(), params_.service);
    return ec == session.last_error && !session.message.empty() ? session.message : ec.message();
}

void registrar_impl::publish() {
    const std::lock_guard lock(mutex_);
    if (phase_ == phase::closed || !machine_ || !client_) return;
    registration_status now = status_;
    // A transaction does not tell the stat of what it created. Until it is read the status stays as it was: a promotion must
    // not look as if the instance was gone for a moment.
    if (phase_ != phase::closing && !machine_->unread()) {
        now.role = machine_->role();
        now.path = machine_->path();
        now.czxid = machine_->czxid();
        now.registrations = machine_->registrations();
        owner_ = machine_->owner();
        now.ordinal = ordinal_of(*layout_, now);
    }
    now.last_error = machine_->last_error();
    // Not the client's: nobody is to see a session that has expired beside the role that it had.
    now.session = heard_;
    if (!now.last_error && now.role == role::none) now.last_error = now.session.last_error;
    now.message = describe(now.last_error, now.session);
    if (now.role != role::none) start_waiters_.complete({});
    // Trying goes on, but whoever configured it should hear of it: no server that comes back cures this.
    const bool failed_again = std::exchange(failures_, machine_->failures()) != machine_->failures();
    if (failed_again && now.last_error == registry_errc::no_chroot) start_waiters_.complete(now.last_error);
    // Not while an update is on its way to the machine: what is published is the one before it.
    if (taken_ == updates_ && machine_->published()) update_waiters_.complete({});
    const bool changed = now.role != status_.role || now.path != status_.path || now.czxid != status_.czxid ||
                         now.registrations != status_.registrations || now.last_error != status_.last_error ||
                         now.session.version != status_.session.version;
    if (!changed) return;
    status_ = up_to_date(std::move(now));
    ++status_.version;
    status_waiters_.complete_if([this](std::uint64_t seen) { return status_.version > seen; }, {}, status_);
}

}    // namespace muster::detail
