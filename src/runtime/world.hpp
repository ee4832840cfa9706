// Part of muster. Boost Software License 1.0, see LICENSE.
//
// The outside world as the library sees it: time, chance, names and byte streams. Production uses asio_world; a simulation
// supplies virtual ones. Nothing else in the library reads a clock, makes a timer or draws a random number.
#pragma once

#include "runtime/sasl.hpp"

#include <muster/zk/error.hpp>

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace muster::runtime {

namespace asio = boost::asio;

using clock = std::chrono::steady_clock;
using time_point = clock::time_point;
using duration = clock::duration;
using wall_time_point = std::chrono::system_clock::time_point;
using endpoint = asio::ip::tcp::endpoint;

using void_handler = asio::any_completion_handler<void(error_code)>;
using size_handler = asio::any_completion_handler<void(error_code, std::size_t)>;

/// `d`, but not negative and not so long that it overflows when added to a time.
inline std::chrono::milliseconds bounded(std::chrono::milliseconds d) noexcept {
    constexpr std::chrono::milliseconds longest = std::chrono::hours(24 * 1000);
    return d < d.zero() ? d.zero() : d > longest ? longest : d;
}

/// A connected stream of bytes in both directions. One read and one write may be pending at a time. Members are called on the
/// executor that it was connected for, and handlers run there, never inline. After `close()` pending operations complete with
/// an error.
class byte_stream {
public:
    virtual ~byte_stream() = default;
    /// Reads at least one byte into `b`.
    virtual void async_read_some(asio::mutable_buffer b, size_handler h) = 0;
    /// Writes as much of `b` as there is room for now, without waiting: nothing where there is none, or where the stream cannot
    /// tell. Not while a write is pending.
    virtual std::size_t try_write(asio::const_buffer b, error_code& ec) {
        static_cast<void>(b);
        ec = {};
        return 0;
    }
    /// Writes all of `b`.
    virtual void async_write(asio::const_buffer b, size_handler h) = 0;
    /// How many of the bytes that were given to it have not arrived at the peer's machine, as far as is known: those that a write
    /// waits with included. 0 where nobody can tell.
    virtual std::size_t undelivered() noexcept { return 0; }
    /// What people should know about the last error beyond its message; empty where that says it all.
    virtual std::string explanation() const { return {}; }
    virtual void close() noexcept = 0;
};

/// One deadline. `expires_at` and `cancel` complete a pending wait with `operation_aborted`.
class timer {
public:
    virtual ~timer() = default;
    virtual void expires_at(time_point t) = 0;
    virtual void async_wait(void_handler h) = 0;
    virtual void cancel() noexcept = 0;
};

using resolve_handler = asio::any_completion_handler<void(error_code, std::vector<endpoint>)>;
using connect_handler = asio::any_completion_handler<void(error_code, std::shared_ptr<byte_stream>)>;

/// Everything else. All members are safe to call from any thread. Objects made for an executor must not outlive its context.
class world {
public:
    virtual ~world() = default;
    virtual time_point now() noexcept = 0;
    /// The time of day, for what people read. It may jump: nothing is measured by it.
    virtual wall_time_point wall_now() noexcept = 0;
    /// 64 independent random bits.
    virtual std::uint64_t random() noexcept = 0;
    virtual std::unique_ptr<timer> make_timer(const asio::any_io_executor& ex) = 0;
    /// Looks a name up, off the I/O path. Addresses are answered without a look-up. Cancelling through the handler's slot
    /// (terminal) gives up.
    virtual void async_resolve(const asio::any_io_executor& ex, std::string host, std::uint16_t port, resolve_handler h) = 0;
    /// Connects to `to`. Cancelling through the handler's slot (terminal) gives up.
    virtual void async_connect(const asio::any_io_executor& ex, endpoint to, connect_handler h) = 0;
    /// What proves the user to the server that the connect string calls `host`. Only where `has_sasl()`.
    virtual std::unique_ptr<sasl_exchange> make_sasl(const asio::any_io_executor& ex, const zk::sasl_options& options,
                                                     const std::string& host) {
        return make_sasl_exchange(ex, options, host);
    }
};

/// The world of production: steady clock, system resolver, TCP sockets with no delay.
std::shared_ptr<world> make_asio_world();

}    // namespace muster::runtime
