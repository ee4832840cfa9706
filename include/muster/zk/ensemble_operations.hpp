// Part of muster. Boost Software License 1.0, see LICENSE.
//
// The part of `client` that is about the servers of the ensemble. Include <muster/zk/client.hpp>.
#pragma once

#include <muster/detail/client_ref.hpp>
#include <muster/detail/initiate.hpp>
#include <muster/zk/error.hpp>
#include <muster/zk/transaction.hpp>
#include <muster/zk/types.hpp>
#include <muster/zk/watcher.hpp>

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/deferred.hpp>

#include <cstdint>
#include <string>
#include <utility>

namespace muster::zk {

namespace asio = boost::asio;

/// A change of the ensemble's members: either some that join or leave, or all members anew.
struct reconfiguration {
    std::string joining;        ///< Such as "server.4=host:2888:3888;2181", separated by commas. Empty: nobody.
    std::string leaving;        ///< Numbers of servers, separated by commas. Empty: nobody.
    std::string new_members;    ///< All that are to be members, as in `joining`. Empty: an incremental change.
    /// The configuration must have this version (`version=` in what `get_config` reads, a hexadecimal number). -1: any.
    std::int64_t from_version = -1;

    reconfiguration() = default;
};

namespace detail {

void start_reconfig(asio::any_completion_handler<void(error_code, get_result)> h, client_ref impl, reconfiguration change);

}    // namespace detail

/// Operations of `client`, where the rules that they share are told.
template <class Client>
class ensemble_operations {
public:
    /// Path of the znode with the ensemble's configuration. It is the same for all: no chroot applies to it.
    static constexpr const char* config_path = "/zookeeper/config";

    /// Reads the ensemble's configuration: a line "server.N=host:port:port:role;host:port" for each member, and
    /// "version=" with a hexadecimal number. A standalone server keeps none: its data is empty.
    /// \par Completion signature
    /// `void(error_code, get_result)`
    template <BOOST_ASIO_COMPLETION_TOKEN_FOR(void(error_code, get_result)) Token = asio::deferred_t>
    auto get_config(Token&& token = Token{}) {
        return static_cast<Client&>(*this).get(config_path, std::forward<Token>(token));
    }

    /// As `get_config`, and watches for the next change of the configuration.
    /// \par Completion signature
    /// `void(error_code, get_result, watcher)`
    template <BOOST_ASIO_COMPLETION_TOKEN_FOR(void(error_code, get_result, watcher)) Token = asio::deferred_t>
    auto get_config_and_watch(Token&& token = Token{}) {
        return static_cast<Client&>(*this).get_and_watch(config_path, std::forward<Token>(token));
    }

    /// Changes the members of the ensemble and gives the new configuration. It takes a server with `reconfigEnabled=true`
    /// and the right to administer `/zookeeper/config`. It is never repeated by itself.
    /// \par Completion signature
    /// `void(error_code, get_result)`
    /// \par Errors
    /// `server_errc::{reconfig_disabled, reconfig_in_progress, new_config_no_quorum, bad_arguments, bad_version, no_auth}`;
    /// `server_errc::unimplemented` by a standalone server.
    template <BOOST_ASIO_COMPLETION_TOKEN_FOR(void(error_code, get_result)) Token = asio::deferred_t>
    auto reconfig(reconfiguration change, Token&& token = Token{}) {
        const Client& self = static_cast<const Client&>(*this);
        return asio::async_initiate<Token, void(error_code, get_result)>(
            muster::detail::initiate<&detail::start_reconfig>{self.get_executor()}, token, self.impl_, std::move(change));
    }

protected:
    ensemble_operations() = default;
    ~ensemble_operations() = default;
    ensemble_operations(const ensemble_operations&) = default;
    ensemble_operations& operator=(const ensemble_operations&) = default;
};

}    // namespace muster::zk
