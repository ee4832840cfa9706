// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include <muster/detail/initiate.hpp>
#include <muster/error.hpp>
#include <muster/instance.hpp>
#include <muster/zk/client.hpp>

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/deferred.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace muster {

namespace asio = boost::asio;

/// What a registrar keeps registered, and how.
struct registration {
    std::string service;                     ///< Name of the service. Required: one path component.
    muster::instance instance;               ///< What is published. Required: see `validate(instance)`.
    std::string prefix = "micro-service";    ///< First component of the path; relative to the client's chroot.

    /// Delay before a normal tries to become master, for each normal that registered before it. Spreads the attempts.
    std::chrono::milliseconds promotion_step{30};

    /// Back-off after an attempt that failed: doubles from `retry_min` to `retry_max`, drawn uniformly from 0 to that bound.
    std::chrono::milliseconds retry_min{50};
    std::chrono::milliseconds retry_max{5'000};

    registration() = default;
    registration(std::string service_, muster::instance instance_)
        : service(std::move(service_)), instance(std::move(instance_)) {}
};

/// Where a registration stands.
struct registration_status {
    muster::role role = muster::role::none;    ///< `none` while not registered, and from `close()` on.
    std::uint64_t version = 0;                 ///< Grows with every change of this value, but for `session.safe_until`.
    std::string path;                          ///< Of the own znode; empty while not registered.
    zk::zxid czxid = 0;                        ///< Transaction that created the own znode; of a master, its fencing token.
    /// Session that owns it. A master acts only before `session.safe_until`, which moves on whenever a server answers: not by a
    /// value that was kept, but by `registrar::may_act_as_master` before each act. What neither can exclude is told there.
    zk::session_info session;
    /// Number among those that ever registered for the service, from the name of its znode (`normal0000000007`: 7); kept when it
    /// becomes master, 0 for one that was master from the start, none before it is registered. See
    /// `balancer::set_subset_client`.
    std::optional<std::uint64_t> ordinal;
    std::uint64_t registrations = 0;    ///< Times a znode was created for this instance, promotions included.
    bool closed = false;                ///< Closing has ended: all is removed, or the client has ended.
    /// Why the last attempt failed, also while registered (an update, a promotion); success once nothing is left to do.
    error_code last_error;
    std::string message;    ///< The same in words, with the value or file it is about if there is one; else empty.
};

class registrar;

namespace detail {
class registrar_impl;
registrar make_registrar(zk::client client, registration r, bool own_session);
}    // namespace detail

/// Keeps one instance of a service registered for as long as it lives, and takes part in the election of the master.
///
/// The first instance becomes master, the others are normals; when the master goes, the normal that has been registered
/// longest takes its place. The registration survives lost connections without a write; it is made anew after the session
/// expired and repaired when somebody else deletes its znode. Where the client does not renew its session
/// (`zk::config::session_renewal`), the registrar ends with it, and `registration_status::{closed, last_error}` tell.
/// \par Executor
/// Handlers are posted to their associated executor, else to `get_executor()`; they are never called inline.
/// \par Thread safety
/// Distinct objects: safe. Same object: safe, except for assignment and destruction.
/// \par Object lifetimes
/// Destroyed without `close()`, it stops keeping the registration; a session of its own is dropped, and its znode disappears
/// when that expires. A session shared with others keeps the znode: call `close()`.
///
/// Destroyed while it closes, it goes on with that. Once `zk::config::close_timeout` is over, a session of its own is dropped.
/// On a shared one it goes on until the znode is gone, but does not keep the client any more: it ends when that is closed, or
/// when nobody else has a copy of it.
class registrar {
public:
    using executor_type = asio::any_io_executor;

    /// A registrar with a session of its own. `close()` ends that session, which removes exactly what it owns.
    registrar(asio::any_io_executor ex, zk::config cfg, registration r);

    template <class Context>
    requires requires(Context& c) { asio::any_io_executor(c.get_executor()); }
    registrar(Context& ctx, zk::config cfg, registration r)
        : registrar(asio::any_io_executor(ctx.get_executor()), std::move(cfg), std::move(r)) {}

    /// A registrar on a session that it shares. `close()` deletes the znode after checking that it is its own. Somebody who
    /// deletes the master's znode by hand and lets another become master between that check and the deletion defeats it;
    /// a session of its own has no such gap. Several registrars of one service may share one session, if their instances have
    /// different identities: where the session does not tell whose a znode is, its data does. If somebody else overwrites that
    /// before the registrar has seen what came of a creation whose reply was lost, the znode stands until the session ends.
    registrar(zk::client client, registration r);

    registrar(registrar&&) noexcept;
    registrar& operator=(registrar&&) noexcept;
    ~registrar();

    /// The executor that it was made with, or that of the client.
    executor_type get_executor() const noexcept;

    /// Registers, and goes on trying until that succeeded. Completes once the znode stands.
    /// \par Completion signature
    /// `void(error_code)`
    /// \par Errors
    /// At once: `registry_errc::{invalid_name, invalid_instance}`; `status().message` tells the value and what was expected.
    /// `registry_errc::closed`. `registry_errc::no_chroot` if the chroot of the connect string does not exist; it goes on trying,
    /// in case somebody creates it. What the client gave up for (`session_state::auth_failed`), or
    /// `zk::client_errc::session_expired` if it does not renew its session. `asio::error::operation_aborted`.
    /// Other problems with ZooKeeper are no errors of this call: they are retried and shown in `status().last_error`.
    /// \par Per-operation cancellation
    /// Terminal, partial, total: the caller stops waiting, registering goes on until `close()`.
    template <BOOST_ASIO_COMPLETION_TOKEN_FOR(void(error_code)) Token = asio::deferred_t>
    auto start(Token&& token = Token{}) {
        return asio::async_initiate<Token, void(error_code)>(detail::initiate<&registrar::start_start>{get_executor()}, token,
                                                             impl_);
    }

    /// Where the registration stands now.
    registration_status status() const;

    /// What this instance is for its service, as far as is known. Where ZooKeeper is out of reach it stays `master` while
    /// another is elected: not enough to act on.
    muster::role role() const { return status().role; }

    /// True if it is master and its session lives, as far as a client can know: see `zk::session_info::safe_until`. To be asked
    /// before each act as master. Another can be master all the same, until this one hears of it, where
    /// - somebody has deleted the znode by hand,
    /// - another process registers the same identity, which takes the place of this one over,
    /// - the server that answers this client is cut off from its leader, or the leader hangs, and the session is ended meanwhile.
    ///
    /// Certain is only the fencing token: each act carries `status().czxid` along, and what is acted on refuses those that are
    /// older than the newest it has seen.
    bool may_act_as_master() const;

    /// Waits until `status().version` is greater than `seen` and gives the latest value.
    /// \par Completion signature
    /// `void(error_code, registration_status)`. When `close()` begins the role goes, if there is one; once closing has ended it
    /// completes at once, with `closed` set.
    /// \par Errors
    /// `asio::error::operation_aborted`
    /// \par Per-operation cancellation
    /// Terminal, partial, total: no side effect.
    template <BOOST_ASIO_COMPLETION_TOKEN_FOR(void(error_code, registration_status)) Token = asio::deferred_t>
    auto status_change(std::uint64_t seen, Token&& token = Token{}) {
        return asio::async_initiate<Token, void(error_code, registration_status)>(
            detail::initiate<&registrar::start_status_change>{get_executor()}, token, impl_, seen);
    }

    /// Publishes other data for the same instance, in place. Completes once ZooKeeper has it; a later update replaces an
    /// earlier one that is still waiting, and both complete together. With another identity it is another instance for
    /// balancers: one is removed, and one added.
    /// \par Completion signature
    /// `void(error_code)`
    /// \par Errors
    /// `registry_errc::{invalid_instance, closed}`; `asio::error::operation_aborted`. Problems with ZooKeeper are retried, as by
    /// `start`, and shown in `status().last_error`.
    /// \par Per-operation cancellation
    /// Terminal, partial, total: the caller stops waiting, the update goes on.
    template <BOOST_ASIO_COMPLETION_TOKEN_FOR(void(error_code)) Token = asio::deferred_t>
    auto update(muster::instance i, Token&& token = Token{}) {
        return asio::async_initiate<Token, void(error_code)>(detail::initiate<&registrar::start_update>{get_executor()}, token,
                                                             impl_, std::move(i));
    }

    /// Asks for no more work: publishes the same data with the `state` `draining`. Balancers then pick others, where there are
    /// any, and tell who holds connections (`balancer::until_draining`). Completes once ZooKeeper has it; when the work that is
    /// under way is done, `close()`. A master stays master, and is lent as master, until then.
    /// \par Completion signature
    /// `void(error_code)`
    /// \par Errors
    /// `registry_errc::{invalid_instance, closed}`; `asio::error::operation_aborted`. Problems with ZooKeeper are retried, as by
    /// `start`, and shown in `status().last_error`.
    /// \par Per-operation cancellation
    /// Terminal, partial, total: the caller stops waiting, draining goes on.
    template <BOOST_ASIO_COMPLETION_TOKEN_FOR(void(error_code)) Token = asio::deferred_t>
    auto drain(Token&& token = Token{}) {
        return asio::async_initiate<Token, void(error_code)>(detail::initiate<&registrar::start_drain>{get_executor()}, token,
                                                             impl_);
    }

    /// Removes the registration for good; it wins over any re-registration under way. Completes when the znode is gone, and what
    /// a former session may have left: one that the client has given up by its own clock can live on at the servers. The role is
    /// `none` from the call on: another instance can be master before this completes.
    ///
    /// What cannot be removed within `zk::config::close_timeout`, since no server answers, depends on the session:
    /// - With a session of its own, what a former one has left is removed first, and then the session is ended, each within that
    ///   time. If the session cannot be ended, the client ends without: its znode disappears when the session expires, and that
    ///   is final. If what is left by a former one cannot be removed, removing goes on, and the session ends thereafter.
    /// - On a shared session the znode would stand for as long as that lives: removing goes on until it is done or the client
    ///   has ended.
    ///
    /// While removing goes on, `status().closed` is false, and another `close()` waits for it anew, as long as the first.
    /// \par Completion signature
    /// `void(error_code)`: success, or `zk::client_errc::close_timed_out` when something may stand that was not removed in time.
    /// \par Per-operation cancellation
    /// Terminal, partial, total: the caller stops waiting, closing goes on.
    template <BOOST_ASIO_COMPLETION_TOKEN_FOR(void(error_code)) Token = asio::deferred_t>
    auto close(Token&& token = Token{}) {
        return asio::async_initiate<Token, void(error_code)>(detail::initiate<&registrar::start_close>{get_executor()}, token,
                                                             impl_);
    }

private:
    friend registrar detail::make_registrar(zk::client client, registration r, bool own_session);

    using impl_ptr = std::shared_ptr<detail::registrar_impl>;
    explicit registrar(impl_ptr impl);
    static void start_start(asio::any_completion_handler<void(error_code)> h, impl_ptr impl);
    static void start_update(asio::any_completion_handler<void(error_code)> h, impl_ptr impl, muster::instance i);
    static void start_drain(asio::any_completion_handler<void(error_code)> h, impl_ptr impl);
    static void start_close(asio::any_completion_handler<void(error_code)> h, impl_ptr impl);
    static void start_status_change(asio::any_completion_handler<void(error_code, registration_status)> h, impl_ptr impl,
                                    std::uint64_t seen);

    impl_ptr impl_;
};

}    // namespace muster
