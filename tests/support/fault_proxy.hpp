// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace muster::test {

/// Stands between a client and a server on the loopback interface and does to their bytes what networks do. Forwards faithfully
/// until told otherwise.
/// \par Thread safety
/// Same object: unsafe. It runs on the context it was given, on the thread that calls it.
class fault_proxy {
public:
    enum direction { to_server, to_client };

    /// Listens on a free port and forwards to 127.0.0.1:`target`.
    fault_proxy(boost::asio::io_context& io, std::uint16_t target);
    fault_proxy(const fault_proxy&) = delete;
    fault_proxy& operator=(const fault_proxy&) = delete;
    ~fault_proxy();

    /// "127.0.0.1:PORT"
    std::string connect_string() const;

    /// Resets every connection, at both ends.
    void reset();
    /// Forgets every connection, as a firewall does that was restarted: what is sent on one goes nowhere, and nobody is told. New
    /// ones are forwarded.
    void drop();
    /// While true, new connections are reset as soon as they stand.
    void refuse(bool on) { state_->refusing = on; }
    /// While true, no byte arrives anywhere, on new connections either; nobody is told. Afterwards those that were sent do.
    void black_hole(bool on);
    /// Bytes arrive so much later.
    void delay(std::chrono::milliseconds d) { state_->delay = d; }
    /// While true, bytes arrive one at a time.
    void trickle(bool on) { state_->trickling = on; }
    /// So many more bytes pass in this direction, on whatever connection; then that one is reset.
    void cut_after(direction d, std::size_t bytes) { state_->passing[d] = bytes; }

    /// Forgets all that was told it.
    void heal();

    /// Connections that stand.
    std::size_t connections() const;
    /// Bytes that arrived in this direction so far.
    std::size_t passed(direction d) const { return state_->passed[d]; }

private:
    using tcp = boost::asio::ip::tcp;

    struct link {
        explicit link(boost::asio::io_context& io) : ends{tcp::socket(io), tcp::socket(io)} {}
        tcp::socket& source(direction d) { return ends[d == to_server ? 1 : 0]; }
        tcp::socket& target(direction d) { return ends[d == to_server ? 0 : 1]; }
        void reset();
        bool stands() const { return ends[0].is_open() && !dropped; }
        std::array<tcp::socket, 2> ends;    // the server's, the client's
        bool dropped = false;
    };

    /// Outlives the proxy where coroutines still run.
    struct state {
        explicit state(boost::asio::io_context& io) : context(io), acceptor(io), healed(io) {}
        boost::asio::io_context& context;
        tcp::acceptor acceptor;
        tcp::endpoint target;
        bool refusing = false;
        bool trickling = false;
        bool swallowing = false;
        std::chrono::milliseconds delay{};
        std::array<std::optional<std::size_t>, 2> passing;
        std::array<std::size_t, 2> passed{};
        boost::asio::steady_timer healed;    // cancelled when the black hole ends
        std::vector<std::weak_ptr<link>> links;
    };
    using state_ptr = std::shared_ptr<state>;
    using link_ptr = std::shared_ptr<link>;

    static boost::asio::awaitable<void> accept(state_ptr s);
    static boost::asio::awaitable<void> serve(state_ptr s, link_ptr l);
    static boost::asio::awaitable<void> pump(state_ptr s, link_ptr l, direction d);
    static boost::asio::awaitable<bool> forward(state_ptr s, link_ptr l, direction d, std::string bytes);

    state_ptr state_;
};

}    // namespace muster::test
