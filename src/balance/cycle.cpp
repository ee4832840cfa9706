// Part of muster. Boost Software License 1.0, see LICENSE.
#include "balance/cycle.hpp"

#include <algorithm>
#include <functional>
#include <numeric>
#include <queue>
#include <utility>

namespace muster::balance {
namespace {

using shares = std::vector<std::uint64_t>;

std::uint64_t sum(const shares& s) { return std::accumulate(s.begin(), s.end(), std::uint64_t{0}); }

void divide_by_gcd(shares& s) {
    std::uint64_t g = 0;
    for (const std::uint64_t v : s) g = std::gcd(g, v);
    for (std::uint64_t& v : s) v /= g;
}

shares shares_of(std::span<const std::uint32_t> weights, std::size_t max_slots) {
    shares s(weights.begin(), weights.end());
    divide_by_gcd(s);
    if (const std::uint64_t total = sum(s); total > max_slots) {
        for (std::uint64_t& v : s) v = std::max<std::uint64_t>(1, (v * max_slots + total / 2) / total);
        divide_by_gcd(s);
    }
    return s;
}

}    // namespace

// Tijdeman's solution of the chairman assignment problem (Discrete Mathematics 32, 1980). With n members, share w of W and x
// turns had, a member may take the next turn from the step on at which t*w/W >= x + 1/(2n-2), and must have it at the step
// at which t*w/W = x + 1 - 1/(2n-2) at the latest. Of those who may, the one who must first takes it. No member is ever
// further than 1 - 1/(2n-2) from its due, which no other order improves on for all weights.
std::vector<std::uint32_t> smooth_cycle(std::span<const std::uint32_t> weights, std::size_t max_slots) {
    const std::size_t n = weights.size();
    if (n == 1) return {0};

    const shares share = shares_of(weights, max_slots);
    const std::uint64_t total = sum(share);
    const std::uint64_t grain = 2 * n - 2;
    const auto may_from = [&](std::size_t i, std::uint64_t had) {
        const std::uint64_t per_step = share[i] * grain;
        return ((had * grain + 1) * total + per_step - 1) / per_step;
    };
    const auto must_by = [&](std::size_t i, std::uint64_t had) { return (had * grain + grain - 1) * total / (share[i] * grain); };

    constexpr std::uint32_t none = 0xFFFFFFFF;
    std::vector<std::uint32_t> first_at(total + 1, none);    // heads of lists: who may from that step on
    std::vector<std::uint32_t> next_of(n, none);
    const auto wait_until = [&](std::uint64_t step, std::uint32_t i) {
        if (step <= total) next_of[i] = std::exchange(first_at[step], i);
    };
    for (std::uint32_t i = 0; i < n; ++i) wait_until(may_from(i, 0), i);

    using claim = std::pair<std::uint64_t, std::uint32_t>;    // latest step, who
    std::priority_queue<claim, std::vector<claim>, std::greater<>> claims;
    std::vector<std::uint64_t> had(n, 0);
    std::vector<std::uint32_t> cycle;
    cycle.reserve(total);
    for (std::uint64_t step = 1; step <= total; ++step) {
        for (std::uint32_t i = first_at[step]; i != none; i = next_of[i]) claims.emplace(must_by(i, had[i]), i);
        const std::uint32_t chosen = claims.top().second;
        claims.pop();
        cycle.push_back(chosen);
        wait_until(std::max(may_from(chosen, ++had[chosen]), step + 1), chosen);
    }
    return cycle;
}

}    // namespace muster::balance
