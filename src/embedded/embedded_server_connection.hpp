// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include "embedded/frame_ends.hpp"
#include "embedded/output_queue.hpp"
#include "embedded/server.hpp"
#include "runtime/world.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace muster::detail {

namespace asio = boost::asio;

class embedded_server_impl;

/// One client of an embedded server: its socket, and what is on its way to it.
///
/// Flow: `await_readable` waits, the owner reads and has the server serve it; that calls `send` and `close`, which tell the
/// owner once that there is output; the owner then calls `flush`, which writes what the socket takes and waits for the rest.
/// All of it runs with the owner's mutex held.
class embedded_server_connection final : public embedded::connection_sink,
                                         public std::enable_shared_from_this<embedded_server_connection> {
public:
    embedded_server_connection(std::shared_ptr<embedded_server_impl> owner, asio::ip::tcp::socket socket);

    // For the server.
    void send(std::string_view bytes) override;
    void close() override;

    /// Waits for bytes of the client, unless it is waited for, others are not served yet, or `may_read()` says no.
    void await_readable();
    /// Reads what is there, at least one byte; without an error and without a byte if there is none.
    std::size_t read(asio::mutable_buffer into, error_code& ec);
    /// The client is there, and reads what it gets.
    bool may_read() const noexcept;
    /// Bytes that the client has not taken.
    std::size_t unread() const noexcept { return out_.size() + held_back_size_; }

    /// Writes what has to be sent, as far as the socket takes it.
    void flush();
    /// Lets go of what was held back until now; tells when there is more to do.
    std::optional<runtime::time_point> release(runtime::time_point now);
    /// The server has closed it, and its client has not taken the last words in time.
    bool overdue(runtime::time_point now) const noexcept { return closing_ && give_up_at_ <= now; }
    /// Closes the socket; nothing is read or sent any more.
    void abandon() noexcept;

    bool open() const noexcept { return open_; }
    bool closing() const noexcept { return closing_; }

    embedded::server::connection_id id = 0;
    std::string unserved;    ///< Read, and not served yet: the client reads too little, or others have their turn.
    bool waits_for_turn = false;
    embedded::frame_ends frames;    ///< In what was served.

private:
    struct late_bytes {
        runtime::time_point due;
        std::string bytes;
    };

    void announce_output();
    void await_writable();

    const std::shared_ptr<embedded_server_impl> owner_;
    asio::ip::tcp::socket socket_;
    embedded::output_queue out_;
    std::deque<late_bytes> held_back_;
    std::size_t held_back_size_ = 0;
    bool open_ = true;
    bool closing_ = false;              // the server has closed it, and forgotten it
    runtime::time_point give_up_at_;    // while closing_
    bool reading_ = false;              // a wait for bytes is pending
    bool writing_ = false;              // a wait for the socket to take more is pending
    bool announced_ = false;            // the owner will flush
};

}    // namespace muster::detail
