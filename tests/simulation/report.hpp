// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include <cstdint>
#include <optional>

namespace muster::sim {

/// Which runs to do.
struct plan {
    std::uint64_t first = 1;
    std::uint64_t seeds = 100;
    std::uint64_t jobs = 1;
    std::uint64_t events = 200;    ///< So many of the last events are shown where something is wrong.
    /// To be reached: how often as fast as real time, on one processor. What is not set depends on the build and on `seeds`.
    std::optional<std::uint64_t> speed;
    bool twice = false;    ///< Each seed twice, to see that both do the same.
};

/// Runs them, in as many processes as are asked for, and prints what came of it. False if something is wrong. Throws
/// `std::system_error` where there are no more processes to be had.
bool carry_out(plan p);

}    // namespace muster::sim
