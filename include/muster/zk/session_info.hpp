// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include <muster/zk/error.hpp>
#include <muster/zk/types.hpp>

#include <chrono>
#include <cstdint>
#include <string>

namespace muster::zk {

/// Where a client's session stands.
struct session_info {
    session_state state = session_state::connecting;
    std::uint64_t version = 0;       ///< Grows with every change of state, session or `last_error`.
    std::uint64_t generation = 0;    ///< 1 for the first session established, one more for each that replaced another.
    std::uint64_t connection = 0;    ///< 1 for the first that gave the session, one more for each that resumed or replaced it.
    session_id id = 0;    ///< 0 while there is no session: before the first one, and between one that is over and the next.
    session_password password{};    ///< What the server gave with it. Nothing of muster takes it: see `client`.
    /// The server it is connected to has lost its quorum: reads give what it knows, and writes fail with
    /// `server_errc::not_read_only`. Such a session is that server's own; another replaces it. See `config::read_only`.
    bool read_only = false;
    std::chrono::milliseconds timeout{0};    ///< As negotiated with the server.
    /// Until then the session lives, as far as a client can know, whatever happens to the connection. A master stops acting then.
    /// It is a session timeout after the moment when the last request that was answered was written. That rests on the server
    /// that answered: one that is cut off from its leader, or whose leader hangs, goes on answering pings and reads for up to
    /// the servers' `syncLimit * tickTime`, while the leader, or a new one, can end the session. It also rests on servers that
    /// all grant the same timeout, and on clocks that run alike. No client can know more. Whoever must be certain has what it
    /// acts on refuse whoever comes with an older `czxid` than the newest that was seen there (fencing).
    /// In the past from `client::close` on, and from when a server has called the session expired.
    std::chrono::steady_clock::time_point safe_until{};
    /// No other state follows: the client is closed, has given up, or does not renew sessions (`config::session_renewal`).
    bool ended = false;
    error_code last_error;    ///< Why the last connection ended or the last attempt failed; success while connected.
    std::string message;      ///< What people should know beside `last_error`, such as names and files; often empty.

    session_info() = default;    // not an aggregate: GCC 12 destroys aggregate temporaries in co_await expressions twice
};

/// Counters since construction.
struct client_metrics {
    std::uint64_t requests_sent = 0;
    std::uint64_t reads_batched = 0;        ///< Of the requests sent, those that shared a frame: see `config::batch_reads`.
    std::uint64_t requests_repeated = 0;    ///< Sent once more after a server threw them back: see `config::max_retries`.
    std::uint64_t replies_received = 0;     ///< Each is in `client::latency()`, too.
    std::uint64_t events_received = 0;
    std::uint64_t bytes_sent = 0;
    std::uint64_t bytes_received = 0;
    std::uint64_t writes = 0;         ///< Times bytes were handed to the transport; requests are coalesced into them.
    std::uint64_t connects = 0;       ///< Handshakes that gave or resumed a session.
    std::uint64_t resumptions = 0;    ///< Of those, the ones that resumed a session.
    std::uint64_t connect_failures = 0;
    std::uint64_t rounds_behind = 0;    ///< Over all servers, none of which said a word: see `log_event::servers_behind`.
    std::uint64_t expiries = 0;
    std::uint64_t pings_sent = 0;
    std::uint64_t watches_rearmed = 0;         ///< Paths whose watches were armed again on another connection.
    std::uint64_t watched_paths = 0;           ///< Now.
    std::uint64_t requests_outstanding = 0;    ///< Now: those that wait or are under way.
    std::uint64_t bytes_outstanding = 0;       ///< Now: their bytes.
    std::uint64_t requests_refused = 0;        ///< Those that completed with `client_errc::overloaded`.
};

}    // namespace muster::zk
