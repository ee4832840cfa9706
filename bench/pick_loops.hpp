// Part of muster. Boost Software License 1.0, see LICENSE.
//
// The loops whose turns are timed.
#pragma once

#include "bench/picks_bench.hpp"

#include <muster/balancer.hpp>

#include <chrono>
#include <cstddef>
#include <string>

namespace muster::bench {

/// What a number of threads did that ran the same loop at the same time.
struct pick_sample {
    double ns_per_op = 0;    ///< On one thread, mean of all.
    double ops_per_s = 0;    ///< Of all threads together.
    double allocs_per_op = 0;
};

struct pick_case {
    muster::policy policy;
    std::size_t instances;
    unsigned threads;
    pick_api api;
};

/// Picks from `service`, whose view is there, for `duration`. Throws what a pick gave as an error.
pick_sample run_picks(balancer& lb, const std::string& service, const pick_case& c, std::chrono::nanoseconds duration);

/// What no pick can beat: the next element of a plain array, behind one check of a version.
pick_sample run_floor(std::size_t instances, unsigned threads, std::chrono::nanoseconds duration);

}    // namespace muster::bench
