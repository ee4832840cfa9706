// Part of muster. Boost Software License 1.0, see LICENSE.
//
// Counters of an instance that several threads write are kept apart, in stripes: a cache line that two threads write in turn
// (false sharing, where they do not even write the same) takes each of them several times as long as a pick does without.
#pragma once

#include <muster/detail/stripe.hpp>

#include <cstddef>
#include <cstdint>

namespace muster::balance {

/// How many stripes the counters of an instance have besides the ones within it. A power of two, or 0: these are for all threads.
using stripe_count = std::uint8_t;

/// For so many threads that pick at the same time: at least as many, up to 64; none for one thread.
stripe_count stripes_for(std::size_t threads) noexcept;

/// A stripe of its own, with a tally beside it: for the first version of an instance a lease touches this line only. Processors
/// fetch lines in pairs (adjacent-line prefetch): the other one of the pair stays empty, or its writer would slow this one down.
struct alignas(128) stripe_line : stripe, tally {};

}    // namespace muster::balance
