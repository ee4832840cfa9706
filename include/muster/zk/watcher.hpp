// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include <muster/detail/initiate.hpp>
#include <muster/zk/error.hpp>
#include <muster/zk/types.hpp>

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/deferred.hpp>

#include <memory>

namespace muster::zk {

namespace asio = boost::asio;

namespace detail {
class subscription;
}

/// One subscription to the events of a path, as the client's `..._and_watch` and `add_watch` give it.
///
/// A one-shot watch gives one event and then ends. A persistent one gives events until it is destroyed or the session
/// expires; after every reconnection it gives `event_type::resync`, since the server does not repeat what was missed.
/// Unread events are kept; a persistent watcher with more than 10 000 of them, or more than 4 MiB of their paths, forgets them
/// and gives `resync` instead.
/// \par Executor
/// Handlers are posted to their associated executor, else to `get_executor()`; they are never called inline.
/// \par Thread safety
/// Distinct objects: safe. Same object: unsafe.
/// \par Object lifetimes
/// Destroying a watcher ends a pending `next` with `client_errc::watch_ended` and ends the subscription. Subscriptions of a path
/// share one watch at the server, which is removed there once none of them is left. An empty watcher (default constructed
/// or moved from) has none.
class watcher {
public:
    watcher() noexcept;
    /// \private
    explicit watcher(std::shared_ptr<detail::subscription> s) noexcept;
    watcher(watcher&&) noexcept;
    watcher& operator=(watcher&&) noexcept;
    ~watcher();

    /// True if there is a subscription.
    explicit operator bool() const noexcept { return sub_ != nullptr; }

    /// Executor of the client that made it. Precondition: `*this` is not empty.
    asio::any_io_executor get_executor() const noexcept;

    /// Waits for the next event. One call at a time. Precondition: `*this` is not empty.
    /// \par Completion signature
    /// `void(error_code, watch_event)`
    /// \par Errors
    /// `client_errc::watch_ended` after the last event; `client_errc::{session_expired, closed}`, or the error with
    /// which the client has given up (`session_info::last_error`), when the session ended;
    /// `client_errc::invalid_argument` for a second call while one waits; `asio::error::operation_aborted`.
    /// \par Per-operation cancellation
    /// Terminal, partial, total: no event is lost.
    template <BOOST_ASIO_COMPLETION_TOKEN_FOR(void(error_code, watch_event)) Token = asio::deferred_t>
    auto next(Token&& token = Token{}) {
        return asio::async_initiate<Token, void(error_code, watch_event)>(
            muster::detail::initiate<&watcher::start_next>{get_executor()}, token, sub_);
    }

private:
    static void start_next(asio::any_completion_handler<void(error_code, watch_event)> h,
                           std::shared_ptr<detail::subscription> s);

    std::shared_ptr<detail::subscription> sub_;
};

}    // namespace muster::zk
