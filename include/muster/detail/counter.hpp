// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include <atomic>

#if __has_include(<sys/single_threaded.h>)
#include <sys/single_threaded.h>
#define MUSTER_KNOWS_SINGLE_THREADED
#endif

namespace muster::balance {

/// True while the process has had one thread only. False where that is not known.
inline bool single_threaded() noexcept {
#ifdef MUSTER_KNOWS_SINGLE_THREADED
    return __libc_single_threaded;
#else
    return false;
#endif
}

/// Adds `v` to a counter and gives what it was. The locked instruction costs 5 ns and a lease needs several; a process that has
/// no second thread does without, as std::shared_ptr does.
template <class T>
inline T fetch_add(std::atomic<T>& counter, T v, std::memory_order order = std::memory_order_relaxed) noexcept {
    if (single_threaded()) [[likely]] {    // where there are threads, the locked instruction hides what this costs
        const T old = counter.load(std::memory_order_relaxed);
        counter.store(old + v, std::memory_order_relaxed);
        return old;
    }
    return counter.fetch_add(v, order);
}

}    // namespace muster::balance
