// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

namespace muster::bench {

/// User and system time that this process has taken so far.
double cpu_seconds() noexcept;

/// What this process has of memory now.
struct memory {
    double resident_bytes = 0;    ///< In RAM: what was never touched is not.
    double heap_bytes = 0;        ///< Given out by malloc's main arena, touched or not: all, where there is one thread.

    static memory now();
};

}    // namespace muster::bench
