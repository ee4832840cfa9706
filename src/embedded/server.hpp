// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include "embedded/connection_sink.hpp"
#include "embedded/tree.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace muster::embedded {

class ensemble;

using time_point = std::chrono::steady_clock::time_point;

/// When a write is lost with its connection: before it is applied, or when it has been.
enum class loss { none, before, after };

/// One server of an ensemble: its connections, their watches, and its own copy of the tree.
///
/// Knows no sockets and no clock: bytes and the time come in by calls, bytes go out to the connections' sinks. Everything that a
/// call causes, also at other connections and servers, has been given to the sinks when it returns: the bytes of one connection
/// in the order of the protocol (an event precedes the reply that can expose its change), usually in one piece per call.
///
/// How it answers is how Apache ZooKeeper 3.8 answers.
/// \par Thread safety
/// None: an ensemble and its servers are used by one thread at a time.
class server {
public:
    /// Names a connection of this server. Not reused.
    using connection_id = std::uint64_t;

    server(const server&) = delete;
    server& operator=(const server&) = delete;
    ~server();

    /// A client connected. `address` is its IP address in text, for ACLs of scheme `ip`. The sink must live until its `close()`
    /// was called or `closed()` returned. Where the server does not serve (it is down, or has neither a quorum nor a read-only
    /// mode) or has enough connections, the sink's `close()` is called at once.
    connection_id open(connection_sink& sink, std::string address, time_point now);

    /// Bytes from the client, cut anywhere. Ignored if the server closed the connection.
    void received(connection_id c, std::string_view bytes, time_point now);

    /// The client went, or its network. Its sink is not called any more. Ignored if the server closed the connection.
    void closed(connection_id c, time_point now);

    /// Closes all connections, as a failure of the network would. Sessions stay.
    void drop_connections(time_point now);

    /// Closes the connection over the next request that writes, but for one that ends a session.
    void lose_next_write(loss when) noexcept;

    /// Makes the server read-only although it has a quorum, and back. Connections are dropped where that changes anything. Where
    /// it is the only one, nothing expires meanwhile, and all sessions start their timeouts anew behind it.
    void set_read_only(bool on, time_point now);

    /// Ends a session that only this server knows as its expiry would. False if there is no such session.
    bool expire_local_session(zk::session_id id, time_point now);

    /// The sessions that only this server knows, in ascending order: those it has opened since it has been read-only.
    std::vector<zk::session_id> local_sessions() const;

    /// Connections that are open.
    std::size_t connections() const noexcept;

    /// Watches that are set, each path of each connection counted once for data and once for children.
    std::size_t watch_count() const noexcept;

    /// Paths that the connection of a session watches here; none if it has no connection here.
    std::optional<std::size_t> watched_paths(zk::session_id id) const;

    /// Requests it has received since it was made: handshakes, pings and four letter words included.
    std::uint64_t requests() const noexcept;

    /// What its clients read. Behind the leader's while the server lags.
    const tree& data() const noexcept;

private:
    friend class ensemble;
    class impl;

    explicit server(std::unique_ptr<impl> i) noexcept;

    std::unique_ptr<impl> impl_;
};

}    // namespace muster::embedded
