// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#ifndef __has_feature    // it is clang's
#define __has_feature(x) 0
#endif

namespace muster::test {

/// True where a sanitizer makes programs several times as slow: what a test says about time does not hold there.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || __has_feature(address_sanitizer) || \
    __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
inline constexpr bool sanitized = true;
#else
inline constexpr bool sanitized = false;
#endif

}    // namespace muster::test
