// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace muster::balance {

/// The order of a smooth weighted round robin: a cycle of indices in which i stands as often as its weight says, spread so
/// that after t steps i was seen between t*w/W - 1 and t*w/W + 1 times, exclusive, for every t and i.
///
/// The weights are divided by their greatest common divisor. Where that still makes a cycle longer than `max_slots`, they are
/// rounded to that many slots; each keeps one at least. Precondition: weights is not empty, none is 0.
std::vector<std::uint32_t> smooth_cycle(std::span<const std::uint32_t> weights, std::size_t max_slots);

}    // namespace muster::balance
