// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include <muster/custom_policy.hpp>
#include <muster/detail/initiate.hpp>
#include <muster/error.hpp>
#include <muster/filter.hpp>
#include <muster/lease.hpp>
#include <muster/policy.hpp>

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace muster {

namespace asio = boost::asio;

/// How one pick chooses. What is not set is the balancer's, or the picker's, default.
struct pick_options {
    std::optional<muster::policy> policy;
    custom_policy custom;    ///< A policy of your own. Not empty: `policy` is not asked.
    std::optional<muster::pool> pool;
    filter_chain filters;                             ///< Among which of the pool; empty: those of the balancer.
    std::string key;                                  ///< For hash policies: what is hashed. Others ignore it.
    tried_set exclude;                                ///< Instances to pass over; all tried: see `lease::last_chance`.
    std::optional<std::chrono::milliseconds> wait;    ///< How long to wait for an instance. 0: not at all.

    pick_options() = default;    // not an aggregate: GCC 12 destroys aggregate temporaries in co_await expressions twice
};

namespace detail {
struct picker_impl;
}

/// Picks from one service with one policy and pool, without a lock.
/// \par Executor
/// Handlers are posted to their associated executor, else to `get_executor()`; they are never called inline. What gives an
/// `asio::awaitable` goes on where that is awaited.
/// \par Thread safety
/// Distinct objects: safe, copies included. Same object: unsafe; use one per thread.
/// \par Object lifetimes
/// May outlive its balancer; picks then give `registry_errc::closed`. Moved from, it can only be assigned or destroyed.
class picker {
public:
    using executor_type = asio::any_io_executor;

    /// \private
    explicit picker(std::shared_ptr<detail::picker_impl> impl) noexcept;
    picker(const picker& o);
    picker(picker&&) noexcept;
    picker& operator=(const picker& o);
    picker& operator=(picker&&) noexcept;
    ~picker();

    /// Executor of the balancer that made it.
    executor_type get_executor() const noexcept;

    /// Picks one instance now. `key` is for hash policies; others ignore it.
    /// \par Errors
    /// An empty lease, and `ec` set to `registry_errc::{unknown_service, no_instances, no_master, key_required, closed}`, or,
    /// with the `health_params` for it, `registry_errc::{all_ejected, recovering}`; with a custom policy
    /// `registry_errc::policy_failed` and those of its own.
    lease try_pick(error_code& ec, std::string_view key = {}) noexcept;

    /// The same, one that is not in `exclude`; if all are, one that is, and `lease::last_chance()` says so. Hash policies give
    /// the next instance for the key, the same on every client.
    lease try_pick(error_code& ec, std::string_view key, const tried_set& exclude) noexcept;

    /// The same; throws `boost::system::system_error`.
    lease try_pick(std::string_view key = {});

    /// Picks one instance; waits for one up to the picker's `wait`. Where there is one, the call picks it, and `co_await` does
    /// not suspend; else the wait begins with `co_await`. The call does not keep `key`: a wait has a copy.
    /// \par Errors
    /// As `balancer::pick`, thrown as `boost::system::system_error`.
    /// \par Per-operation cancellation
    /// Terminal, partial, total: no side effect, the waiter is removed.
    asio::awaitable<lease> pick(std::string_view key = {});

    /// The same for any completion token.
    /// \par Completion signature
    /// `void(error_code, lease)`; on an error the lease is empty.
    /// \par Errors
    /// Those above, given to the handler.
    /// \par Per-operation cancellation
    /// Terminal, partial, total: no side effect, the waiter is removed.
    template <BOOST_ASIO_COMPLETION_TOKEN_FOR(void(error_code, lease)) Token>
    auto pick(std::string key, Token&& token) {
        return asio::async_initiate<Token, void(error_code, lease)>(detail::initiate<&picker::start_pick>{get_executor()}, token,
                                                                    impl_, std::move(key));
    }

private:
    static void start_pick(asio::any_completion_handler<void(error_code, lease)> h, std::shared_ptr<detail::picker_impl> impl,
                           std::string key);

    std::shared_ptr<detail::picker_impl> impl_;    // shared with picks under way, never with another picker
};

}    // namespace muster
