// Part of muster. Boost Software License 1.0, see LICENSE.
#include "balance/ring.hpp"

#include "balance/hash.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <string>
#include <utility>

namespace muster::balance {

ring::ring(std::span<const claimant> claimants, double per_weight) {
    std::vector<std::pair<std::uint64_t, std::uint32_t>> placed;
    std::string name;
    for (std::uint32_t i = 0; i < claimants.size(); ++i) {
        name.assign(claimants[i].name).push_back('_');
        const std::size_t length = name.size();
        // Each by itself: a fraction carried on to the next would make its points hang on who stands before it.
        const auto points = std::max(1LL, std::llround(per_weight * claimants[i].weight));
        for (long long j = 0; j < points; ++j) {
            name.resize(length);
            name += std::to_string(j);
            placed.emplace_back(hash64(name), i);
        }
    }
    std::sort(placed.begin(), placed.end());

    hashes_.reserve(placed.size());
    owners_.reserve(placed.size());
    for (const auto& [hash, owner] : placed) {
        hashes_.push_back(hash);
        owners_.push_back(owner);
    }
    const auto bits = static_cast<unsigned>(std::bit_width(std::max<std::size_t>(placed.size(), 2) - 1));
    shift_ = 64 - bits;
    first_.reserve(std::size_t{1} << bits);
    std::uint32_t point = 0;
    for (std::uint64_t upper = 0; upper >> bits == 0; ++upper) {
        while (point < hashes_.size() && hashes_[point] >> shift_ < upper) ++point;
        first_.push_back(point);
    }
}

ring::ring(std::span<const claimant> claimants) : ring(claimants, ring_points(claimants)) {}

double ring_points(std::span<const claimant> claimants) noexcept {
    constexpr std::uint64_t of_weight_one = 192;
    constexpr std::uint64_t most = std::uint64_t{1} << 18;
    std::uint64_t total = 0;
    for (const claimant& c : claimants) total += c.weight;
    // Halved at a mean weight of 1.7, 3.4, 6.8 and so on, near which no usual weights have their mean: 1, 2, 5, 10, 50 and 100
    // are at least 8 % off. So one of another weight among equal ones does not change the points of all.
    int halvings = 0;
    while (total * 10 >= 17 * claimants.size() << halvings || total * of_weight_one >> halvings > most) ++halvings;
    return std::ldexp(double{of_weight_one}, -halvings);
}

}    // namespace muster::balance
