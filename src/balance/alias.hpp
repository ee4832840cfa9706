// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include "balance/table.hpp"

#include <cstdint>
#include <span>
#include <vector>

namespace muster::balance {

/// Draws indices in proportion to weights, in constant time (Walker's alias method, built as Vose does).
class alias_table {
public:
    /// Precondition: weights is not empty, none is 0.
    explicit alias_table(std::span<const std::uint32_t> weights);

    // A call of it costs as much as it does.
    [[gnu::always_inline]] inline std::uint32_t draw(pick_state& s) const noexcept {
        const std::uint64_t r = s.random();
        const auto i = static_cast<std::uint32_t>(((r >> 32) * slots_.size()) >> 32);
        const slot& c = slots_[i];
        // Chosen by a mask: a branch would be predicted wrongly half the time, which costs as much as all the rest.
        const std::uint32_t own = 0U - static_cast<std::uint32_t>(static_cast<std::uint32_t>(r) < c.threshold);
        return (i & own) | (c.alias & ~own);
    }

private:
    struct slot {
        std::uint32_t threshold = 0xFFFFFFFF;    // share of the slot that is its own, of 2^32
        std::uint32_t alias = 0;                 // whose the rest is
    };
    std::vector<slot> slots_;
};

}    // namespace muster::balance
