// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include "runtime/completion.hpp"
#include "runtime/world.hpp"
#include "simulation/faults.hpp"
#include "simulation/kernel.hpp"
#include "simulation/process.hpp"

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace muster::sim {

class connection;

/// The server's end of a connection.
class remote {
public:
    remote() = default;
    remote(const remote&) = delete;
    remote& operator=(const remote&) = delete;
    virtual ~remote() = default;
    virtual void received(std::string_view bytes) = 0;
    /// The client closed the connection, or it broke. Nothing is called any more.
    virtual void gone() = 0;
};

/// Who accepts the connections to an endpoint.
class acceptor {
public:
    /// Gives null where the connection is closed at once.
    virtual std::shared_ptr<remote> accept(const std::shared_ptr<connection>& c) = 0;

protected:
    ~acceptor() = default;
};

/// One connection of a process to a server: two flows of bytes, each in order and with its delays. Faults act on it.
///
/// A flow that is held loses nothing: what is on its way arrives after it is released, as TCP would send it again.
class connection final : public std::enable_shared_from_this<connection> {
public:
    using size_completion = runtime::completion<void(error_code, std::size_t)>;
    enum class cut { none, before, inside, after };

    connection(process& client, std::size_t server, std::uint64_t number, random& chance, fault_counts& faults);

    process& client() noexcept { return client_; }
    std::size_t server() const noexcept { return server_; }
    std::uint64_t number() const noexcept { return number_; }
    /// Nobody uses it any more.
    bool over() const noexcept { return client_closed_ && !remote_; }
    /// Both ends believe in it.
    bool alive() const noexcept { return !client_closed_ && !broken_ && remote_ != nullptr; }
    bool client_closed() const noexcept { return client_closed_; }

    void attach(std::shared_ptr<remote> r) { remote_ = std::move(r); }

    // The client's end.
    void read(asio::mutable_buffer into, size_completion done);
    /// Takes all there is room for: everything; nothing while it is stalled; now and then a part.
    std::size_t try_write(asio::const_buffer from, error_code& ec);
    void write(asio::const_buffer from, size_completion done);
    /// What was written and has not arrived.
    std::size_t undelivered() const noexcept;
    void close() noexcept;

    // The server's end.
    void send(std::string_view bytes);
    void finish();

    // Faults.
    void reset();
    void arm(cut c) noexcept { cut_ = c; }
    void hold(bool up, bool down, bool on);
    void slow(instant extra, instant until) noexcept;
    void split(instant until) noexcept;
    void gather(instant until) noexcept;
    void stall(instant until);
    /// The process died.
    void abandon();

private:
    struct segment {
        instant at{};
        std::string bytes;
        bool end = false;      // of the flow
        bool reset = false;    // the connection breaks behind it, unanswered
    };
    struct flow {
        std::deque<segment> on_the_way;
        int holds = 0;
        bool scheduled = false;
        instant extra{};
        instant slow_until{};
        instant split_until{};
        instant gather_until{};
        bool gathered = false;
    };

    error_code broken_for_writes() const noexcept;
    void sent(std::string_view bytes);
    void push(flow& f, std::string_view bytes, bool end, bool reset = false);
    void schedule(flow& f);
    void deliver(flow& f);
    void to_server(segment s);
    void to_client(segment s);
    void serve_read();
    void break_client();
    void unstall();
    void end_client(const error_code& ec);

    process& client_;
    kernel& kernel_;
    random& chance_;
    fault_counts& faults_;
    const std::size_t server_;
    const std::uint64_t number_;
    const instant latency_;

    std::shared_ptr<remote> remote_;
    flow up_;
    flow down_;
    bool broken_ = false;
    bool client_closed_ = false;
    cut cut_ = cut::none;

    std::string inbox_;    // arrived, not read
    bool end_of_stream_ = false;
    bool reset_seen_ = false;
    std::optional<size_completion> read_;
    asio::mutable_buffer into_;
    std::optional<size_completion> write_;    // stalled
    std::string outbox_;
    instant stalled_until_{};
};

}    // namespace muster::sim
