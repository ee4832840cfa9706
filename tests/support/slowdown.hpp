// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

namespace muster::test {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define MUSTER_WATCHED
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define MUSTER_WATCHED
#endif
#endif

/// How many times as long a program may take as is promised: what a sanitizer watches is slower by that at the worst, when it is
/// not optimized.
#ifdef MUSTER_WATCHED
inline constexpr int slowdown = 10;
#else
inline constexpr int slowdown = 1;
#endif

#undef MUSTER_WATCHED

}    // namespace muster::test
