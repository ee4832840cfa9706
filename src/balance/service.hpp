// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include <muster/balancer.hpp>

#include "balance/change_queue.hpp"
#include "balance/channel.hpp"
#include "balance/drain_waiters.hpp"
#include "balance/hold_back.hpp"
#include "balance/membership.hpp"
#include "registry/view_driver.hpp"
#include "runtime/completion.hpp"
#include "runtime/shutdown.hpp"
#include "runtime/world.hpp"

#include <boost/asio/strand.hpp>

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace muster::balance {

/// What all services of a balancer share.
struct environment final : runtime::shutdown_target {
    environment(zk::client c, std::shared_ptr<runtime::world> w, balancer_params p)
        : ex(c.get_executor()), strand(asio::make_strand(ex)), world(std::move(w)), client(std::move(c)), params(std::move(p)) {}

    void on_context_shutdown() noexcept override {}
    void release_executors() noexcept override { strand = nullptr; }
    /// On the strand, once nothing uses the client any more: pickers keep all this, and must not keep the session.
    void release_client() noexcept { const zk::client gone(std::move(client)); }

    asio::any_io_executor ex;        ///< The user's.
    asio::any_io_executor strand;    ///< One handler at a time, on `ex`.
    std::shared_ptr<runtime::world> world;
    zk::client client;
    balancer_params params;
};

/// A service in use: follows its view and shows it to pickers, waiting picks and subscribers.
///
/// Flow: view_driver --on_view--> hold_back --> membership --nodes--> publisher --tables--> pickers
///                                                                `--exhibit--> view(), subscribers; then waiting picks try again
/// After a change is shown, further ones are gathered: see `balancer_params::coalesce`.
class service final : public registry::view_observer, public std::enable_shared_from_this<service> {
public:
    using time_point = runtime::time_point;
    using pick_done = runtime::completion<void(error_code, lease)>;

    /// A pick that found nobody.
    struct pick_request {
        selection what;
        std::string key;
        std::chrono::milliseconds wait;
        tried_set exclude = {};
    };

    service(std::shared_ptr<const environment> env, std::string name);

    const std::string& name() const noexcept { return name_; }
    const environment& env() const noexcept { return *env_; }

    // On any thread.
    channel_ptr channel(const selection& what);
    exhibit_ptr current() const;
    void subscribe(std::shared_ptr<detail::change_queue> q);
    /// Completes `done` with a lease as soon as there is one, or with the error when `r.wait` has passed.
    void wait(pick_request r, pick_done done);
    /// Completes `done` once the instance drains or is gone.
    void until_draining(boost::intrusive_ptr<node_state> of, drain_waiters::done done);
    /// True if it is or was an instance of this service.
    bool has(const node_state& of) const noexcept { return of.shared == state_; }
    /// From now on another part of the service is used.
    void divide(const subset& s);
    /// Destroys the handlers of those who wait.
    void discard() noexcept;

    // On the strand.
    void start();
    void stop();
    void on_view(const registry::view_state& s) override;
    void on_session(const zk::session_info& s) override;

private:
    struct waiter {
        hot_picker picker;
        std::string key;
        tried_set exclude;
        time_point deadline;
        pick_done done;
    };

    // On the strand.
    void show();
    void tell_health(const exhibit& before, const exhibit& now);
    void look_at_session() { hold_back_.on_session(env_->client.session(), env_->world->now()); }
    bool ended() const noexcept { return driver_ && driver_->state().ended; }
    bool serve(waiter& w);
    void serve_waiters();
    void serve_overdue();
    void on_timer();
    void arm();
    void cancel(std::uint64_t id);
    /// A number for one who waits; `cancels` is posted with it when that is cancelled.
    template <class Done>
    std::uint64_t number(Done& done, void (service::*cancels)(std::uint64_t));
    void cancel_drain(std::uint64_t id) { drains_.cancel(id); }
    error_code why_not(const error_code& pick_error) const;

    const std::shared_ptr<const environment> env_;
    const std::string name_;
    const service_state_ptr state_;    // of all its instances

    // On the strand.
    std::unique_ptr<registry::view_driver> driver_;
    hold_back hold_back_;
    membership members_;
    std::vector<std::shared_ptr<const registry::parsed_instance>> applied_;    // the instances of the view as in members_
    bool to_show_ = false;                                                     // the driver's state is newer than what is shown
    time_point show_at_{};                                                     // not before
    std::map<std::uint64_t, waiter> waiters_;                                  // by when they came
    std::set<std::pair<time_point, std::uint64_t>> deadlines_;                 // of waiters_
    drain_waiters drains_;
    std::unique_ptr<runtime::timer> timer_;
    time_point armed_ = time_point::max();
    std::uint64_t wait_number_ = 0;    // of the pending wait of timer_
    bool stopped_ = false;

    mutable std::mutex mutex_;
    // Under the mutex.
    publisher publisher_;
    exhibit_ptr exhibit_;
    std::vector<std::weak_ptr<detail::change_queue>> queues_;
    std::uint64_t next_id_ = 1;
    bool closed_ = false;
};

}    // namespace muster::balance
