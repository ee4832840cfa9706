// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include <muster/embedded_server.hpp>

#include "embedded/embedded_server_connection.hpp"
#include "embedded/ensemble.hpp"
#include "runtime/shutdown.hpp"
#include "runtime/world.hpp"

#include <boost/asio/ip/tcp.hpp>

#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace muster::detail {

/// An ensemble of one server, and the TCP connections of its clients.
///
/// One mutex guards all of it, sockets included. A strand would do for the handlers, but a hook that takes effect before it
/// returns would have to wait for one, and never return on a thread that should run it. Nothing but our own code and Asio's
/// runs with the mutex held, and nothing waits: so it is held for a turn (2 ms) or a request at a time.
///
/// Sockets are awaited, then read and written without blocking: all clients share one input buffer, and what one read gives is
/// served frame by frame, as long as the client takes the replies and its turn lasts; then others have theirs. All that it makes
/// the server say goes out before the next read.
class embedded_server_impl final : public runtime::shutdown_target, public std::enable_shared_from_this<embedded_server_impl> {
public:
    embedded_server_impl(asio::any_io_executor ex, embedded_server_params p, std::shared_ptr<runtime::world> world);

    const asio::any_io_executor& get_executor() const noexcept { return ex_; }

    void start(error_code& ec);
    void stop() noexcept;
    bool running() const;
    /// Where it listens, or will.
    asio::ip::tcp::endpoint endpoint() const;

    bool expire_session(std::int64_t id);
    void drop_connections();
    void lose_next_write(write_loss when);
    void send_single_bytes(bool on);
    void delay(std::chrono::milliseconds d);
    void refuse(bool on);
    void read_only(bool on);
    std::vector<std::int64_t> sessions() const;
    embedded_server_counters counters() const;

    void on_context_shutdown() noexcept override;
    void release_executors() noexcept override;

    // For the connections, with the mutex held but for the first.
    std::mutex& mutex() noexcept { return mutex_; }
    void readable(embedded_server_connection& c, const error_code& failed);
    void writable(embedded_server_connection& c, const error_code& failed);
    void has_output(embedded_server_connection& c) { waiting_output_.push_back(c.shared_from_this()); }
    /// The client went.
    void lost(embedded_server_connection& c);
    /// The server closed it, and all was sent.
    void finished(embedded_server_connection& c);
    std::chrono::milliseconds delay() const noexcept { return delay_; }
    bool sends_single_bytes() const noexcept { return single_bytes_; }
    std::size_t max_unread() const noexcept { return params_.max_unread; }
    void sent(std::size_t n) noexcept { bytes_out_ += n; }
    /// A connection has `now` bytes that its client has not taken, and had `before`.
    void unread(std::size_t before, std::size_t now) noexcept { unread_ += now - before; }
    runtime::time_point now() const noexcept { return now_; }
    void wake_at(runtime::time_point t);

private:
    using tcp = asio::ip::tcp;

    embedded::server& server() { return ensemble_.at(0); }
    const embedded::server& server() const { return ensemble_.at(0); }

    void listen(error_code& ec);
    void accept();
    void accepted(const error_code& ec, tcp::socket socket);
    void serve(embedded_server_connection& c, std::string_view bytes);
    void resume(embedded_server_connection& c);
    void await_turn(embedded_server_connection& c);
    void post_turn();
    void next_turn();
    void settle();
    void woken();
    void drop_all();
    std::vector<std::int64_t> live_sessions() const;

    mutable std::mutex mutex_;
    asio::any_io_executor ex_;
    const embedded_server_params params_;
    const std::shared_ptr<runtime::world> world_;
    tcp::endpoint endpoint_;
    embedded::ensemble ensemble_;

    std::optional<tcp::acceptor> acceptor_;
    std::uint64_t listening_ = 0;                        // grows with every stop
    std::optional<runtime::time_point> accept_again_;    // after a failure, as where descriptors have run out
    std::unordered_map<std::uint64_t, std::shared_ptr<embedded_server_connection>> connections_;
    std::vector<std::shared_ptr<embedded_server_connection>> waiting_output_;
    std::vector<char> input_;
    std::deque<std::shared_ptr<embedded_server_connection>> turns_;    // those with more to be served, in turn
    bool turn_posted_ = false;

    std::unique_ptr<runtime::timer> timer_;
    std::optional<runtime::time_point> wake_at_;    // what the timer is set to
    std::uint64_t wait_ = 0;                        // which of its waits counts
    runtime::time_point now_;                       // of the call that is being served

    std::chrono::milliseconds delay_{0};
    bool single_bytes_ = false;
    bool refuse_ = false;
    bool shut_down_ = false;
    std::uint64_t bytes_in_ = 0, bytes_out_ = 0, refused_ = 0;
    std::size_t unread_ = 0;    // by all clients
};

/// "127.0.0.1:2181", "[::1]:2181"
std::string to_text(const asio::ip::tcp::endpoint& e);

}    // namespace muster::detail
