// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include <muster/custom_policy.hpp>
#include <muster/detail/initiate.hpp>
#include <muster/error.hpp>
#include <muster/filter.hpp>
#include <muster/health.hpp>
#include <muster/instance.hpp>
#include <muster/lease.hpp>
#include <muster/picker.hpp>
#include <muster/policy.hpp>
#include <muster/service_description.hpp>
#include <muster/zk/client.hpp>

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/deferred.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace muster {

/// How a balancer reads and picks.
struct balancer_params {
    std::string prefix = "micro-service";             ///< First component of the path; relative to the client's chroot.
    muster::policy policy = policy::roundrobin;       ///< For picks that name none.
    custom_policy custom;                             ///< The same, a policy of your own. Not empty: `policy` is not asked.
    muster::pool pool = pool::normals_then_master;    ///< For picks that name none.

    /// For picks that name none: which instances of the pool they go to, in which order. Default: all, since whether a zone or a
    /// version is better served by its own is known to nobody but you.
    filter_chain filters;

    /// Of a large service this client uses so many instances of each pool and filter, and the others only when none of these is
    /// to be had: for connections that each client keeps to each instance. Which ones follows from `subset_client`; an instance
    /// that joins or leaves changes two of them at most, and weights do not count for it. Policies by key use all, since clients
    /// would otherwise disagree. 20 to 100 are usual; so few that one that fails is missed are too few. Default 0: off, all are
    /// used, since only with hundreds of instances and clients do connections cost more than the spread of load gains.
    std::size_t subset = 0;

    /// Number of this client among those of its kind. Where the numbers of all are a run without gaps, all instances have about
    /// the same number of clients, at most a few more or less; with half of the numbers missing not much is left of that. A
    /// client that registers as an instance itself has one, see `set_subset_client`. Default: none, a place at random, with which
    /// some have half as many again as others.
    std::optional<std::uint64_t> subset_client;

    /// How long the first pick of a service waits for its first view, and any pick for an instance. 0: does not wait.
    std::chrono::milliseconds wait{5'000};

    /// After a change is shown, further changes of the service are gathered for this long and shown together; where showing it
    /// took longer, as with large tables, for as long as that took, up to a second. 0: only for as long as showing it took.
    std::chrono::milliseconds coalesce{10};

    /// Where two or more instances, and more than so many percent of the service, go within a session timeout, and the connection
    /// of the balancer's own session was lost shortly before, they are held back: picked as before, as normals, until they are
    /// seen again, or a session timeout has passed. So many at once are more likely cut off from ZooKeeper than ended, and they
    /// register again when they can; those that do not answer are ejected by their calls, all of them if need be. What was shown
    /// to go before there were so many stays gone, except that one reading of the service counts as a whole: those that it showed
    /// first are added again. A master that is held back is master no more; who said that it drains is gone at once, and counts
    /// neither as gone nor in the whole. "Shortly" is up to one and a half timeouts after the balancer was connected again, which
    /// is how long the servers wait for others with the same timeout. A service that is first used on a client that has been
    /// connected more than once passes for disturbed at first, since when that was is not known. While the connection is away
    /// again nobody is let go, however long that takes, and while the view is stale nobody until the connection has stood for a
    /// session timeout. Legal: 0 to 99. Default 50: in a service of 2 both must go, of 3 two, of 5 three; a single removal is
    /// always shown at once. 0, and more than 99: off, all are.
    std::uint32_t hold_back_percentage = 50;

    /// How long the state of an instance that went is kept in case it comes back: its open leases, latency and ejection. Default
    /// 30 s, three session timeouts: whoever lost its session registers again within that, and what was known before a longer
    /// absence, such as a restart on another machine, says little of how it does now.
    std::chrono::milliseconds remember{30'000};

    /// Reads of instances in flight at a time. Legal: 1 and more.
    std::size_t read_window = 128;

    /// How many services the balancer follows. Each that is asked for is followed from then on, whether it exists or not, with a
    /// watch and some kilobytes: where their names come from outside, from the path of a request for instance, anybody could
    /// make up more and more of them. What is asked for beyond gives `registry_errc::too_many_services`, for as
    /// long as the balancer lives: so such names are better checked before. Default 4096, more than a program calls. Legal: all;
    /// 0: no service.
    std::size_t max_services = 4'096;

    /// After a lost connection all is read again, at a moment that is drawn from this time: the clients of a server that comes
    /// back would otherwise all read at once. Until then the view is stale, and picks go on from it; what the watch tells of is
    /// read at once all the same. Who has no instance to show does not wait. 0: all is read at once.
    std::chrono::milliseconds spread{1'000};

    /// How many threads pick from a service at the same time, each with a picker of its own. The counters of an instance are then
    /// kept apart for them, in 128 bytes per thread and instance (twice that once its data has changed), since threads that write
    /// one cache line hold each other up, for several times as long as a pick takes. A picker counts in the next stripe when it
    /// picks first. `leastconnect`, `p2c` and `peakewma` add up the counters of all threads, `boundedhash` has common ones. Any
    /// number of threads may pick whatever this says. Legal: all; 0 counts as 1, what is above 64 as 64, and all are rounded up
    /// to a power of two. Default 1: counters in common, the fastest for one thread.
    std::size_t threads = 1;

    /// Who gets no picks for how its calls went.
    health_params health;

    balancer_params() = default;    // not an aggregate: GCC 12 destroys aggregate temporaries in co_await expressions twice
};

/// What a balancer knows of an instance.
struct instance_info {
    muster::instance instance;
    muster::role role = role::normal;
    std::string path;               ///< Of its znode.
    zk::zxid czxid = 0;             ///< Transaction that created the znode.
    std::uint32_t open = 0;         ///< Leases that are out.
    std::uint64_t successes = 0;    ///< Leases returned with `success()`.
    std::uint64_t failures = 0;     ///< Leases returned with `failure()`.
    bool ejected = false;           ///< Out, or on trial, for how its calls went: see `health_params`.
    bool held_back = false;         ///< Not seen any more, but counted as registered: `balancer_params::hold_back_percentage`.
};

/// A child of a service that is no usable instance.
struct rejected_node {
    std::string path;
    std::string reason;    ///< A sentence that names the value and what was expected.
};

/// What a balancer knows of a service, at one moment.
struct service_view {
    bool known = false;    ///< False until the service was read once.
    bool stale = true;     ///< True while changes may be missed: ZooKeeper is not reached, or the view is being read again.
    std::chrono::steady_clock::duration age{};    ///< Since the view was last known to be right; 0 while it is fresh.
    error_code last_error;    ///< While stale: why the last attempt to read it failed, such as `server_errc::no_auth`.
    std::vector<instance_info> instances;    ///< Sorted by identity; an instance that is seen twice is here once.
    std::vector<rejected_node> rejected;
};

/// One change of a service, as it becomes visible to picks.
struct change {
    enum class kind {
        added,       ///< An instance is there.
        removed,     ///< It is gone.
        updated,     ///< Its data or its znode is another.
        role,        ///< It became master or normal; its data may be others too.
        stale,       ///< From now on changes may be missed.
        fresh,       ///< The view is right again. The first one says that it is complete.
        rejected,    ///< A child is no usable instance.
    };
    kind what = kind::fresh;
    muster::instance instance;         ///< For added, removed, updated and role: as it is now, or was when it was removed.
    muster::role role = role::none;    ///< For added, removed, updated and role.
    std::string path;                  ///< Of its znode, or of the rejected one.
    std::string reason;                ///< For rejected.
};

/// Name of a kind, as it is written above.
const char* to_string(change::kind k) noexcept;

namespace detail {
class balancer_impl;
class change_queue;
struct lent_instance;
}    // namespace detail

/// The changes of one service, in order, beginning with one `added` for each instance that is there at first.
///
/// Changes that are not read are merged per instance, so that a subscriber that does not read costs bounded memory and
/// holds nobody up: it sees the latest state when it reads again. Nothing is told of an instance that came and went meanwhile,
/// though it be one of those that were there at first.
/// \par Executor
/// Handlers are posted to their associated executor, else to `get_executor()`; they are never called inline.
/// \par Thread safety
/// Distinct objects: safe. Same object: unsafe.
/// \par Object lifetimes
/// Destroying it ends a pending `next` with `asio::error::operation_aborted`.
class change_stream {
public:
    change_stream() noexcept;
    /// \private
    explicit change_stream(std::shared_ptr<detail::change_queue> q) noexcept;
    change_stream(change_stream&&) noexcept;
    change_stream& operator=(change_stream&&) noexcept;
    ~change_stream();

    /// Executor of the balancer that made it. Precondition: `*this` is neither default constructed nor moved from.
    asio::any_io_executor get_executor() const noexcept;

    /// Waits for the next change. One call at a time. Precondition: as for `get_executor`.
    /// \par Completion signature
    /// `void(error_code, change)`
    /// \par Errors
    /// `registry_errc::closed` once the balancer is closed and all changes were read; `zk::client_errc::invalid_argument` for a
    /// second call while one waits; `asio::error::operation_aborted`.
    /// \par Per-operation cancellation
    /// Terminal, partial, total: no change is lost.
    template <BOOST_ASIO_COMPLETION_TOKEN_FOR(void(error_code, change)) Token = asio::deferred_t>
    auto next(Token&& token = Token{}) {
        return asio::async_initiate<Token, void(error_code, change)>(detail::initiate<&change_stream::start_next>{get_executor()},
                                                                     token, q_);
    }

private:
    static void start_next(asio::any_completion_handler<void(error_code, change)> h, std::shared_ptr<detail::change_queue> q);

    std::shared_ptr<detail::change_queue> q_;
};

/// Holds a live view of every service in use and picks instances from it.
///
/// A service is watched from its first use on. Picks are answered from memory; only the first one of a service, or one that
/// finds no instance, waits. While ZooKeeper is away picks go on from the last view.
/// \par Executor
/// Handlers are posted to their associated executor, else to `get_executor()`; they are never called inline. What gives an
/// `asio::awaitable` goes on where that is awaited.
/// \par Thread safety
/// Distinct objects: safe. Same object: safe, except for assignment and destruction. Picking by name takes a lock for the
/// look-up; a `picker` takes none, use one per thread where that matters.
/// \par Object lifetimes
/// Leases, pickers and change streams may outlive the balancer. Destroying it closes it without waiting.
class balancer {
public:
    using executor_type = asio::any_io_executor;

    /// A balancer with a session of its own.
    balancer(asio::any_io_executor ex, zk::config cfg, balancer_params p = {});

    template <class Context>
    requires requires(Context& c) { asio::any_io_executor(c.get_executor()); }
    balancer(Context& ctx, zk::config cfg, balancer_params p = {})
        : balancer(asio::any_io_executor(ctx.get_executor()), std::move(cfg), std::move(p)) {}

    /// A balancer on a session that it shares. Throws `boost::system::system_error` with `registry_errc::invalid_name` if
    /// the prefix is illegal, as all constructors do.
    explicit balancer(zk::client client, balancer_params p = {});

    balancer(balancer&&) noexcept;
    balancer& operator=(balancer&&) noexcept;
    ~balancer();

    /// The executor that it was made with, or that of the client.
    executor_type get_executor() const noexcept;

    /// Picks one instance of `service` now.
    /// \par Errors
    /// `registry_errc::{unknown_service, no_instances, no_master, key_required, invalid_name, too_many_services, closed}`, or,
    /// with the `health_params` for it, `registry_errc::{all_ejected, recovering}`; with a custom policy
    /// `registry_errc::policy_failed` and those of its own. The first use of a service begins to read it and gives
    /// `unknown_service`.
    result<lease> try_pick(std::string_view service, const pick_options& o = {});

    /// Picks one instance of `service`; waits for one up to `pick_options::wait`.
    ///
    /// Where there is an instance, the call picks it, and `co_await` does not suspend; else the wait begins with `co_await`. The
    /// call keeps neither `service` nor `o`: what a wait needs is copied.
    /// \par Errors
    /// Thrown as `boost::system::system_error`: `registry_errc::{key_required, invalid_name, too_many_services,
    /// closed}`, or, with the `health_params` for it, at once `registry_errc::{all_ejected, recovering}`; so with a custom policy
    /// `registry_errc::policy_failed` and those of its own;
    /// `registry_errc::{no_instances, no_master}` when the service is known and the wait passed;
    /// `registry_errc::registry_unavailable` when ZooKeeper was not reached within the wait, `registry_errc::timed_out` when it
    /// was reached and has not told of the service, `registry_errc::no_chroot` when the chroot of the connect string did not
    /// exist; `zk::server_errc`, as `no_auth`, or `zk::protocol_errc::frame_too_large` when that was the answer to reading the
    /// service; with a wait of 0 `registry_errc::unknown_service` for all of these; `asio::error::operation_aborted`. Where the
    /// client has ended (`zk::session_info::ended`: it was closed, has given up, or does not renew its session) nothing can
    /// change any more, and what would wait ends at once.
    /// \par Per-operation cancellation
    /// Terminal, partial, total: no side effect, the waiter is removed.
    asio::awaitable<lease> pick(std::string_view service, const pick_options& o = {});

    /// The same for any completion token.
    /// \par Completion signature
    /// `void(error_code, lease)`; on an error the lease is empty.
    /// \par Errors
    /// Those above, given to the handler.
    /// \par Per-operation cancellation
    /// Terminal, partial, total: no side effect, the waiter is removed.
    template <BOOST_ASIO_COMPLETION_TOKEN_FOR(void(error_code, lease)) Token>
    auto pick(std::string service, pick_options o, Token&& token) {
        return asio::async_initiate<Token, void(error_code, lease)>(detail::initiate<&balancer::start_pick>{get_executor()},
                                                                    token, impl_, std::move(service), std::move(o));
    }

    /// Lends the master of `service`; waits for one up to `wait` (default: `balancer_params::wait`). Otherwise as `pick`.
    asio::awaitable<lease> master(std::string_view service);
    asio::awaitable<lease> master(std::string_view service, std::chrono::milliseconds wait);

    /// The same for any completion token.
    /// \par Completion signature
    /// `void(error_code, lease)`; on an error the lease is empty.
    /// \par Errors
    /// As `pick`, given to the handler.
    /// \par Per-operation cancellation
    /// Terminal, partial, total: no side effect, the waiter is removed.
    template <BOOST_ASIO_COMPLETION_TOKEN_FOR(void(error_code, lease)) Token>
    auto master(std::string service, std::chrono::milliseconds wait, Token&& token) {
        return pick(std::move(service), of_master(wait), std::forward<Token>(token));
    }

    /// A handle that picks from one service with one policy and pool, without lock or look-up. `policy`, `custom`, `pool`,
    /// `filters` and `wait` of `o` are kept as its defaults; `key` and `exclude` are given to each pick. Begins to read the
    /// service if it is not in use.
    /// \par Errors
    /// `registry_errc::{invalid_name, too_many_services, closed}`
    result<muster::picker> picker(std::string_view service, pick_options o = {});

    /// Subscribes to the changes of `service`. Begins to read it if it is not in use.
    /// \par Errors
    /// `registry_errc::{invalid_name, too_many_services, closed}`
    result<change_stream> changes(std::string_view service);

    /// What is known of `service`. Begins to read it if it is not in use.
    /// \par Errors
    /// `registry_errc::{invalid_name, too_many_services, closed}`
    result<service_view> view(std::string_view service);

    /// What is known of `service` and of each of its instances, and what this balancer has done with them: conditions, open
    /// leases, latencies, counts; `to_json` makes JSON of it. For people and dashboards: it costs time in proportion to the
    /// instances, but takes no lock that picks or calls that end wait for. Begins to read the service if it is not in use.
    /// \par Errors
    /// `registry_errc::{invalid_name, too_many_services, closed}`
    result<service_description> describe(std::string_view service);

    /// Waits until the instance of `l` drains or is not registered any more, as `lease::draining` says: for who holds connections
    /// to it for longer than a call, and has no other reason to pick again. The lease may be returned and gone meanwhile.
    /// \par Completion signature
    /// `void(error_code)`: success when it drains or has gone, at once where that is so already.
    /// \par Errors
    /// `registry_errc::closed` when the balancer is closed or its client has ended, and nothing will be told any more;
    /// `zk::client_errc::invalid_argument` for an empty lease, or one of another balancer; `asio::error::operation_aborted`.
    /// \par Per-operation cancellation
    /// Terminal, partial, total: no side effect, the waiter is removed.
    template <BOOST_ASIO_COMPLETION_TOKEN_FOR(void(error_code)) Token = asio::deferred_t>
    auto until_draining(const lease& l, Token&& token = Token{}) {
        return asio::async_initiate<Token, void(error_code)>(detail::initiate<&balancer::start_until_draining>{get_executor()},
                                                             token, impl_, lent(l));
    }

    /// Changes `balancer_params::subset_client`, for all services: where a program registers itself among its kind, that is
    /// `registration_status::ordinal`, which it knows only then. These numbers are a run after all were started; each restart of
    /// a single one leaves a gap, and when most have been restarted by themselves they spread no better than places at random.
    /// Takes effect at once, and moves the client's connections: so once, not now and then.
    void set_subset_client(std::uint64_t number);

    /// Where the session stands.
    zk::session_info session() const;

    /// Ends all views. Waiting picks complete with `registry_errc::closed`; a session of its own is closed.
    /// \par Completion signature
    /// `void(error_code)`: success, or `zk::client_errc::close_timed_out` when no server confirmed the end of its own session.
    /// \par Per-operation cancellation
    /// Terminal, partial, total: the caller stops waiting, closing goes on.
    template <BOOST_ASIO_COMPLETION_TOKEN_FOR(void(error_code)) Token = asio::deferred_t>
    auto close(Token&& token = Token{}) {
        return asio::async_initiate<Token, void(error_code)>(detail::initiate<&balancer::start_close>{get_executor()}, token,
                                                             impl_);
    }

private:
    using impl_ptr = std::shared_ptr<detail::balancer_impl>;
    static pick_options of_master(std::chrono::milliseconds wait);
    static void start_pick(asio::any_completion_handler<void(error_code, lease)> h, impl_ptr impl, std::string service,
                           pick_options o);
    static void start_close(asio::any_completion_handler<void(error_code)> h, impl_ptr impl);
    static std::shared_ptr<detail::lent_instance> lent(const lease& l);
    static void start_until_draining(asio::any_completion_handler<void(error_code)> h, impl_ptr impl,
                                     std::shared_ptr<detail::lent_instance> i);

    impl_ptr impl_;
};

}    // namespace muster
