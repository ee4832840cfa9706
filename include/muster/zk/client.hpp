// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include <muster/detail/client_ref.hpp>
#include <muster/detail/initiate.hpp>
#include <muster/zk/access_operations.hpp>
#include <muster/zk/config.hpp>
#include <muster/zk/ensemble_operations.hpp>
#include <muster/zk/error.hpp>
#include <muster/zk/guarded_operations.hpp>
#include <muster/zk/latency_histogram.hpp>
#include <muster/zk/read_batch.hpp>
#include <muster/zk/session_info.hpp>
#include <muster/zk/transaction.hpp>
#include <muster/zk/types.hpp>
#include <muster/zk/watch_operations.hpp>
#include <muster/zk/watcher.hpp>

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
#include <vector>

namespace muster::runtime {
class world;
}

namespace muster::zk {

namespace asio = boost::asio;

class client;

namespace detail {
class client_impl;
class guarded_call;
class weak_client;
std::shared_ptr<runtime::world> world_of(const client& c);
}    // namespace detail

/// An asynchronous ZooKeeper client: one session, kept through lost connections.
///
/// Nothing happens before `start()` or the first operation. From then on the client connects, keeps the session alive,
/// reconnects to the next server after a loss and resumes the session, and replaces it once it has expired, or ends
/// (`config::session_renewal`).
///
/// Requests are sent in the order in which they are made and answered in that order. Requests made while there is no
/// connection wait for the next one; when the session expires first they complete with `client_errc::session_expired`.
/// Requests that were written when the connection broke complete with `client_errc::connection_lost`, except for reads and
/// `sync`, which change nothing and are sent again. What an overloaded server throws back, unapplied, is sent again in its
/// order (`config::max_retries`).
///
/// A client that is asked for more than its servers keep up with would keep all of it in memory. So it takes so many requests at
/// a time (`config::max_requests`, `config::max_request_bytes`), and completes what comes then with `client_errc::overloaded`,
/// at once; `capacity()` waits for room.
///
/// The operations are grouped: those on znodes are on this page, the others in `watch_operations`, `access_operations`,
/// `ensemble_operations` and `guarded_operations`, whose writes survive a lost reply. Paths are relative to the chroot of the
/// connect string, in arguments, results and events.
///
/// Requests of later versions are unknown to older servers, which answer `server_errc::unimplemented` and close the connection.
/// That happens once per server: for an hour such a request then completes without being sent to it.
///
/// \par Errors
/// Every operation can complete with any `server_errc`; with `client_errc::{connection_lost, session_expired, closed,
/// overloaded, deadline_exceeded, deadline_exceeded_unsent, request_too_large, invalid_path, invalid_argument}`; with a
/// `protocol_errc`, where its reply cannot be read; with a `tls_errc` or `sasl_errc`, where the client has given up because no
/// server and it trust each other (`tls_options`, `sasl_options`); and with `asio::error::operation_aborted` when cancelled.
/// `outcome_of()` tells what is known of the request.
/// \par Per-operation cancellation
/// Terminal, partial and total. Before the request was written it is withdrawn. Afterwards the server's reply is awaited and
/// dropped: the request may be applied. A watch that such a request has set is removed as if its subscription was.
/// \par Executor
/// Handlers are posted to their associated executor, else to `get_executor()`; they are never called inline.
/// Replies and events are posted in the order of the stream, so an executor that keeps order shows them in order. Handlers of
/// other executors take one way there, which one that blocks holds up for the others; the client itself goes on.
/// \par Thread safety
/// Distinct objects: safe. Same object: safe, except for assignment and destruction.
/// \par Object lifetimes
/// A client is a handle: copies stand for the same session. When the last copy is destroyed the connection is dropped
/// without a word to the server, and the session expires there. Call `close()` to end it at once.
///
/// A session is one client's: nothing takes the id and the password of one from outside, or keeps them beyond the client. Two
/// processes with the same session would take it away from each other without end, each as the other's former connection. A
/// program that starts again begins a session, and whatever the one before has left ends with that.
class client : public watch_operations<client>,
               public access_operations<client>,
               public ensemble_operations<client>,
               public guarded_operations<client> {
public:
    using executor_type = asio::any_io_executor;

    /// Prepares a client that runs on `ex`. Throws `boost::system::system_error` with `client_errc::invalid_argument` where `cfg`
    /// is out of its ranges, or names files for TLS that cannot be used; the message tells which and what was expected.
    client(asio::any_io_executor ex, config cfg);

    /// For any execution context, such as `asio::io_context`.
    template <class Context>
    requires requires(Context& c) { asio::any_io_executor(c.get_executor()); }
    client(Context& ctx, config cfg) : client(asio::any_io_executor(ctx.get_executor()), std::move(cfg)) {}

    /// \private Used by the library's own tests and its simulation.
    explicit client(std::shared_ptr<detail::client_impl> impl);

    client(const client&) noexcept;
    client(client&&) noexcept;
    client& operator=(const client&) noexcept;
    client& operator=(client&&) noexcept;
    ~client();

    /// The executor that it was made with.
    executor_type get_executor() const noexcept;

    /// The configuration it was made with.
    const config& configuration() const noexcept;

    /// The same client, for operations that may take so long, each of them: `co_await client.with_timeout(5s).get("/a")`. Time
    /// runs from the call on, connected or not. 0 and less have passed when the operation begins, as for what is left of a time
    /// that is used up; `no_timeout`: as long as it takes. What it is not given by this is `config::operation_timeout`.
    ///
    /// An operation whose time is over before its request was written is withdrawn, and completes with
    /// `client_errc::deadline_exceeded_unsent`: it was not applied. Afterwards it completes with
    /// `client_errc::deadline_exceeded`, and all is as after a cancellation: the server's reply is awaited and dropped, the
    /// request may be applied, a watch that it has set is removed. Both equal `boost::system::errc::timed_out`.
    ///
    /// It applies to requests. `session_change`, `capacity` and `watcher::next` wait for something to happen, and `close` has
    /// `config::close_timeout`: they end by themselves or when cancelled.
    client with_timeout(std::chrono::milliseconds timeout) const;

    /// Begins to connect. Does nothing when called again.
    void start();

    /// Where the session stands now.
    session_info session() const;

    /// Counters since construction, as they were when something was read last; what is outstanding, as it is now.
    client_metrics metrics() const;

    /// Uses these servers from now on, for an ensemble that has changed. The session, its watches and what waits stay as they
    /// are.
    ///
    /// Some clients move, so that each server has about as many as the others. If there are more servers than before, a client
    /// whose server stays moves to a new one with the probability 1 - old size / new size. If there are not, it stays. Whose
    /// server went goes to old or new ones in the proportion that leaves all with as many clients. A client that moves awaits
    /// the replies to what it has sent, and sends the rest where it goes.
    /// \par Errors
    /// Throws `boost::system::system_error`: `client_errc::invalid_connect_string` for a text that cannot be parsed,
    /// `client_errc::invalid_argument` if the chroot is another than before. Nothing is changed then.
    void set_servers(const connect_string& servers);

    /// The servers that it uses now, and the chroot.
    connect_string servers() const;
    /// How long replies have taken since construction, from when a request was written to when its reply was read: the time of
    /// the way and of the server. What it waited here before is not in it. Costs a copy of some 3 KB.
    latency_histogram latency() const;

    /// Waits until `session().version` is greater than `seen` and gives the latest value. Calling it in a loop with the
    /// version it gave misses no last state, however slow the caller is; who is not has each, such as `expired` between two
    /// sessions. That one was missed shows in `session_info::generation`.
    /// \par Completion signature
    /// `void(error_code, session_info)`. In a final state (`session_info::ended`) it completes at once with that.
    /// \par Per-operation cancellation
    /// Terminal, partial and total: no side effect.
    template <BOOST_ASIO_COMPLETION_TOKEN_FOR(void(error_code, session_info)) Token = asio::deferred_t>
    auto session_change(std::uint64_t seen, Token&& token = Token{}) {
        return asio::async_initiate<Token, void(error_code, session_info)>(
            muster::detail::initiate<&client::start_session_change>{get_executor()}, token, impl_, seen);
    }

    /// Completes when the client takes requests: at once, unless it has refused one (`client_errc::overloaded`). After that, when
    /// a request has ended and half of the limits is free, even if that much was free at the refusal: what is too large to go
    /// with others is so until one of them has ended. All who wait are told at the same time, and nothing is reserved for them:
    /// \code
    /// co_await client.set(path, data, any_version, asio::redirect_error(asio::use_awaitable, ec));
    /// while (ec == client_errc::overloaded) {
    ///     co_await client.capacity(asio::use_awaitable);
    ///     co_await client.set(path, data, any_version, asio::redirect_error(asio::use_awaitable, ec));
    /// }
    /// \endcode
    /// A client that ends has room, too: what is asked of it then tells that it has ended.
    /// \par Completion signature
    /// `void(error_code)`
    /// \par Errors
    /// `asio::error::operation_aborted` when cancelled.
    /// \par Per-operation cancellation
    /// Terminal, partial and total: no side effect.
    template <BOOST_ASIO_COMPLETION_TOKEN_FOR(void(error_code)) Token = asio::deferred_t>
    auto capacity(Token&& token = Token{}) {
        return asio::async_initiate<Token, void(error_code)>(muster::detail::initiate<&client::start_capacity>{get_executor()},
                                                             token, impl_);
    }

    /// Ends the session, so that its ephemerals are gone when this completes. Requests made before are served first, later ones
    /// complete with `client_errc::closed`. Without a connection it tries to get one for `config::close_timeout`.
    /// \par Completion signature
    /// `void(error_code)`: success when the server confirmed or there was no session, else `client_errc::close_timed_out`. That
    /// is told at once by a client that has given up (`session_state::auth_failed`) while it had a session, which will expire.
    /// \par Per-operation cancellation
    /// Terminal, partial and total: the caller stops waiting, closing goes on.
    template <BOOST_ASIO_COMPLETION_TOKEN_FOR(void(error_code)) Token = asio::deferred_t>
    auto close(Token&& token = Token{}) {
        return asio::async_initiate<Token, void(error_code)>(muster::detail::initiate<&client::start_close>{get_executor()},
                                                             token, impl_);
    }

    /// Creates a znode. Its parent must exist.
    /// \par Completion signature
    /// `void(error_code, create_result)`
    template <BOOST_ASIO_COMPLETION_TOKEN_FOR(void(error_code, create_result)) Token = asio::deferred_t>
    auto create(std::string path, std::string data, create_options options = {}, Token&& token = Token{}) {
        return asio::async_initiate<Token, void(error_code, create_result)>(
            muster::detail::initiate<&client::start_create>{get_executor()}, token, impl_, std::move(path), std::move(data),
            std::move(options));
    }

    /// Deletes a znode without children, if its version matches.
    /// \par Completion signature
    /// `void(error_code)`
    template <BOOST_ASIO_COMPLETION_TOKEN_FOR(void(error_code)) Token = asio::deferred_t>
    auto remove(std::string path, std::int32_t version = any_version, Token&& token = Token{}) {
        return asio::async_initiate<Token, void(error_code)>(muster::detail::initiate<&client::start_remove>{get_executor()},
                                                             token, impl_, std::move(path), version);
    }

    /// Reads the stat of a znode; none if the znode does not exist.
    /// \par Completion signature
    /// `void(error_code, std::optional<stat>)`
    template <BOOST_ASIO_COMPLETION_TOKEN_FOR(void(error_code, std::optional<stat>)) Token = asio::deferred_t>
    auto exists(std::string path, Token&& token = Token{}) {
        return asio::async_initiate<Token, void(error_code, std::optional<stat>)>(
            muster::detail::initiate<&client::start_exists>{get_executor()}, token, impl_, std::move(path));
    }

    /// As `exists`, and watches for the next creation, deletion or change of data.
    /// \par Completion signature
    /// `void(error_code, std::optional<stat>, watcher)`
    template <BOOST_ASIO_COMPLETION_TOKEN_FOR(void(error_code, std::optional<stat>, watcher)) Token = asio::deferred_t>
    auto exists_and_watch(std::string path, Token&& token = Token{}) {
        return asio::async_initiate<Token, void(error_code, std::optional<stat>, watcher)>(
            muster::detail::initiate<&client::start_exists_and_watch>{get_executor()}, token, impl_, std::move(path));
    }

    /// Reads data and stat.
    /// \par Completion signature
    /// `void(error_code, get_result)`
    template <BOOST_ASIO_COMPLETION_TOKEN_FOR(void(error_code, get_result)) Token = asio::deferred_t>
    auto get(std::string path, Token&& token = Token{}) {
        return asio::async_initiate<Token, void(error_code, get_result)>(
            muster::detail::initiate<&client::start_get>{get_executor()}, token, impl_, std::move(path));
    }

    /// As `get`, and watches for the next change of data or deletion. No watch is set if the znode does not exist.
    /// \par Completion signature
    /// `void(error_code, get_result, watcher)`
    template <BOOST_ASIO_COMPLETION_TOKEN_FOR(void(error_code, get_result, watcher)) Token = asio::deferred_t>
    auto get_and_watch(std::string path, Token&& token = Token{}) {
        return asio::async_initiate<Token, void(error_code, get_result, watcher)>(
            muster::detail::initiate<&client::start_get_and_watch>{get_executor()}, token, impl_, std::move(path));
    }

    /// Replaces the data, if the version matches.
    /// \par Completion signature
    /// `void(error_code, stat)`
    template <BOOST_ASIO_COMPLETION_TOKEN_FOR(void(error_code, stat)) Token = asio::deferred_t>
    auto set(std::string path, std::string data, std::int32_t version = any_version, Token&& token = Token{}) {
        return asio::async_initiate<Token, void(error_code, stat)>(muster::detail::initiate<&client::start_set>{get_executor()},
                                                                   token, impl_, std::move(path), std::move(data), version);
    }

    /// Lists the names of the children.
    /// \par Completion signature
    /// `void(error_code, children_result)`
    template <BOOST_ASIO_COMPLETION_TOKEN_FOR(void(error_code, children_result)) Token = asio::deferred_t>
    auto children(std::string path, Token&& token = Token{}) {
        return asio::async_initiate<Token, void(error_code, children_result)>(
            muster::detail::initiate<&client::start_children>{get_executor()}, token, impl_, std::move(path));
    }

    /// As `children`, and watches for the next change of the list or deletion. No watch is set if the znode does not exist.
    /// \par Completion signature
    /// `void(error_code, children_result, watcher)`
    template <BOOST_ASIO_COMPLETION_TOKEN_FOR(void(error_code, children_result, watcher)) Token = asio::deferred_t>
    auto children_and_watch(std::string path, Token&& token = Token{}) {
        return asio::async_initiate<Token, void(error_code, children_result, watcher)>(
            muster::detail::initiate<&client::start_children_and_watch>{get_executor()}, token, impl_, std::move(path));
    }

    /// Makes the reads that follow see everything that was committed before it.
    /// \par Completion signature
    /// `void(error_code)`
    template <BOOST_ASIO_COMPLETION_TOKEN_FOR(void(error_code)) Token = asio::deferred_t>
    auto sync(std::string path, Token&& token = Token{}) {
        return asio::async_initiate<Token, void(error_code)>(muster::detail::initiate<&client::start_sync>{get_executor()}, token,
                                                             impl_, std::move(path));
    }

    /// Applies all operations of `t`, or none.
    /// \par Completion signature
    /// `void(error_code, multi_result)`. When an operation fails, the code is its error and the result tells which it was.
    template <BOOST_ASIO_COMPLETION_TOKEN_FOR(void(error_code, multi_result)) Token = asio::deferred_t>
    auto multi(transaction t, Token&& token = Token{}) {
        return asio::async_initiate<Token, void(error_code, multi_result)>(
            muster::detail::initiate<&client::start_multi>{get_executor()}, token, impl_, std::move(t));
    }

    /// Makes several reads in one request. Servers before 3.6 do not know it.
    /// \par Completion signature
    /// `void(error_code, multi_read_result)`: a result for each operation, in their order, which can be an error of its own.
    template <BOOST_ASIO_COMPLETION_TOKEN_FOR(void(error_code, multi_read_result)) Token = asio::deferred_t>
    auto multi_read(read_batch b, Token&& token = Token{}) {
        return asio::async_initiate<Token, void(error_code, multi_read_result)>(
            muster::detail::initiate<&client::start_multi_read>{get_executor()}, token, impl_, std::move(b));
    }

    /// Succeeds if the znode exists with this version, as the leader sees it. A transaction with nothing but that check.
    /// \par Completion signature
    /// `void(error_code)`
    template <BOOST_ASIO_COMPLETION_TOKEN_FOR(void(error_code)) Token = asio::deferred_t>
    auto check(std::string path, std::int32_t version = any_version, Token&& token = Token{}) {
        return asio::async_initiate<Token, void(error_code)>(muster::detail::initiate<&client::start_check>{get_executor()},
                                                             token, impl_, std::move(path), version);
    }

    /// Lists the paths of this session's ephemerals that begin with `prefix`: with the same characters, "/a" is a prefix of
    /// "/ab". Those outside of the chroot are left out. Servers before 3.6 do not know this request.
    /// \par Completion signature
    /// `void(error_code, std::vector<std::string>)`
    template <BOOST_ASIO_COMPLETION_TOKEN_FOR(void(error_code, std::vector<std::string>)) Token = asio::deferred_t>
    auto ephemerals(std::string prefix = "/", Token&& token = Token{}) {
        return asio::async_initiate<Token, void(error_code, std::vector<std::string>)>(
            muster::detail::initiate<&client::start_ephemerals>{get_executor()}, token, impl_, std::move(prefix));
    }

    /// Counts all znodes below a path: children, theirs, and so on. Servers before 3.6 do not know this request.
    /// \par Completion signature
    /// `void(error_code, std::int32_t)`
    template <BOOST_ASIO_COMPLETION_TOKEN_FOR(void(error_code, std::int32_t)) Token = asio::deferred_t>
    auto all_children_number(std::string path, Token&& token = Token{}) {
        return asio::async_initiate<Token, void(error_code, std::int32_t)>(
            muster::detail::initiate<&client::start_all_children_number>{get_executor()}, token, impl_, std::move(path));
    }

private:
    friend std::shared_ptr<runtime::world> detail::world_of(const client& c);
    friend class watch_operations<client>;
    friend class access_operations<client>;
    friend class ensemble_operations<client>;
    friend class guarded_operations<client>;
    friend class detail::guarded_call;
    friend class detail::weak_client;

    using impl_ptr = detail::client_ref;
    explicit client(impl_ptr same) noexcept : impl_(std::move(same)) {}
    static void start_session_change(asio::any_completion_handler<void(error_code, session_info)> h, impl_ptr impl,
                                     std::uint64_t seen);
    static void start_capacity(asio::any_completion_handler<void(error_code)> h, impl_ptr impl);
    static void start_close(asio::any_completion_handler<void(error_code)> h, impl_ptr impl);
    static void start_create(asio::any_completion_handler<void(error_code, create_result)> h, impl_ptr impl, std::string path,
                             std::string data, create_options options);
    static void start_remove(asio::any_completion_handler<void(error_code)> h, impl_ptr impl, std::string path,
                             std::int32_t version);
    static void start_exists(asio::any_completion_handler<void(error_code, std::optional<stat>)> h, impl_ptr impl,
                             std::string path);
    static void start_exists_and_watch(asio::any_completion_handler<void(error_code, std::optional<stat>, watcher)> h,
                                       impl_ptr impl, std::string path);
    static void start_get(asio::any_completion_handler<void(error_code, get_result)> h, impl_ptr impl, std::string path);
    static void start_get_and_watch(asio::any_completion_handler<void(error_code, get_result, watcher)> h, impl_ptr impl,
                                    std::string path);
    static void start_set(asio::any_completion_handler<void(error_code, stat)> h, impl_ptr impl, std::string path,
                          std::string data, std::int32_t version);
    static void start_children(asio::any_completion_handler<void(error_code, children_result)> h, impl_ptr impl,
                               std::string path);
    static void start_children_and_watch(asio::any_completion_handler<void(error_code, children_result, watcher)> h,
                                         impl_ptr impl, std::string path);
    static void start_sync(asio::any_completion_handler<void(error_code)> h, impl_ptr impl, std::string path);
    static void start_multi(asio::any_completion_handler<void(error_code, multi_result)> h, impl_ptr impl, transaction t);
    static void start_multi_read(asio::any_completion_handler<void(error_code, multi_read_result)> h, impl_ptr impl,
                                 read_batch b);
    static void start_check(asio::any_completion_handler<void(error_code)> h, impl_ptr impl, std::string path,
                            std::int32_t version);
    static void start_ephemerals(asio::any_completion_handler<void(error_code, std::vector<std::string>)> h, impl_ptr impl,
                                 std::string prefix);
    static void start_all_children_number(asio::any_completion_handler<void(error_code, std::int32_t)> h, impl_ptr impl,
                                          std::string path);

    detail::client_ref impl_;
};

}    // namespace muster::zk
