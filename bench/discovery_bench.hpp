// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include "bench/discovery_work.hpp"
#include "bench/report.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace muster::bench {

/// A service discovery that the bench knows.
struct discovery_impl {
    std::string_view name;
    discovery_peer run;
    std::string (*missing)();    ///< What to install where it is not there, else nothing; null: it is always there.
};

/// All that the bench knows, ours first.
std::vector<discovery_impl> all_discovery_impls();

struct discovery_options {
    std::vector<std::size_t> instances;
    std::vector<std::string> impls;
    std::string server = "apache";    ///< `apache` and `embedded-process` are started; else a connect string.
    unsigned rounds = 5;
    unsigned changes = 100;    ///< Registrations, and as many removals, per round.
};

/// Measures the peers in turn on the same server and reports the medians of the rounds.
void bench_discovery(const discovery_options& o, report& out);

}    // namespace muster::bench
