// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include <atomic>

#if __has_include(<sys/single_threaded.h>)
#include <sys/single_threaded.h>
#define MUSTER_KNOWS_SINGLE_THREADED
#endif

namespace muster::balance {

/// Adds `v` to a counter and gives what it was. The locked instruction costs 5 ns and a lease needs several; a process that has
/// no second thread does without, as std::shared_ptr does.
template <class T>
inline T fetch_add(std::atomic<T>& counter, T v, std::memory_order order = std::memory_order_relaxed) noexcept {
#ifdef MUSTER_KNOWS_SINGLE_THREADED
    if (__libc_single_threaded) {
        const T old = counter.load(std::memory_order_relaxed);
        counter.store(old + v, std::memory_order_relaxed);
        return old;
    }
#endif
    return counter.fetch_add(v, order);
}

}    // namespace muster::balance
