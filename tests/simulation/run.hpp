// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include "simulation/faults.hpp"
#include "simulation/trace.hpp"

#include <cstdint>
#include <string>

namespace muster::sim {

/// What came of a run.
struct outcome {
    std::string violation;      ///< Empty: there was none.
    std::string last_events;    ///< Before the violation, in order: what comes after it is recorded, too.
    std::uint64_t hash = 0;     ///< Of everything that happened.
    std::uint64_t steps = 0;
    instant simulated{};
    fault_counts faults;
    std::uint64_t picks = 0;
    std::uint64_t operations = 0;
    std::uint64_t refused = 0;    ///< Of them those that a server without a quorum refused.
    std::uint64_t events = 0;
};

/// Runs the cluster of a seed: at least ten minutes of turmoil and calm, and then everybody goes. Its events are recorded.
outcome run(std::uint64_t seed, recording events);

}    // namespace muster::sim
