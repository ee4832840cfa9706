// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include <muster/zk/client.hpp>

#include "proto_zk/backlog.hpp"
#include "proto_zk/request.hpp"
#include "proto_zk/session.hpp"
#include "runtime/completion.hpp"
#include "runtime/shutdown.hpp"
#include "runtime/tls_credentials.hpp"
#include "runtime/waiters.hpp"
#include "runtime/world.hpp"

#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/strand.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace muster::zk::detail {

class dialer;
class subscription;

/// Drives a session machine over the runtime: connects, reads, writes and keeps time as it says.
///
/// Requests come from any thread into an inbox and are taken over on the strand, all that wait there at once: that is also
/// what makes requests of several callers go out in one write. Everything below "On the strand" runs there only.
class client_impl final : public runtime::shutdown_target, public std::enable_shared_from_this<client_impl> {
public:
    /// Throws `boost::system::system_error` with `client_errc::invalid_argument` if `cfg` is out of its ranges, or if a file that
    /// it names cannot be used.
    client_impl(asio::any_io_executor ex, config cfg, std::shared_ptr<runtime::world> world);

    const asio::any_io_executor& get_executor() const noexcept { return ex_; }
    const runtime::completion_route& route() const noexcept { return route_; }
    const config& configuration() const noexcept { return config_; }
    const std::shared_ptr<runtime::world>& world() const noexcept { return world_; }

    // On any thread. What is asked once the context is going away, as by what is destroyed with it, is dropped.
    void start();
    void abandon() noexcept;
    /// Completes it at once where the limits are reached.
    void submit(std::unique_ptr<proto::request> r);
    void cancel(std::uint64_t id);
    std::uint64_t next_id() noexcept { return next_id_.fetch_add(1, std::memory_order_relaxed); }
    void unwatch(std::shared_ptr<subscription> s);
    /// Throws `boost::system::system_error` with `client_errc::invalid_argument` if the chroot is another.
    void set_servers(const connect_string& s);
    connect_string servers() const;
    session_info session() const;
    client_metrics metrics() const;
    latency_histogram latency() const { return session_.latency().read(); }
    zxid newest_seen() const noexcept { return session_.newest_seen(); }
    void session_change(std::uint64_t seen, asio::any_completion_handler<void(error_code, session_info)> h);
    void capacity(asio::any_completion_handler<void(error_code)> h);
    void close(asio::any_completion_handler<void(error_code)> h);

    // On the strand, from within `request::complete`.
    proto::watch_table& watches() noexcept { return session_.watches(); }
    std::shared_ptr<subscription> make_subscription(proto::watch_kind kind, std::string server_path);

    void on_context_shutdown() noexcept override;
    void release_executors() noexcept override;

private:
    struct connection;
    struct inquiry;
    using connection_ptr = std::shared_ptr<connection>;
    using time_point = runtime::time_point;
    using addresses = std::vector<runtime::endpoint>;

    void post_hand_over();
    bool shut_down() const;

    // On the strand.
    void drive();
    void take_inbox();
    std::shared_ptr<dialer> dial(std::size_t host, std::shared_ptr<addresses> tried);
    void attempt(std::size_t host);
    void greet(const connection_ptr& c);
    void authenticate();
    void read(const connection_ptr& c);
    void write();
    void expect_requests();
    void search();
    void read_answer();
    void answered(bool writable);
    void forget_question();
    void drop(const proto::failure& f);
    void proceed(const error_code& ec);
    void arm(time_point t);
    void on_timer();
    void give_back();
    void log();
    void publish();
    void finish();

    template <class F>
    auto on_strand(F f);

    const asio::any_io_executor ex_;
    const config config_;
    const std::shared_ptr<runtime::world> world_;
    std::optional<asio::strand<asio::any_io_executor>> strand_;    // none once the context is gone
    asio::any_io_executor hand_over_;                              // the strand, made ready for posting to it
    runtime::completion_route route_;
    std::atomic<std::uint64_t> next_id_{1};

    // On the strand.
    std::vector<host_port> hosts_;
    std::vector<std::shared_ptr<addresses>> tried_;    // by server, since it was blameless; null: none
    proto::load returned_;                             // by requests that are done; before all that holds requests
    proto::session session_;
    connection_ptr connection_;
    std::shared_ptr<inquiry> inquiry_;    // the server that is being asked whether it takes writes
    std::optional<runtime::tls_credentials> tls_;
    std::unique_ptr<runtime::timer> timer_;
    time_point armed_ = time_point::max();    // when the pending wait ends, max if there is none
    bool told_overload_ = false;
    std::uint64_t wait_ = 0;    // number of the pending wait: earlier ones were replaced

    mutable std::mutex mutex_;
    // Under the mutex.
    std::vector<std::unique_ptr<proto::request>> inbox_;
    bool taking_ = false;    // a hand-over is posted
    bool started_ = false;
    bool shut_down_ = false;
    connect_string servers_;
    session_info info_;
    client_metrics metrics_;
    proto::backlog backlog_;
    // Added to under the mutex, by who has found there that it has to wait.
    runtime::waiters<void(error_code, session_info)> session_waiters_;
    runtime::waiters<void(error_code)> close_waiters_;
    runtime::waiters<void(error_code)> capacity_waiters_;

    std::vector<std::unique_ptr<proto::request>> taken_;    // on the strand; keeps its capacity
};

/// How many bytes of data of a znode a reply can bring.
std::size_t max_data(const config& c) noexcept;

/// The world a client lives in.
std::shared_ptr<runtime::world> world_of(const client& c);

/// A client in the given world.
client make_client(asio::any_io_executor ex, config cfg, std::shared_ptr<runtime::world> world);

}    // namespace muster::zk::detail
