// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include <string>

namespace muster::zk {

/// How a user is proven to a server.
enum class sasl_mechanism {
    digest_md5,    ///< With a password, which the server has, too (`DigestLoginModule`).
    gssapi,        ///< With Kerberos (`Krb5LoginModule`).
};

/// Who the client's user is, proven with SASL on each connection before anything else is asked, where `config::sasl` is set.
/// `client::who_am_i` then names the user with the scheme `sasl`, which ACLs can name, too.
///
/// It takes a library built with Cyrus SASL (the meson feature `sasl`), and Cyrus SASL's plug-in for the mechanism: in Debian
/// `libsasl2-modules`, and `libsasl2-modules-gssapi-mit` for Kerberos. The server is proven as well: it has to know the password,
/// or to have the key of its principal. Nothing is encrypted by it: see `tls_options` for that.
///
/// Kerberos takes its tickets from where the environment of the process says: the credential cache (`KRB5CCNAME`), or a key
/// table from which it gets and renews them by itself (`KRB5_CLIENT_KTNAME`). Asking for them may take time, so each step is
/// taken on a thread of its own, one for each execution context. All of it counts in `config::connect_timeout`.
///
/// \par Errors
/// What is wrong when the client is made is thrown by its constructor: `boost::system::system_error` with
/// `client_errc::invalid_argument` and a message that names the member and what was expected, also where the library was built
/// without SASL.
///
/// A server that refuses the user (`server_errc::auth_failed`, `server_errc::session_closed_require_sasl_auth`,
/// `sasl_errc::refused`) or is refused by us (`sasl_errc::server_untrusted`), and a mechanism that is not there
/// (`sasl_errc::no_mechanism`), fail the attempt; `session_info::message` has the details. When that is final is told in
/// `tls_options`. A step that fails here for another reason (`sasl_errc::step_failed`), such as for want of a ticket, is tried
/// again as any attempt is: tickets are renewed from outside.
/// \par Object lifetimes
/// A value; the client keeps a copy.
struct sasl_options {
    sasl_mechanism mechanism = sasl_mechanism::digest_md5;

    /// Name of the user for DIGEST-MD5. Kerberos knows whose tickets it has.
    std::string user;

    /// The user's password for DIGEST-MD5. A secret: it is never shown.
    std::string password;

    /// Name of the service: the first part of the servers' Kerberos principals.
    std::string service = "zookeeper";

    /// What the servers call themselves. Empty: `zk-sasl-md5` for DIGEST-MD5, as all of Apache's do; for Kerberos the host as it
    /// is written in the connect string, which Kerberos makes canonical as `krb5.conf` says.
    std::string server_name;

    sasl_options() = default;    // not an aggregate: GCC 12 destroys aggregate temporaries in co_await expressions twice
};

}    // namespace muster::zk
