// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace muster::zk::proto {

/// Chooses which server to try next, and how long to wait before.
///
/// Servers are tried in an order shuffled once, round after round. Within a round there is no delay, so that the loss of one
/// server of an ensemble costs nothing. Between rounds the delay is drawn uniformly from 0 to a bound that doubles (full
/// jitter), so that many clients do not come back at the same moment (CURATOR-441, ZOOKEEPER-1669).
///
/// When the list changes, some clients move, so that each server gets about as many as the others without one that all leave
/// or all rush to (ZOOKEEPER-1355).
class host_cycle {
public:
    using duration = std::chrono::steady_clock::duration;

    /// `seed` determines the order. Precondition: `hosts` > 0.
    host_cycle(std::size_t hosts, duration backoff_min, duration backoff_max, std::uint64_t seed);

    /// Index of the server to try now.
    std::size_t current() const noexcept { return order_[position_]; }

    /// The attempt, or a connection that did not last, failed: moves to the next server. Returns the delay before it
    /// is tried. `cap` bounds it further; `random` are 64 random bits.
    duration failed(duration cap, std::uint64_t random) noexcept;

    /// A connection that lasted was lost: moves to the next server, which may be tried at once.
    void lost() noexcept;

    /// The server to try now would be of no use: moves to the next one, as if it had been tried.
    void skip() noexcept;

    /// A connection is to be left for this server.
    void next(std::size_t host) noexcept;

    /// The list is another one now: server i of it was server `former[i]` of the one before, if any. `under_way`: there is an
    /// attempt or a connection; true if it should be left for one to another server, which is next then. Else the server to
    /// be tried now is chosen. `random` are 64 random bits. Precondition: `former` is not empty.
    ///
    /// Of a list that grew, who is connected to a server that stays moves to a new one with the probability 1 - old size / new
    /// size. Of one that did not grow, it stays. Who is at a server that went tries old ones and new ones first in the
    /// proportion that leaves all of them with as many clients.
    bool replace(std::span<const std::optional<std::size_t>> former, bool under_way, std::uint64_t random);

    /// A connection stands: from now on all servers are alike.
    void attached() noexcept;

private:
    void advance() noexcept { position_ = (position_ + 1) % order_.size(); }

    std::vector<std::size_t> order_;
    std::vector<std::size_t> next_order_;    // taken once a connection stands; empty: none
    std::size_t position_ = 0;
    std::size_t tried_ = 0;    // in this round
    duration min_;
    duration max_;
    duration bound_;
};

}    // namespace muster::zk::proto
