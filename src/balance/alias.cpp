// Part of muster. Boost Software License 1.0, see LICENSE.
#include "balance/alias.hpp"

#include <numeric>

namespace muster::balance {

alias_table::alias_table(std::span<const std::uint32_t> weights) : slots_(weights.size()) {
    // In units of 1/n of a slot, so that all is exact: a slot holds `full`, an index is due weight * n.
    const std::uint64_t full = std::accumulate(weights.begin(), weights.end(), std::uint64_t{0});
    std::vector<std::uint64_t> due;
    std::vector<std::uint32_t> small, large;
    for (std::uint32_t i = 0; i < weights.size(); ++i) {
        slots_[i].alias = i;
        due.push_back(std::uint64_t{weights[i]} * weights.size());
        (due[i] < full ? small : large).push_back(i);
    }
    while (!small.empty()) {
        const std::uint32_t s = small.back();
        const std::uint32_t l = large.back();    // never empty here: the average is full
        small.pop_back();
        slots_[s].threshold = static_cast<std::uint32_t>(static_cast<double>(due[s]) / static_cast<double>(full) * 0x1p32);
        slots_[s].alias = l;
        due[l] -= full - due[s];
        if (due[l] < full) {
            large.pop_back();
            small.push_back(l);
        }
    }
}

}    // namespace muster::balance
