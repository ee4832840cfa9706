// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include "balance/node.hpp"

#include <atomic>
#include <cmath>
#include <cstdint>
#include <vector>

namespace muster::balance {

/// Who has far fewer leases than the others when a table is made: those that have just joined. Policies that go by the leases
/// would give them all picks, or all for which they are drawn, until they have caught up.
class newcomers {
public:
    struct limits {
        double leases = 1;           ///< By so many they differ all the time.
        double share = 0;            ///< Who misses no more than this part of its share of 1000 picks may well get it at once.
        std::uint32_t rounds = 1;    ///< After so many, of 1000 picks or so, they are as all others.
    };

    newcomers(const node_list& nodes, const limits& l);

    /// True while there are some that are held back.
    bool any() const noexcept { return taken_.load(std::memory_order_relaxed) < end_; }
    /// Precondition: `any()` was true.
    bool contains(std::uint32_t i) const noexcept { return is_one_[i]; }

    /// The round, from 1 on. A policy that takes one of them only where it is one of so many draws gives them their share in the
    /// first round, and more and more in the next ones.
    std::uint32_t round() const noexcept { return 1 + taken_.load(std::memory_order_relaxed) / step_; }
    /// Which part of the picks for which one of them is among so many draws it would be with one draw, by weight.
    double part_of(std::uint32_t draws) const noexcept { return share_ / (1 - std::pow(1 - share_, draws)); }
    /// One of them was taken.
    void count() const noexcept { fetch_add(taken_, 1U); }

private:
    std::vector<bool> is_one_;
    double share_ = 1;          // theirs, of the weight of all
    std::uint32_t step_ = 1;    // so many picks of them are their share of 1024
    std::uint32_t end_ = 0;     // after so many they are held back no more; 0: there are none
    mutable std::atomic<std::uint32_t> taken_{0};
};

}    // namespace muster::balance
