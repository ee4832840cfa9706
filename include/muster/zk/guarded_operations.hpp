// Part of muster. Boost Software License 1.0, see LICENSE.
//
// The part of `client` that finds out what became of a write whose reply was lost. Include <muster/zk/client.hpp>.
#pragma once

#include <muster/detail/client_ref.hpp>
#include <muster/detail/initiate.hpp>
#include <muster/zk/error.hpp>
#include <muster/zk/transaction.hpp>
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

namespace detail {

void start_create_protected(asio::any_completion_handler<void(error_code, create_result)> h, client_ref c, std::string path,
                            std::string data, create_options options);
void start_set_guarded(asio::any_completion_handler<void(error_code, stat)> h, client_ref c, std::string path, std::string data,
                       std::int32_t version);
void start_remove_guarded(asio::any_completion_handler<void(error_code)> h, client_ref c, std::string path, std::int32_t version);
void start_set_acl_guarded(asio::any_completion_handler<void(error_code, stat)> h, client_ref c, std::string path,
                           std::vector<acl> acls, std::int32_t version);

}    // namespace detail

/// Operations of `client`, where the rules that they share are told.
///
/// A write that was sent when the connection broke completes with `client_errc::connection_lost`: it may or may not have been
/// applied. These look on the next connection, behind a `sync`, and write again only if it was not. They take as long as it
/// takes to reach a server, unless they have a time (`client::with_timeout`), which is that of all their requests together:
/// with `client_errc::deadline_exceeded` nobody knows whether the write was applied.
/// \par Per-operation cancellation
/// Terminal, partial and total; between two of its requests, too. What was written by then may be applied.
template <class Client>
class guarded_operations {
public:
    /// Creates a znode under a name that tells it from all others, so that there is exactly one, whatever is lost: "_c_", a
    /// UUID and "-" before the name that was asked for. That is what Curator calls protection; its recipes, which look at what
    /// follows the prefix, take such znodes for theirs. An ephemeral one whose session ends before its outcome is known is made
    /// anew in the next session, under another UUID: what the former one has made goes with that.
    /// \par Completion signature
    /// `void(error_code, create_result)`. Where the outcome is unknown (`outcome_of`), `create_result::path` is the path with the
    /// prefix, to recognise what may have been created; in the sequential modes without the counter.
    /// \par Errors
    /// `client_errc::connection_lost` if the outcome cannot be found out: closed, no right to list the parent, or somebody
    /// deleted the znode, or its parent, meanwhile, or its session ended and is the last one
    /// (`config::session_renewal`). `client_errc::session_expired` only if nothing was applied.
    template <BOOST_ASIO_COMPLETION_TOKEN_FOR(void(error_code, create_result)) Token = asio::deferred_t>
    auto create_protected(std::string path, std::string data, create_options options = {}, Token&& token = Token{}) {
        return asio::async_initiate<Token, void(error_code, create_result)>(
            muster::detail::initiate<&detail::start_create_protected>{self().get_executor()}, token, self().impl_,
            std::move(path), std::move(data), std::move(options));
    }

    /// Replaces the data if the version matches. After a loss it succeeds if the version is the next one and the data is that
    /// which was to be written; if the version is still `version` it writes again. Versions begin anew with each znode: one that
    /// was created since the newest reply that the client had before the call may be another's, and is left alone. So it is
    /// where the caller knows the version from elsewhere and this client has not yet seen anything that is as new as the znode.
    ///
    /// With `any_version` it writes until it is told that it did: more than once, perhaps, and over what others wrote between,
    /// and in the next session if this one ends. Where an attempt after a loss is refused (somebody deleted the znode meanwhile,
    /// say), nobody knows whether one before it was applied: that is `client_errc::connection_lost`.
    /// \par Completion signature
    /// `void(error_code, stat)`
    /// \par Errors
    /// `server_errc::bad_version` as well if somebody else was first. `client_errc::connection_lost` if the outcome cannot be
    /// found out: closed, no right to read, or others have written or deleted the znode since, or created it anew.
    template <BOOST_ASIO_COMPLETION_TOKEN_FOR(void(error_code, stat)) Token = asio::deferred_t>
    auto set_guarded(std::string path, std::string data, std::int32_t version, Token&& token = Token{}) {
        return asio::async_initiate<Token, void(error_code, stat)>(
            muster::detail::initiate<&detail::start_set_guarded>{self().get_executor()}, token, self().impl_, std::move(path),
            std::move(data), version);
    }

    /// Deletes a znode without children if the version matches. After a loss it succeeds if there is none; if the version is
    /// still `version` it deletes again. One that was created since is left alone, as by `set_guarded`: the outcome is unknown.
    ///
    /// With `any_version` it deletes what is there: perhaps a znode that somebody else has created at the path meanwhile. What
    /// refuses an attempt after a loss is told as by `set_guarded`.
    /// \par Completion signature
    /// `void(error_code)`
    /// \par Errors
    /// As `set_guarded`.
    template <BOOST_ASIO_COMPLETION_TOKEN_FOR(void(error_code)) Token = asio::deferred_t>
    auto remove_guarded(std::string path, std::int32_t version, Token&& token = Token{}) {
        return asio::async_initiate<Token, void(error_code)>(
            muster::detail::initiate<&detail::start_remove_guarded>{self().get_executor()}, token, self().impl_, std::move(path),
            version);
    }

    /// Replaces the ACL if its version (`stat::aversion`) matches. After a loss it succeeds if the version is the next one and
    /// the ACL is that which was to be written, in whatever order; if the version is still `version` it writes again. A znode
    /// that was created since is left alone, and `any_version` is treated, as by `set_guarded`.
    ///
    /// Two things hide what was written: a server puts the identities of the connection in the place of scheme `auth`, and who
    /// may not administer under the new ACL is shown digests masked, or nothing. If nothing else tells them apart the outcome is
    /// unknown.
    /// \par Completion signature
    /// `void(error_code, stat)`
    /// \par Errors
    /// As `set_guarded`. `server_errc::invalid_acl` as `set_acl`.
    template <BOOST_ASIO_COMPLETION_TOKEN_FOR(void(error_code, stat)) Token = asio::deferred_t>
    auto set_acl_guarded(std::string path, std::vector<acl> acls, std::int32_t version, Token&& token = Token{}) {
        return asio::async_initiate<Token, void(error_code, stat)>(
            muster::detail::initiate<&detail::start_set_acl_guarded>{self().get_executor()}, token, self().impl_, std::move(path),
            std::move(acls), version);
    }

protected:
    guarded_operations() = default;
    ~guarded_operations() = default;
    guarded_operations(const guarded_operations&) = default;
    guarded_operations& operator=(const guarded_operations&) = default;

private:
    const Client& self() const noexcept { return static_cast<const Client&>(*this); }
};

}    // namespace muster::zk
