// Part of muster. Boost Software License 1.0, see LICENSE.
//
// Errors of the ZooKeeper client: one enum and category per origin.
#pragma once

#include <boost/system/error_category.hpp>
#include <boost/system/error_code.hpp>
#include <boost/system/is_error_code_enum.hpp>

#include <cstdint>
#include <type_traits>

namespace muster {
using error_code = boost::system::error_code;
}

namespace muster::zk {

/// What the server said. The values are those of the wire.
enum class server_errc : std::int32_t {
    system_error = -1,                          ///< The server failed inside.
    runtime_inconsistency = -2,                 ///< In a failed multi: this operation was not reached.
    data_inconsistency = -3,                    ///< The server found its data inconsistent.
    connection_loss = -4,                       ///< Reserved for clients; of servers, only some that are not Apache's send it.
    marshalling_error = -5,                     ///< The server could not read the request.
    unimplemented = -6,                         ///< The server does not know this operation.
    operation_timeout = -7,                     ///< The server did not finish in time, and may still. Apache's never say so.
    bad_arguments = -8,                         ///< Arguments are invalid.
    unknown_session = -12,                      ///< The session does not exist.
    new_config_no_quorum = -13,                 ///< No quorum of the new configuration is connected.
    reconfig_in_progress = -14,                 ///< Another reconfiguration is under way.
    api_error = -100,                           ///< Base of the errors that follow.
    no_node = -101,                             ///< The znode does not exist.
    no_auth = -102,                             ///< The ACL does not permit it.
    bad_version = -103,                         ///< The version did not match.
    no_children_for_ephemerals = -108,          ///< An ephemeral znode cannot have children.
    node_exists = -110,                         ///< The znode exists already.
    not_empty = -111,                           ///< The znode has children.
    session_expired = -112,                     ///< The session is over.
    invalid_callback = -113,                    ///< Reserved for clients.
    invalid_acl = -114,                         ///< The ACL is empty or malformed.
    auth_failed = -115,                         ///< Authentication failed.
    session_moved = -118,                       ///< The session moved to another server.
    not_read_only = -119,                       ///< A write reached a read-only server.
    ephemeral_on_local_session = -120,          ///< A local session cannot create ephemerals.
    no_watcher = -121,                          ///< There is no such watch to remove.
    request_timeout = -122,                     ///< Reserved for clients.
    reconfig_disabled = -123,                   ///< Reconfiguration is switched off.
    session_closed_require_sasl_auth = -124,    ///< The server insists on SASL.
    quota_exceeded = -125,                      ///< A hard quota is exhausted.
    throttled = -127,                           ///< The server is overloaded, and has not applied it: see `config::max_retries`.
};

/// What the client decided. `timed_out`, `deadline_exceeded` and `deadline_exceeded_unsent` equal
/// `boost::system::errc::timed_out`.
enum class client_errc {
    /// The connection broke after the request was written and before its reply came: it may or may not have been applied.
    connection_lost = 1,
    /// The connection broke, or the client gave up, before the request was written: it was not applied.
    not_sent,
    /// The session ended before the request was written: it was not applied.
    session_expired,
    /// The client is closed. The request was not sent.
    closed,
    /// The path is not a legal ZooKeeper path.
    invalid_path,
    /// An argument is out of its range.
    invalid_argument,
    /// The connect string cannot be parsed.
    invalid_connect_string,
    /// The request is larger than the server accepts (`config::max_frame`). It was not sent.
    request_too_large,
    /// No server answered within `config::close_timeout`, so the session could not be closed; it will expire.
    close_timed_out,
    /// The watch ended: it fired (one-shot watches), or its subscription was destroyed.
    watch_ended,
    /// No server answered in time: a connection attempt took too long, or a connection was silent (`session_info::last_error`).
    timed_out,
    /// The client leaves its server for another one of a list that has changed (`client::set_servers`).
    moving,
    /// As many requests as the client takes wait or are under way (`config::max_requests`, `config::max_request_bytes`). This
    /// one was not sent.
    overloaded,
    /// The request took longer than it was given (`client::with_timeout`, `config::operation_timeout`), and was written before:
    /// it may or may not have been applied.
    deadline_exceeded,
    /// The same, before it was written, or after an overloaded server has thrown it back: it was not applied.
    deadline_exceeded_unsent,
};

/// What the peer sent that the protocol forbids. The connection is dropped and the next server tried, but for a reply that is no
/// more than too large (`config::max_reply`).
enum class protocol_errc {
    truncated = 1,       ///< A record ends in the middle of a field.
    bad_length,          ///< A length or count is negative or exceeds what is there.
    frame_too_large,     ///< A frame is larger than the limit.
    xid_out_of_order,    ///< A reply does not answer the oldest request.
    unexpected_reply,    ///< A reply came although nothing was asked.
    bad_multi,           ///< A multi's headers contradict each other.
    bad_handshake,       ///< The connect response is malformed.
};

/// What went wrong with TLS. `session_info::message` has the details. The attempt failed, and the next server is tried; for when
/// that is given up, see `tls_options`.
enum class tls_errc {
    files_unusable = 1,            ///< A file of `tls_options` is missing or wrong since the client was made.
    handshake_failed,              ///< Both sides could not agree, or one violated the protocol.
    not_tls,                       ///< The server does not speak TLS on this port, or ended the connection in the handshake.
    certificate_untrusted,         ///< No trusted authority has signed the server's certificate.
    certificate_expired,           ///< The server's certificate, or one above it, has expired.
    certificate_not_yet_valid,     ///< The server's certificate, or one above it, becomes valid later.
    certificate_invalid,           ///< The server's certificate is unacceptable for another reason.
    wrong_host_name,               ///< The server's certificate is for other hosts.
    client_certificate_missing,    ///< The server insists on a certificate of the client, which has none.
    client_certificate_refused,    ///< The server does not accept the client's certificate.
};

/// What went wrong with SASL. `session_info::message` has the details. The attempt failed, and the next server is tried; for when
/// that is given up, see `sasl_options`.
enum class sasl_errc {
    no_mechanism = 1,    ///< The mechanism is not installed here.
    step_failed,         ///< The mechanism could not go on: there is no ticket, the KDC is not there, the server's word makes no
                         ///< sense.
    refused,             ///< The server ended the exchange without a word: it does not use SASL, or lets anybody in.
    server_untrusted,    ///< The server could not prove that it knows the password.
};

/// What is known about a request that completed with an error.
enum class outcome {
    not_sent,    ///< It never left this process.
    rejected,    ///< The server read it and refused; it was not applied.
    unknown,     ///< It may or may not have been applied.
};

/// Tells what became of the request that completed with `ec`. `asio::error::operation_aborted` (cancelled) is `unknown`.
outcome outcome_of(const error_code& ec) noexcept;

/// The category of each of these enums, for what an `error_code` is asked and compared with.
const boost::system::error_category& server_category() noexcept;
const boost::system::error_category& client_category() noexcept;
const boost::system::error_category& protocol_category() noexcept;
const boost::system::error_category& tls_category() noexcept;
const boost::system::error_category& sasl_category() noexcept;

error_code make_error_code(server_errc e) noexcept;
error_code make_error_code(client_errc e) noexcept;
error_code make_error_code(protocol_errc e) noexcept;
error_code make_error_code(tls_errc e) noexcept;
error_code make_error_code(sasl_errc e) noexcept;

}    // namespace muster::zk

template <>
struct boost::system::is_error_code_enum<muster::zk::server_errc> : std::true_type {};
template <>
struct boost::system::is_error_code_enum<muster::zk::client_errc> : std::true_type {};
template <>
struct boost::system::is_error_code_enum<muster::zk::protocol_errc> : std::true_type {};
template <>
struct boost::system::is_error_code_enum<muster::zk::tls_errc> : std::true_type {};
template <>
struct boost::system::is_error_code_enum<muster::zk::sasl_errc> : std::true_type {};
