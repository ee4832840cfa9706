// Part of muster. Boost Software License 1.0, see LICENSE.
//
// The part of `client` that is about who may do what. Include <muster/zk/client.hpp>.
#pragma once

#include <muster/detail/client_ref.hpp>
#include <muster/detail/initiate.hpp>
#include <muster/zk/error.hpp>
#include <muster/zk/types.hpp>

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/deferred.hpp>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace muster::zk {

namespace asio = boost::asio;

/// What a read of an ACL gave.
struct acl_result {
    std::vector<acl> acls;    ///< Without the right to administer, ids of scheme `digest` come masked, as "user:x".
    zk::stat stat;

    acl_result() = default;
};

/// Whom a server takes the connection for.
struct identity {
    std::string scheme;
    std::string user;    ///< Without secrets: of `digest` the name only.

    identity() = default;
    identity(std::string scheme_, std::string user_) : scheme(std::move(scheme_)), user(std::move(user_)) {}

    friend bool operator==(const identity&, const identity&) = default;
};

namespace detail {

void start_get_acl(asio::any_completion_handler<void(error_code, acl_result)> h, client_ref impl, std::string path);
void start_set_acl(asio::any_completion_handler<void(error_code, stat)> h, client_ref impl, std::string path,
                   std::vector<acl> acls, std::int32_t version);
void start_add_auth(asio::any_completion_handler<void(error_code)> h, client_ref impl, std::string scheme,
                    std::string credentials);
void start_who_am_i(asio::any_completion_handler<void(error_code, std::vector<identity>)> h, client_ref impl);

}    // namespace detail

/// Operations of `client`, where the rules that they share are told.
template <class Client>
class access_operations {
public:
    /// Reads the ACL of a znode.
    /// \par Completion signature
    /// `void(error_code, acl_result)`
    template <BOOST_ASIO_COMPLETION_TOKEN_FOR(void(error_code, acl_result)) Token = asio::deferred_t>
    auto get_acl(std::string path, Token&& token = Token{}) {
        return asio::async_initiate<Token, void(error_code, acl_result)>(
            muster::detail::initiate<&detail::start_get_acl>{self().get_executor()}, token, self().impl_, std::move(path));
    }

    /// Replaces the ACL of a znode, if the version of the ACL (`stat::aversion`) matches. It does not extend to children.
    /// \par Completion signature
    /// `void(error_code, stat)`
    /// \par Errors
    /// `server_errc::invalid_acl` for an empty list, and for `auth` where the connection has no identity.
    template <BOOST_ASIO_COMPLETION_TOKEN_FOR(void(error_code, stat)) Token = asio::deferred_t>
    auto set_acl(std::string path, std::vector<acl> acls, std::int32_t version = any_version, Token&& token = Token{}) {
        return asio::async_initiate<Token, void(error_code, stat)>(
            muster::detail::initiate<&detail::start_set_acl>{self().get_executor()}, token, self().impl_, std::move(path),
            std::move(acls), version);
    }

    /// Adds an identity to those of the session: for scheme `digest`, `credentials` are "user:password". Requests made later
    /// have it. The client keeps the credentials and shows them to every server it connects to, ahead of everything else,
    /// also when the session was replaced. They are sent as they are, readable for all on the way where the connection is not
    /// encrypted, and appear in no log and no error.
    ///
    /// Where a server refuses credentials the client gives up for good: the state becomes `session_state::auth_failed`, once,
    /// and all that is or will be asked completes with `server_errc::auth_failed`, except for requests that were written
    /// before, which complete with `client_errc::connection_lost`.
    /// \par Completion signature
    /// `void(error_code)`
    /// \par Errors
    /// `server_errc::auth_failed`: wrong, or a scheme that the server does not have.
    /// \par Per-operation cancellation
    /// As for all operations; credentials that were written and are accepted are kept.
    template <BOOST_ASIO_COMPLETION_TOKEN_FOR(void(error_code)) Token = asio::deferred_t>
    auto add_auth(std::string scheme, std::string credentials, Token&& token = Token{}) {
        return asio::async_initiate<Token, void(error_code)>(
            muster::detail::initiate<&detail::start_add_auth>{self().get_executor()}, token, self().impl_, std::move(scheme),
            std::move(credentials));
    }

    /// Asks whom the server takes this client for: by its address, and by the credentials that were added. Servers before 3.7
    /// do not know this request.
    /// \par Completion signature
    /// `void(error_code, std::vector<identity>)`
    template <BOOST_ASIO_COMPLETION_TOKEN_FOR(void(error_code, std::vector<identity>)) Token = asio::deferred_t>
    auto who_am_i(Token&& token = Token{}) {
        return asio::async_initiate<Token, void(error_code, std::vector<identity>)>(
            muster::detail::initiate<&detail::start_who_am_i>{self().get_executor()}, token, self().impl_);
    }

protected:
    access_operations() = default;
    ~access_operations() = default;
    access_operations(const access_operations&) = default;
    access_operations& operator=(const access_operations&) = default;

private:
    const Client& self() const noexcept { return static_cast<const Client&>(*this); }
};

}    // namespace muster::zk
