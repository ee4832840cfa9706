// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include "balance/claimant.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace muster::balance {

/// Maglev's lookup table (Eisenbud et al., NSDI 2016): for each of `size` slots, the index of its claimant. Each claimant has
/// an order of preference of its own over all slots; in turns, as often as their weights say, they take the first that is
/// free. Hash, order and turns are Envoy's. Precondition: `size` is prime, at least 3, and claimants is not empty.
std::vector<std::uint32_t> maglev_slots(std::span<const claimant> claimants, std::uint32_t size);

/// The size for `n` claimants. All clients of a service must agree on it, so it depends on nothing else, and it is changed
/// at one far number only, since that moves nearly all keys: up to 6553 claimants have ten slots each in 65537, which makes
/// their shares differ by 10 % there, and by 1 % at 655.
std::uint32_t maglev_size(std::size_t n) noexcept;

}    // namespace muster::balance
