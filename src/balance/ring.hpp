// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include "balance/claimant.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace muster::balance {

/// A ketama ring as Envoy and gRPC build it: claimant c stands at the points hash64(c + "_" + j), j = 0, 1, ..., and owns the
/// hashes between the point before each of them, exclusive, and that point.
class ring {
public:
    /// `per_weight`: how many points a claimant of weight 1 has, others in proportion, rounded; but each has one at least.
    /// Precondition: claimants is not empty.
    ring(std::span<const claimant> claimants, double per_weight);
    /// With as many as `ring_points` says.
    explicit ring(std::span<const claimant> claimants);

    /// Index of the first point at or behind `hash`, round the end. Takes the same time for any number of points: a table of as
    /// many entries tells where to begin to look.
    std::size_t at(std::uint64_t hash) const noexcept {
        std::size_t i = first_[hash >> shift_];
        while (i < hashes_.size() && hashes_[i] < hash) ++i;
        return i == hashes_.size() ? 0 : i;
    }
    std::size_t next(std::size_t point) const noexcept { return point + 1 == hashes_.size() ? 0 : point + 1; }
    std::uint32_t owner(std::size_t point) const noexcept { return owners_[point]; }
    std::uint64_t hash(std::size_t point) const noexcept { return hashes_[point]; }
    std::size_t size() const noexcept { return hashes_.size(); }

private:
    std::vector<std::uint64_t> hashes_;    // ascending
    std::vector<std::uint32_t> owners_;
    std::vector<std::uint32_t> first_;    // for each value of the upper bits: the first point there or behind
    unsigned shift_ = 0;
};

/// Points of one unit of weight: 192 where the mean weight is 1, which makes shares differ by 7 %. It is halved as often as it
/// takes for one of mean weight to have between 163 and 326 points, and again until there are no more than 2^18 in all, which
/// bounds memory.
///
/// All clients of a service must agree on it, so it depends on nothing but the weights. Where it changes, all instances get or
/// lose every second point, and half of the keys move. So it has few values, and keeps each while the mean weight, or the sum
/// beyond the bound, does not double. If it followed the mean, each change would move some percent.
double ring_points(std::span<const claimant> claimants) noexcept;

}    // namespace muster::balance
