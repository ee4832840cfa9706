// Part of muster. Boost Software License 1.0, see LICENSE.
//
// The part of `client` that is about watches without a read. Include <muster/zk/client.hpp>.
#pragma once

#include <muster/detail/client_ref.hpp>
#include <muster/detail/initiate.hpp>
#include <muster/zk/error.hpp>
#include <muster/zk/types.hpp>
#include <muster/zk/watcher.hpp>

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/deferred.hpp>

#include <string>
#include <utility>

namespace muster::zk {

namespace asio = boost::asio;

namespace detail {

void start_add_watch(asio::any_completion_handler<void(error_code, watcher)> h, client_ref impl, std::string path,
                     add_watch_mode mode);
void start_check_watches(asio::any_completion_handler<void(error_code, bool)> h, client_ref impl, std::string path,
                         watch_type type);
void start_remove_watches(asio::any_completion_handler<void(error_code)> h, client_ref impl, std::string path);

}    // namespace detail

/// Operations of `client`, where the rules that they share are told.
template <class Client>
class watch_operations {
public:
    /// Watches a path until the watcher is destroyed. The znode need not exist. Servers before 3.6 do not know this request.
    ///
    /// It may be mixed with one-shot watches of the same path. But before 3.9 a server keeps one mode per path, and the one
    /// asked for last replaces the other (ZOOKEEPER-4466): do not watch a path in both modes of this request at the same time
    /// unless all servers are newer. Watching it recursively and another path below or above it is no such case.
    /// \par Completion signature
    /// `void(error_code, watcher)`
    template <BOOST_ASIO_COMPLETION_TOKEN_FOR(void(error_code, watcher)) Token = asio::deferred_t>
    auto add_watch(std::string path, add_watch_mode mode, Token&& token = Token{}) {
        return asio::async_initiate<Token, void(error_code, watcher)>(
            muster::detail::initiate<&detail::start_add_watch>{self().get_executor()}, token, self().impl_, std::move(path),
            mode);
    }

    /// Asks the server whether a path is watched. Servers before 3.9 do not distinguish whose watches they are. Those before
    /// 3.5 do not know this request.
    /// \par Completion signature
    /// `void(error_code, bool)`
    template <BOOST_ASIO_COMPLETION_TOKEN_FOR(void(error_code, bool)) Token = asio::deferred_t>
    auto check_watches(std::string path, watch_type type = watch_type::any, Token&& token = Token{}) {
        return asio::async_initiate<Token, void(error_code, bool)>(
            muster::detail::initiate<&detail::start_check_watches>{self().get_executor()}, token, self().impl_, std::move(path),
            type);
    }

    /// Ends all watchers of this path that this client has given out, of all kinds, with `client_errc::watch_ended`, and
    /// completes when the server has removed its watches. Destroying a watcher does that for the one alone; this is for
    /// whoever has to know that the server has done it. Watches of paths above, though they cover this one, stay.
    /// Servers before 3.5 do not know this request.
    /// \par Completion signature
    /// `void(error_code)`; success also if there was none. Who gives up after it was written may still find the watchers ended:
    /// they are once the server says that it has removed its watches.
    template <BOOST_ASIO_COMPLETION_TOKEN_FOR(void(error_code)) Token = asio::deferred_t>
    auto remove_watches(std::string path, Token&& token = Token{}) {
        return asio::async_initiate<Token, void(error_code)>(
            muster::detail::initiate<&detail::start_remove_watches>{self().get_executor()}, token, self().impl_, std::move(path));
    }

protected:
    watch_operations() = default;
    ~watch_operations() = default;
    watch_operations(const watch_operations&) = default;
    watch_operations& operator=(const watch_operations&) = default;

private:
    const Client& self() const noexcept { return static_cast<const Client&>(*this); }
};

}    // namespace muster::zk
