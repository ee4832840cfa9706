// Part of muster. Boost Software License 1.0, see LICENSE.
//
// A world in which time passes only when the test says so, and the test is the network.
#pragma once

#include "runtime/completion.hpp"
#include "runtime/shutdown.hpp"
#include "runtime/world.hpp"

#include <boost/asio/io_context.hpp>

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace muster::test {

namespace asio = boost::asio;

template <class Signature>
class pending;

/// An operation that waits for the test, or for what the test does. It is destroyed with its context, as those of Asio are.
template <class... Args>
class pending<void(Args...)> final : public runtime::shutdown_target {
public:
    using handler = asio::any_completion_handler<void(Args...)>;

    pending(handler h, const asio::any_io_executor& ex) { done_.emplace(std::move(h), ex); }

    auto slot() const { return done_->slot(); }

    /// False if it was completed before.
    template <class... Results>
    bool complete(Results&&... results) {
        std::unique_lock lock(mutex_);
        if (!done_) return false;
        runtime::completion<void(Args...)> done(std::move(*done_));
        done_.reset();
        lock.unlock();
        done.post(std::forward<Results>(results)...);
        return true;
    }

    void on_context_shutdown() noexcept override {
        std::optional<runtime::completion<void(Args...)>> dropped;
        const std::lock_guard lock(mutex_);
        if (!done_) return;
        dropped.emplace(std::move(*done_));
        done_.reset();
    }

private:
    std::mutex mutex_;
    std::optional<runtime::completion<void(Args...)>> done_;
};

template <class Signature>
std::shared_ptr<pending<Signature>> make_pending(typename pending<Signature>::handler h, const asio::any_io_executor& ex) {
    auto p = std::make_shared<pending<Signature>>(std::move(h), ex);
    runtime::notify_shutdown(ex, std::weak_ptr<pending<Signature>>(p));
    return p;
}

/// A connection as its server sees it. All members may be called from any thread.
class sim_peer {
public:
    explicit sim_peer(runtime::endpoint address) : address_(std::move(address)) {}

    const runtime::endpoint& address() const noexcept { return address_; }

    /// What arrived and was not taken yet, so many bytes of it at most.
    std::string take(std::size_t most = static_cast<std::size_t>(-1));
    /// Times the client wrote.
    std::size_t writes() const;
    /// True once the client has closed the connection.
    bool closed() const;

    void send(std::string_view bytes);
    /// Ends the stream behind what was sent.
    void close();
    /// While true, writes of the client do not complete: nothing is read from its socket.
    void stall(bool stalled);
    /// The client gets no more than so many bytes at once.
    void limit_reads(std::size_t bytes);
    /// There is room for no more than so many bytes of the client's at once; for more it has to wait.
    void limit_writes(std::size_t bytes);
    /// From now on what the client writes is under way until it is taken, and its machine keeps so many bytes of that.
    void slow(std::size_t room);

private:
    friend class sim_stream;
    using transfer = pending<void(error_code, std::size_t)>;

    void serve_read(std::unique_lock<std::mutex>& lock);

    const runtime::endpoint address_;
    mutable std::mutex mutex_;
    std::string to_server_;
    std::string to_client_;
    std::size_t writes_ = 0;
    std::size_t read_limit_ = static_cast<std::size_t>(-1);
    std::size_t write_limit_ = static_cast<std::size_t>(-1);
    std::optional<std::size_t> room_;    // of the client's machine, if the way is slow
    bool stalled_ = false;
    bool server_closed_ = false;
    bool client_closed_ = false;
    std::shared_ptr<transfer> read_;
    asio::mutable_buffer read_into_;
    std::shared_ptr<transfer> write_;
    std::size_t write_bytes_ = 0;
};

/// A virtual world. Deterministic: the same seed and the same acts give the same run.
///
/// Times, names and servers are set by the test. A server that nobody set up refuses connections.
class sim_world final : public runtime::world {
public:
    enum class answer { accept, refuse, silence };

    explicit sim_world(std::uint64_t seed = 1);
    ~sim_world() override;

    // runtime::world
    runtime::time_point now() noexcept override;
    runtime::wall_time_point wall_now() noexcept override;
    std::uint64_t random() noexcept override;
    std::unique_ptr<runtime::timer> make_timer(const asio::any_io_executor& ex) override;
    void async_resolve(const asio::any_io_executor& ex, std::string host, std::uint16_t port,
                       runtime::resolve_handler h) override;
    void async_connect(const asio::any_io_executor& ex, runtime::endpoint to, runtime::connect_handler h) override;

    // Time
    /// When the next timer ends; none if none is pending.
    std::optional<runtime::time_point> next_timer() const;
    /// Moves the clock to `t` and ends the timers that are due then.
    void advance_to(runtime::time_point t);

    // Names and servers
    /// What looking `host` up gives: no addresses means that there is no such name. Literal addresses need no entry.
    void set_name(const std::string& host, std::vector<std::string> addresses);
    /// Look-ups do not end while true.
    void stall_names(bool stalled);
    /// How connections to `to` are answered from now on.
    void set_server(const runtime::endpoint& to, answer a);
    /// The oldest accepted connection that was not taken yet, or null.
    std::shared_ptr<sim_peer> accept();
    /// Every connection attempt so far.
    std::vector<runtime::endpoint> attempts() const;
    /// Connections that neither side has closed.
    std::size_t open_connections() const;

private:
    friend class sim_timer;
    using wait = pending<void(error_code)>;
    using connect = pending<void(error_code, std::shared_ptr<runtime::byte_stream>)>;
    using timer_key = std::pair<runtime::time_point, std::uint64_t>;

    timer_key add_timer(runtime::time_point t, std::shared_ptr<wait> w);
    std::shared_ptr<wait> remove_timer(const timer_key& key);

    mutable std::mutex mutex_;
    std::mt19937_64 engine_;
    runtime::time_point now_{std::chrono::hours(1'000)};
    std::uint64_t next_timer_ = 0;
    std::map<timer_key, std::shared_ptr<wait>> timers_;
    std::map<std::string, std::vector<std::string>> names_;
    bool names_stalled_ = false;
    std::vector<std::shared_ptr<pending<void(error_code, std::vector<runtime::endpoint>)>>> look_ups_;
    std::map<runtime::endpoint, answer> servers_;
    std::vector<std::shared_ptr<connect>> silent_;
    std::deque<std::shared_ptr<sim_peer>> accepted_;
    std::vector<std::weak_ptr<sim_peer>> peers_;
    std::vector<runtime::endpoint> attempts_;
};

/// A virtual world and the context that runs in it.
class simulation {
public:
    explicit simulation(std::uint64_t seed = 1);
    ~simulation();

    std::shared_ptr<sim_world> world;
    asio::io_context io;

    /// Runs everything that can run while time stands still.
    void run_ready();
    /// Runs for a time, from timer to timer.
    void run_for(runtime::duration d);
    /// Runs until `done()` or for `limit`. True if it was done.
    bool run_until(const std::function<bool()>& done, runtime::duration limit = std::chrono::hours(1));
};

}    // namespace muster::test
