// Part of muster. Boost Software License 1.0, see LICENSE.
//
// What every measured service discovery has to do, and what is measured of it. Known to all peers.
#pragma once

#include "bench/statistics.hpp"

#include <fmt/format.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

namespace muster::bench {

/// The work of one round: somebody opens a service with so many instances and waits until it sees them all; then another session
/// registers one instance more and removes it again, `warm_up` and then `changes` times.
struct discovery_work {
    static constexpr std::chrono::milliseconds session_timeout{10'000};
    /// Between changes: each is seen on its own, and is not gathered with the one before.
    static constexpr std::chrono::milliseconds pause{20};

    std::string observer;     ///< Connect string of who looks.
    std::string registrar;    ///< Connect string of who registers and removes.
    std::string root;         ///< One component, without a slash: the services stand below it.
    std::size_t instances = 100;
    unsigned warm_up = 20;
    unsigned changes = 100;
    /// What has passed between the observer and its server; null: is not counted.
    std::function<std::uint64_t()> bytes;

    std::string muster_service() const { return fmt::format("muster-{}", instances); }
    std::string curator_service() const { return fmt::format("curator-{}", instances); }
};

/// What one peer did in one round.
struct discovery_round {
    double bootstrap_ms = 0;    ///< From opening the service, on a session that stands, until all instances are visible.
    double rss_mib = 0;         ///< By how much the process grew meanwhile.
    double add_p50_us = 0;      ///< From the call that registers until the instance is visible.
    double add_p99_us = 0;
    double remove_p50_us = 0;    ///< From the call that removes until it is gone.
    double remove_p99_us = 0;
    double bytes_per_change = 0;    ///< Requests, replies and events of the observer, without the headers of TCP.
};

/// Collects what a peer tells while it works.
class discovery_meter {
public:
    explicit discovery_meter(const discovery_work& w) : work_(w) {}

    void bootstrapped(std::chrono::nanoseconds took, double grown_mib);
    void added(std::chrono::nanoseconds took) { record(added_, took); }
    void removed(std::chrono::nanoseconds took) { record(removed_, took); }
    /// All changes so far belong to warming up.
    void warm();
    discovery_round result() const;

private:
    static void record(histogram& h, std::chrono::nanoseconds took) { h.record(static_cast<std::uint64_t>(took.count())); }

    const discovery_work& work_;
    discovery_round round_;
    histogram added_;
    histogram removed_;
    std::uint64_t bytes_before_ = 0;
};

/// Does the work once and measures it; throws what went wrong.
using discovery_peer = discovery_round (*)(const discovery_work& w);

discovery_round run_muster_discovery(const discovery_work& w);
/// Apache Curator's ServiceCache, in a Java process of its own.
discovery_round run_curator_discovery(const discovery_work& w);
/// What is missing for that; empty: nothing is, and the program is compiled. Compiles it once.
std::string why_no_curator();

/// Makes the instances that stand below `w.root` from the beginning, of both layouts, as persistent znodes; and removes them and
/// all that is below. Both throw what went wrong.
void populate(const discovery_work& w);
void depopulate(const discovery_work& w);

/// Memory of this process that is in RAM, in MiB.
double resident_mib();

}    // namespace muster::bench
