// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include "bench/report.hpp"
#include "bench/workload.hpp"

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

namespace muster::bench {

/// A client that the bench knows.
struct client_impl {
    std::string_view name;
    client_peer run;             ///< Null: it was not there when the bench was built.
    std::string_view missing;    ///< What to install then.
    client_peer run_embedded;    ///< With the embedded server in its own thread; null: it cannot.
};

/// All that the bench knows, ours first.
std::vector<client_impl> all_client_impls();

struct client_options {
    std::vector<client_op> ops;
    std::vector<unsigned> windows;
    std::vector<std::string> impls;
    /// `embedded`: the embedded server, in the client's own thread; else as `bench_server` says.
    std::string server = "apache";
    unsigned rounds = 5;
    std::chrono::nanoseconds duration{};    ///< Of one client's part of a round.
};

/// Measures the clients in turn on the same server and reports the medians of the rounds.
void bench_client(const client_options& o, report& out);

}    // namespace muster::bench
