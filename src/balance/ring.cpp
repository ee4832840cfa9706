// Part of muster. Boost Software License 1.0, see LICENSE.
#include "balance/ring.hpp"

#include "balance/hash.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <string>
#include <utility>

namespace muster::balance {

// Envoy's way of rounding: the lightest has a whole number of points, and what the others are due in fractions is carried from
// one to the next, so that the sum is right.
ring::ring(std::span<const claimant> claimants, std::size_t points) {
    double total = 0;
    std::uint32_t lightest = claimants.front().weight;
    for (const claimant& c : claimants) {
        total += c.weight;
        lightest = std::min(lightest, c.weight);
    }
    const double least = lightest / total;
    const double wanted = static_cast<double>(points);
    // Very unequal weights would make the ring as many times larger than what was asked for; there the lightest has one point.
    const double scale = std::min(std::ceil(least * wanted) / least, 2 * wanted);

    std::vector<std::pair<std::uint64_t, std::uint32_t>> placed;
    double current = 0;
    double target = 0;
    std::string name;
    for (std::uint32_t i = 0; i < claimants.size(); ++i) {
        name.assign(claimants[i].name).push_back('_');
        const std::size_t length = name.size();
        target += scale * claimants[i].weight / total;
        for (std::size_t j = 0; j == 0 || current < target; ++j, ++current) {
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

std::size_t ring_points(std::size_t n) noexcept {
    constexpr std::size_t least = 1024;    // Envoy's minimum
    constexpr std::size_t most = std::size_t{1} << 18;
    return std::clamp(160 * n, least, std::max(most, n));
}

}    // namespace muster::balance
