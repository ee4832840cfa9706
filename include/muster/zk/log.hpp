// Part of muster. Boost Software License 1.0, see LICENSE.
//
// What a client tells of itself.
#pragma once

#include <muster/zk/error.hpp>
#include <muster/zk/types.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace muster::zk {

/// How much it matters. `off` is no level of a record: as a bound it lets nothing pass.
enum class log_level {
    debug,
    info,
    warning,
    error,
    off,
};

/// What happened.
enum class log_event {
    connecting,             ///< debug. An attempt to reach a server begins.
    attempt_failed,         ///< warning. It failed: `error`, after `duration`.
    connected,              ///< info. A server gave a new session, `duration` after the attempt began.
    connected_read_only,    ///< warning. A server without a quorum gave a session for reads, likewise.
    writable_found,         ///< info. A server that takes writes was found: the client goes there.
    resumed,                ///< info. A server resumed the session, likewise.
    watches_rearmed,        ///< info. The watches on `count` paths are armed again there.
    connection_lost,        ///< warning. The connection broke: `error`, after `duration`. The session may live on.
    protocol_error,         ///< error. The same, or a failed handshake, over what the server sent: `error` names it.
    session_expired,        ///< warning. By word of a server or by the own clock: `error`.
    auth_refused,           ///< error. A server refused credentials; the client has given up.
    servers_behind,         ///< error. All servers close without a word: behind zxid `count`, which was seen, or none serves.
    unimplemented,          ///< warning. A server does not know requests of type `count`; they are not sent to it for an hour.
    batching_refused,       ///< info. A server dropped the connection over a batch of reads, as those before 3.6 do.
    overloaded,             ///< warning. The first request was refused; `count` wait or are under way.
    throttled,              ///< warning. A server has thrown `count` requests back; they are sent again after `duration`.
    closed,                 ///< info. The client has ended.
    close_timed_out,        ///< warning. It has ended, and no server has confirmed that its session has.
};

/// One record. There is one per change of state, none per request; and none has secrets: no credentials, no password of the
/// session, no data and no path.
struct log_record {
    log_level level = log_level::info;
    log_event event = log_event::connecting;
    std::string_view message;    ///< The event in words, always the same ones. It refers to constant text.
    session_id session = 0;      ///< 0: there is none.
    /// As in the connect string, with its port. Empty: it is about none, or about one that is off the list by now. Valid during
    /// the call.
    std::string_view server;
    error_code error;
    std::optional<std::chrono::nanoseconds> duration;
    std::optional<std::uint64_t> count;
};

/// Takes the records of a client, as `config::log`.
using log_sink = std::function<void(const log_record&)>;

/// The name of a level: "debug", "info", ...
const char* to_string(log_level l) noexcept;

/// The level of that name; none if there is no such level.
std::optional<log_level> parse_log_level(std::string_view name) noexcept;

/// One line for people, without level and without line break: "connected server=10.0.0.1:2181 session=0x1234 duration=1.2ms".
std::string to_string(const log_record& r);

}    // namespace muster::zk
