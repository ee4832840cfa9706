// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace muster::zk::proto {

/// Chooses which server to try next, and how long to wait before.
///
/// Servers are tried in an order shuffled once, round after round. Within a round there is no delay, so that the loss of one
/// server of an ensemble costs nothing. Between rounds the delay is drawn uniformly from 0 to a bound that doubles (full
/// jitter), so that many clients do not come back at the same moment (CURATOR-441, ZOOKEEPER-1669).
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

private:
    void advance() noexcept { position_ = (position_ + 1) % order_.size(); }

    std::vector<std::size_t> order_;
    std::size_t position_ = 0;
    std::size_t tried_ = 0;    // in this round
    duration min_;
    duration max_;
    duration bound_;
};

}    // namespace muster::zk::proto
