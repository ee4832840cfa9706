// Part of muster. Boost Software License 1.0, see LICENSE.
#include "bench/usage.hpp"

#include <malloc.h>
#include <sys/resource.h>
#include <unistd.h>

#include <fstream>
#include <stdexcept>

namespace muster::bench {

double cpu_seconds() noexcept {
    rusage u{};
    getrusage(RUSAGE_SELF, &u);
    const auto seconds = [](const timeval& t) { return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6; };
    return seconds(u.ru_utime) + seconds(u.ru_stime);
}

memory memory::now() {
    double pages = 0;
    double resident = 0;
    std::ifstream statm("/proc/self/statm");
    if (!(statm >> pages >> resident)) throw std::runtime_error("/proc/self/statm cannot be read");
    const auto heap = mallinfo2();
    memory m;
    m.resident_bytes = resident * static_cast<double>(sysconf(_SC_PAGESIZE));
    m.heap_bytes = static_cast<double>(heap.uordblks) + static_cast<double>(heap.hblkhd);
    return m;
}

}    // namespace muster::bench
