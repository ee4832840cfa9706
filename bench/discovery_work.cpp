// Part of muster. Boost Software License 1.0, see LICENSE.
#include "bench/discovery_work.hpp"

#include <fstream>

#include <unistd.h>

namespace muster::bench {

void discovery_meter::bootstrapped(std::chrono::nanoseconds took, double grown_mib) {
    round_.bootstrap_ms = std::chrono::duration<double, std::milli>(took).count();
    round_.rss_mib = grown_mib;
}

void discovery_meter::warm() {
    added_ = histogram();
    removed_ = histogram();
    if (work_.bytes) bytes_before_ = work_.bytes();
}

discovery_round discovery_meter::result() const {
    discovery_round r = round_;
    r.add_p50_us = added_.quantile(0.50) / 1e3;
    r.add_p99_us = added_.quantile(0.99) / 1e3;
    r.remove_p50_us = removed_.quantile(0.50) / 1e3;
    r.remove_p99_us = removed_.quantile(0.99) / 1e3;
    const auto changes = added_.count() + removed_.count();
    if (work_.bytes && changes > 0)
        r.bytes_per_change = static_cast<double>(work_.bytes() - bytes_before_) / static_cast<double>(changes);
    return r;
}

double resident_mib() {
    std::ifstream statm("/proc/self/statm");
    double size = 0;
    double resident = 0;
    statm >> size >> resident;
    return resident * static_cast<double>(sysconf(_SC_PAGESIZE)) / (1024.0 * 1024.0);
}

}    // namespace muster::bench
