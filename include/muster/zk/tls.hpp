// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include <string>

namespace muster::zk {

/// Versions of TLS.
enum class tls_version { v1_2, v1_3 };

/// How a client secures its connections with TLS, where `config::tls` is set. Each connection begins with TLS then, on the port
/// that the connect string says: the servers' `secureClientPort`, or one that unifies both.
///
/// Files are PEM. They are read when the client is made, and again by the first connection attempt after any of them has
/// changed, so certificates can be replaced without a restart; a connection that stands is left alone. Reading is done on the
/// client's executor: the files are small.
///
/// The handshake counts in `config::connect_timeout`. When a connection is closed the server is told if that is possible at once.
///
/// \par Errors
/// What is wrong when the client is made is thrown by its constructor: `boost::system::system_error` with
/// `client_errc::invalid_argument` and a message that names the member, its value, and what was expected. Files that are wrong
/// later, such as half-written ones, fail the attempt with `tls_errc::files_unusable`, which is retried as any other.
///
/// A server that cannot prove who it is, or that refuses the client's certificate, fails the attempt with the `tls_errc` that
/// says so; `session_info::message` has the details. The client goes on to the next server. Once the last attempt at every
/// server of the connect string has ended so, and there is no session that could be saved, it gives up for good:
/// `session_state::auth_failed`, told once, and all requests complete with that error. While there is a session the client keeps
/// on trying until it has expired, since whoever replaces certificates may replace them one by one. A name that stands for
/// several addresses counts as one server: it has failed so when all were tried, in one attempt or in several that ended so one
/// after the other, and one of them ended so.
/// \par Object lifetimes
/// A value; the client keeps a copy.
struct tls_options {
    /// Certificates of the authorities that are trusted. With neither this nor `ca_path`: those that the system trusts.
    std::string ca_file;

    /// A folder with more of them, each in a file named by its hash, as `openssl rehash` does it. They count as changed files,
    /// too, as do those of the system.
    std::string ca_path;

    /// The client's own certificate, followed by those of the intermediate authorities, for servers that ask for one
    /// (`ssl.clientAuth`). Empty: the client has none. Needs `private_key_file`.
    std::string certificate_chain_file;

    /// Private key of the client's own certificate. May be the same file.
    std::string private_key_file;

    /// What the private key is encrypted with; empty where it is not. A secret: it is never shown.
    std::string key_password;

    /// Whether the server must have a certificate that a trusted authority has signed. Without, anybody can pose as the server.
    bool verify_peer = true;

    /// Whether that certificate must be for the host as it is written in the connect string, name or address, or for
    /// `server_name`. Not looked at without `verify_peer`.
    bool verify_host_name = true;

    /// The name to ask for (SNI) and to verify instead of that in the connect string, for all of its servers. For connect strings
    /// of addresses, where the certificates are for a name.
    std::string server_name;

    /// The oldest version that is spoken.
    tls_version min_version = tls_version::v1_2;

    tls_options() = default;    // not an aggregate: GCC 12 destroys aggregate temporaries in co_await expressions twice
};

}    // namespace muster::zk
