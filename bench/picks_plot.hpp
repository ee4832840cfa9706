// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include "bench/pick_loops.hpp"

#include <muster/balancer.hpp>

#include <cstddef>
#include <string>
#include <vector>

namespace muster::bench {

/// What a case cost.
struct picks_point {
    pick_case what;
    double ns_per_op;
};

/// Who got the picks under one policy, by instance, in multiples of the mean.
struct share_of_picks {
    policy how;
    std::vector<double> by_instance;    ///< In the order of the view.
};

/// Picks 100 times as often as there are instances, but at least 10 000 times, under each policy, with another key each time.
std::vector<share_of_picks> shares_of_picks(balancer& lb, const std::string& service, const std::vector<policy>& policies);

/// Writes a picture of both as SVG: a chart of costs by size for each number of threads, then the shares. Of several APIs those
/// of `picker` are shown, else those of the first. Throws `std::runtime_error` if the file cannot be written.
void write_picks_plot(const std::string& file, const std::vector<picks_point>& points, const std::vector<share_of_picks>& shares,
                      std::size_t instances);

}    // namespace muster::bench
