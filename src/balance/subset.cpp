// Part of muster. Boost Software License 1.0, see LICENSE.
#include "balance/subset.hpp"

#include "balance/uint128.hpp"

#include <algorithm>
#include <numeric>
#include <vector>

namespace muster::balance {

node_list subset::of(const node_list& all) const {
    const std::size_t n = all.size();
    std::vector<std::size_t> circle(n);
    std::iota(circle.begin(), circle.end(), std::size_t{0});
    std::sort(circle.begin(), circle.end(),
              [&](std::size_t a, std::size_t b) { return all[a]->id != all[b]->id ? all[a]->id < all[b]->id : a < b; });
    const auto start = static_cast<std::size_t>((uint128{place} * n) >> 64);
    std::vector<bool> used(n);
    for (std::size_t i = 0; i < size; ++i) used[circle[(start + i) % n]] = true;
    node_list chosen;
    chosen.reserve(size);
    for (std::size_t i = 0; i < n; ++i)
        if (used[i]) chosen.push_back(all[i]);
    return chosen;
}

}    // namespace muster::balance
