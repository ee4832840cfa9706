// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include <muster/error.hpp>

#include <boost/asio/any_io_executor.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace muster {

namespace asio = boost::asio;

/// How an embedded server runs.
struct embedded_server_params {
    /// Where it listens. Legal: an IP address, not a name. "0.0.0.0" or "::" stand for all interfaces.
    std::string address = "127.0.0.1";

    /// 0: any free one, told by `embedded_server::port()`.
    std::uint16_t port = 0;

    /// Sessions expire at multiples of it, rounded up. Legal: 1 ms to 24 days.
    std::chrono::milliseconds tick{100};

    /// A session gets the timeout that its client asks for, but no shorter and no longer one than these. Unlike Apache's, the
    /// bounds do not follow from the tick: tests want short sessions, and whoever debugs wants long ones.
    /// Legal: 1 ms to 24 days, the shorter one first.
    std::chrono::milliseconds min_session_timeout{100};
    std::chrono::milliseconds max_session_timeout{600'000};

    /// How often it looks for containers without children and for znodes that outlived their time to live. Legal: as `tick`.
    std::chrono::milliseconds cleanup_interval{500};

    /// Largest request, in bytes; whoever announces a larger one is disconnected. Legal: 1024 to 2^31 - 1. A request that is
    /// all ACLs takes about ten times its size while it is served, and what is stored of it about seven.
    std::size_t max_frame = 1'048'575;

    /// Replies and events, in bytes, that a client may leave unread before the server stops reading from it. 0 counts as 1.
    /// A reply of more than 16 MiB, or `max_frame` if that is more, disconnects the client that asked for it.
    std::size_t max_unread = 4 * 1024 * 1024;

    /// What all clients together may leave unread, in bytes; a client's queue takes 128 KiB more. Beyond it the server
    /// disconnects those that leave most, one by one, until the rest is within it: so no client takes the memory of the others,
    /// nor of the program. While a request is served, the events it causes may take as much again, or 32 MiB if that is more;
    /// then the server disconnects those that it tells most, and who would be told more than 16 MiB, or `max_frame`.
    std::size_t max_unread_total = 256 * 1024 * 1024;

    /// The identity of scheme `digest` that no ACL binds, as Apache's `superDigest` is written. Legal: "super:" and the Base64 of
    /// the SHA-1 of "super:PASSWORD", or empty: there is none.
    std::string super_digest;

    embedded_server_params() = default;
};

/// What an embedded server has now, and what it has done since it was made.
struct embedded_server_counters {
    std::size_t connections = 0;    ///< Open now.
    std::size_t sessions = 0;       ///< Live now, connected or not.
    std::size_t watches = 0;        ///< Set now.
    std::size_t znodes = 0;         ///< Of the tree now, with "/" and those of ZooKeeper itself.
    std::uint64_t requests = 0;     ///< Received; handshakes, pings and four letter words included.
    std::uint64_t bytes_in = 0;     ///< Received.
    std::uint64_t bytes_out = 0;    ///< Sent.
    std::uint64_t refused = 0;      ///< Connections closed because of `refuse(true)`.
};

/// When a write is lost with its connection.
enum class write_loss {
    before,    ///< Before it is applied.
    after,     ///< When it has been, and its reply is not sent.
};

namespace detail {
class embedded_server_impl;
}

/// A ZooKeeper server in this process, in memory: for tests, demos and development.
///
/// It speaks ZooKeeper's own protocol on a TCP port, so that any client can use it, and does what Apache's server does,
/// except that it keeps nothing on disk and has no other servers beside it. It knows every request of ZooKeeper 3.8 but SASL and
/// those about the ensemble's members, and of the four letter words `ruok`, `srvr`, `isro` and `mntr`. It counts no quotas, and
/// gives strings back as the bytes they came as, UTF-8 or not. A connection that has not sent a whole connect request within 10 s
/// is closed. A client can prove to be 64 identities, its address included, whose names take 1 MiB; where those stand in for
/// scheme `auth`, all ACLs of a request may take 1 MiB, or `max_frame` if that is more, and else are answered as invalid. Clients
/// are served in turn: one that asks for much, in however few bytes, holds up the others for as long as one request takes.
/// Production is an ensemble of Apache ZooKeeper.
///
/// Its hooks make happen what a test of a client needs: sessions that expire, connections that break, replies that are late.
/// The server has done what they say when they return. Its clients hear of it when their executor runs next: a test awaits
/// what it expects of them, as by `zk::client::session_change`, `registrar::status_change` or `change_stream::next`, or it sees
/// what was before. What a client is asked before it hears of a lost connection goes the way of what was under way: a write
/// completes with `client_errc::connection_lost`. Where it is their only server and does not let them in, they pause, for up to
/// a second at first and ten later: tests set `zk::config::backoff_min` and `backoff_max` to some milliseconds.
///
/// \code
/// asio::io_context io;
/// muster::embedded_server server(io);
/// server.start();
/// muster::zk::client client(io, server.connect_string());
/// ...
/// server.expire_session(client.session().id);
/// \endcode
/// \par Executor
/// It serves while the executor's context runs, by handlers that take a moment each; it starts no thread. Until `stop()` it
/// counts as work of the context: `io.run()` does not return by itself. Close clients before: with nobody to answer,
/// theirs takes `zk::config::close_timeout`.
/// \par Thread safety
/// Distinct objects: safe. Same object: safe, except for assignment and destruction. All members may be called from any
/// thread, also from handlers of the executor: a mutex that is held for 2 ms or as long as one request takes at a time, and
/// never while foreign code runs, keeps them apart; where clients keep a server busy on other threads, several such times. None
/// waits for the executor's context, which need not run.
/// \par Object lifetimes
/// Destruction is `stop()`, and loses all data. An object that outlives its executor's context serves nobody any more: only
/// its hooks, counters and destructor may be used, and `start()` gives `asio::error::shut_down`.
class embedded_server {
public:
    using executor_type = asio::any_io_executor;

    /// Prepares it; it serves from `start()` on. Throws `boost::system::system_error` with `client_errc::invalid_argument`
    /// where `p` is out of its ranges; the message tells which, its value and what was expected.
    explicit embedded_server(asio::any_io_executor ex, embedded_server_params p = embedded_server_params());

    template <class Context>
    requires requires(Context& c) { asio::any_io_executor(c.get_executor()); }
    explicit embedded_server(Context& ctx, embedded_server_params p = embedded_server_params())
        : embedded_server(asio::any_io_executor(ctx.get_executor()), std::move(p)) {}

    embedded_server(embedded_server&&) noexcept;
    embedded_server& operator=(embedded_server&&) noexcept;
    ~embedded_server();

    executor_type get_executor() const noexcept;

    /// Listens; clients can connect once it returns. Does nothing while it runs. After `stop()` it comes back as a server that
    /// was restarted does: on the same port, with its data and its sessions, whose timeouts begin anew; without those that it
    /// opened while it was read-only.
    /// \par Errors
    /// Throws `boost::system::system_error` with the system's error, such as `asio::error::address_in_use`, and a message
    /// that names address and port. The other form gives the error instead.
    void start();
    void start(error_code& ec);

    /// Closes the port and all connections, without a word to the clients. Nobody can connect; no session expires meanwhile.
    void stop() noexcept;

    /// Whether it listens.
    bool running() const;

    /// The port on which it listens, or will: 0 before the first `start()` where any was asked for.
    std::uint16_t port() const;

    /// What clients connect to, such as "127.0.0.1:2181"; the loopback address where it listens on all interfaces. Before the
    /// first `start()` with any port it has port 0, which no client takes.
    std::string connect_string() const;

    /// Ends a session as if it had expired: its ephemerals go, watches on them fire, its connection is closed; one whose client
    /// does not take what it was told before, 2 s later. False if there is no such session. Works between `stop()` and `start()`
    /// as well: the client hears of it when it is back. Also a read-only server ends the session it is told to.
    bool expire_session(std::int64_t id);

    /// Closes all connections, as a failing network would: what was on its way to the clients is lost. Sessions stay; clients
    /// may connect again at once.
    void drop_connections();

    /// Breaks the connection over the next request that writes, whose ever it is, but the end of a session: to the client both
    /// cases look alike. Called again before, it is the last call that counts; what was asked before is answered.
    void lose_next_write(write_loss when);

    /// While it is on, whatever the server sends leaves it byte by byte: streams arrive cut anywhere, in the middle of a length
    /// or of a string. As far as the system keeps them apart, and slow.
    void send_single_bytes(bool on);

    /// Holds back what the server sends from now on, replies as well as events, by `d`, as a slow network would. What each
    /// client gets stays in order. 0 ends it, for what is sent after that; what is below 0 counts as 0.
    void delay(std::chrono::milliseconds d);

    /// While it is on, new connections are closed as soon as they were accepted; those that are there stay. Where clients
    /// should find nobody listening, `stop()` is it.
    void refuse(bool on);

    /// While it is on, the server behaves as a member that lost its quorum with `readonlymode.enabled`: all connections are
    /// closed, then only clients that ask for read-only mode are served, and all writes fail. No session of before expires, and
    /// no container or znode whose time is over goes, since only a leader decides that; when it ends, all timeouts begin anew.
    /// Clients get sessions that end with it. One that has a session looks for a server that takes writes until that session
    /// has ended by its own clock (`zk::config::read_only`), and is served here after that only.
    void read_only(bool on);

    /// The ids of all live sessions, in ascending order; those that were opened while it is read-only included.
    std::vector<std::int64_t> sessions() const;

    embedded_server_counters counters() const;

private:
    std::shared_ptr<detail::embedded_server_impl> impl_;
};

}    // namespace muster
