// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include "embedded/server.hpp"
#include "embedded/settings.hpp"
#include "embedded/transaction.hpp"

#include <muster/zk/types.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

namespace muster::embedded {

/// Servers that agree: what was written, which sessions live, and who of them serves.
///
///     server 0 ──┐  requests that write            ┌─> tree of server 0
///     server 1 ──┼────────────────────> leader ────┼─> tree of server 1     each after its lag
///     server 2 ──┘                   (its tree)    └─> tree of server 2
///
/// A write is validated against the leader's tree and committed at once. A server answers it when it has applied it. One server
/// is an ensemble, too: it leads itself. All randomness comes from a seed, all time from the caller.
///
/// A server serves while it is up and connected to a leader that has a majority. At first, server 0 leads. An ensemble whose
/// leader or majority is lost has no leader until `elect`, except that a single server leads itself again as soon as it can.
/// \par Thread safety
/// None: an ensemble and its servers are used by one thread at a time.
class ensemble {
public:
    /// \param servers at least 1
    /// \param seed for passwords and session ids
    /// \param wall what the wall clock shows at `now`. The times of znodes are wall times that move with the steady clock.
    ensemble(settings s, std::size_t servers, std::uint64_t seed, time_point now, std::chrono::system_clock::time_point wall);
    ensemble(const ensemble&) = delete;
    ensemble& operator=(const ensemble&) = delete;
    ~ensemble();

    std::size_t size() const noexcept;
    server& at(std::size_t i);
    const server& at(std::size_t i) const;

    /// When `tick` is due: a session expires, containers are looked after, a connection has been silent for too long, or a server
    /// that lags applies a transaction. Changes with every call to the ensemble or its servers. None while nothing is to come.
    std::optional<time_point> deadline() const;

    /// Does what is due at `now`.
    void tick(time_point now);

    /// Ends a session as its expiry would. False if there is no such session, or no leader: but a single server that is down
    /// finds it ended when it is back.
    bool expire_session(zk::session_id id, time_point now);

    /// The sessions that live, in ascending order. Without those that only one server knows.
    std::vector<zk::session_id> session_ids() const;

    /// Makes `leader` the leader of a new epoch; all servers drop their connections, those that are connected to it catch up, and
    /// all sessions start their timeouts anew. None: no leader, as while one is sought. Without a majority, or if `leader` is
    /// down or isolated, nobody leads. Nothing is lost: what was committed stays.
    void elect(std::optional<std::size_t> leader, time_point now);

    /// Who leads.
    std::optional<std::size_t> leader() const noexcept;

    /// Cuts a server off the others, or connects it again. Cut off, it drops its connections and is read-only or refuses clients.
    void isolate(std::size_t i, bool cut_off, time_point now);

    /// From now on, server `i` applies transactions so much later than they are committed.
    void set_lag(std::size_t i, std::chrono::milliseconds lag);

    /// The process of a server ends: its connections and their watches are lost, what was written is not.
    void crash(std::size_t i, time_point now);

    /// Starts it again. It catches up with the leader, if there is one.
    void restart(std::size_t i, time_point now);

    /// Everything that was committed.
    const tree& leader_tree() const noexcept;

    /// Has `f` called with each transaction that is committed from now on, before any server applies it.
    void on_commit(std::function<void(const transaction&)> f);

private:
    friend class server;
    class impl;

    std::unique_ptr<impl> impl_;
};

}    // namespace muster::embedded
