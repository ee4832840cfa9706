// Part of muster. Boost Software License 1.0, see LICENSE.
#include "registry/view_driver.hpp"

#include "registry/alarm.hpp"
#include "registry/perform.hpp"
#include "registry/service_view.hpp"
#include "zk/client_impl.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/post.hpp>

#include <cstdint>
#include <map>
#include <utility>

namespace muster::registry {

namespace asio = boost::asio;

namespace {

view_params for_client(view_params p, const zk::client& c) {
    p.chroot = !c.configuration().servers.chroot().empty();
    p.max_data = zk::detail::max_data(c.configuration());
    return p;
}

}    // namespace

/// Handlers hold it weakly: once the driver has let go of it they do nothing.
class view_driver::impl : public std::enable_shared_from_this<impl> {
public:
    impl(asio::any_io_executor ex, zk::client client, view_params p, std::weak_ptr<view_observer> o)
        : ex_(std::move(ex)),
          client_(client.with_timeout(zk::no_timeout)),
          world_(zk::detail::world_of(client_)),
          observer_(std::move(o)),
          retry_(*world_, ex_),
          machine_(for_client(std::move(p), client_), world_->now()) {}

    /// `f(*this)`, or nothing if the driver was stopped or destroyed meanwhile.
    template <class F>
    auto bind(F f) {
        return [weak = weak_from_this(), f = std::move(f)] {
            const auto self = weak.lock();
            if (self && self->running_) f(*self);
        };
    }

    void start() {
        if (std::exchange(running_, true)) return;
        client_.start();
        const zk::session_info now = client_.session();    // one copy: a change in between would never be told
        on_session(now);
        follow_session(now.version);
        asio::post(ex_, bind([](impl& self) { self.drive(); }));
    }

    void stop() {
        running_ = false;
        session_wait_.emit(asio::cancellation_type::terminal);
        retry_.clear();
        watches_.clear();
    }

    const view_state& state() const noexcept { return machine_.state(); }

private:
    struct watch {
        zk::watcher watcher;
        std::uint64_t number = 0;
    };

    void drive() {
        while (auto a = machine_.next(world_->now())) {
            const bool lists = a->what.what == request::kind::children;
            const std::string key = (lists ? 'c' : 'd') + a->what.path;
            perform(client_, ex_, {}, std::move(a->what), [weak = weak_from_this(), id = a->id, key](reply r, zk::watcher w) {
                const auto self = weak.lock();
                if (self && self->running_) self->on_reply(id, key, std::move(r), std::move(w));
            });
        }
        if (const auto at = machine_.wake_at()) {
            retry_.set(*at, bind([](impl& self) { self.drive(); }));
        } else {
            retry_.clear();
        }
        if (!machine_.take_changed()) return;
        if (const auto o = observer_.lock()) o->on_view(machine_.state());
    }

    void on_reply(std::uint64_t id, const std::string& key, reply r, zk::watcher w) {
        if (w) {
            watch& x = watches_[key];
            x.watcher = std::move(w);
            x.number = ++last_watch_;
            listen(key, x);
        }
        machine_.on_reply(id, std::move(r), world_->now(), world_->random());
        drive();
    }

    void listen(const std::string& key, watch& x) {
        auto heard = [weak = weak_from_this(), key, number = x.number](error_code ec, zk::watch_event e) {
            const auto self = weak.lock();
            if (self && self->running_) self->on_watch(key, number, ec, e);
        };
        x.watcher.next(asio::bind_executor(ex_, std::move(heard)));
    }

    void on_watch(const std::string& key, std::uint64_t number, const error_code& ec, const zk::watch_event& e) {
        const auto it = watches_.find(key);
        if (it == watches_.end() || it->second.number != number) return;    // a newer one took its place
        if (!ec) {
            listen(key, it->second);
            machine_.on_event(e.type, e.path, world_->now(), world_->random());
        } else {
            // A one-shot watch ends with its only event, and with its session, which the machine hears of as well.
            watches_.erase(it);
            if (ec != zk::client_errc::watch_ended) machine_.on_watch_end(world_->now(), world_->random());
        }
        drive();
    }

    void follow_session(std::uint64_t seen) {
        auto heard = [weak = weak_from_this()](error_code ec, zk::session_info s) {
            const auto self = weak.lock();
            if (!self || !self->running_ || ec) return;
            self->on_session(s);
            if (const auto o = self->observer_.lock()) o->on_session(s);
            if (!s.ended) self->follow_session(s.version);
            self->drive();
        };
        client_.session_change(seen,
                               asio::bind_cancellation_slot(session_wait_.slot(), asio::bind_executor(ex_, std::move(heard))));
    }

    void on_session(const zk::session_info& s) { machine_.on_session(state_to_follow(s), s.id, world_->now(), world_->random()); }

    asio::any_io_executor ex_;
    zk::client client_;
    std::shared_ptr<runtime::world> world_;
    std::weak_ptr<view_observer> observer_;
    alarm retry_;
    service_view machine_;
    asio::cancellation_signal session_wait_;
    std::map<std::string, watch> watches_;
    std::uint64_t last_watch_ = 0;
    bool running_ = false;
};

view_driver::view_driver(asio::any_io_executor ex, zk::client client, view_params p, std::weak_ptr<view_observer> o)
    : impl_(std::make_shared<impl>(std::move(ex), std::move(client), std::move(p), std::move(o))) {}

view_driver::~view_driver() { stop(); }

void view_driver::start() { impl_->start(); }
void view_driver::stop() { impl_->stop(); }
const view_state& view_driver::state() const noexcept { return impl_->state(); }

}    // namespace muster::registry
