// Part of muster. Boost Software License 1.0, see LICENSE.
#include "bench/allocations.hpp"

#include <cstdlib>
#include <new>

namespace {

constinit thread_local std::uint64_t allocations = 0;

}    // namespace

namespace muster::bench {
std::uint64_t allocations_of_this_thread() noexcept { return allocations; }
}    // namespace muster::bench

// Clang's thread sanitizer has operators of its own, which cannot be replaced: nothing is counted there.
#ifdef __has_feature
#if __has_feature(thread_sanitizer)
#define MUSTER_OPERATORS_ARE_THE_SANITIZERS
#endif
#endif
#ifndef MUSTER_OPERATORS_ARE_THE_SANITIZERS

namespace {

void* allocate(std::size_t size) {
    ++allocations;
    if (void* p = std::malloc(size != 0 ? size : 1)) return p;
    throw std::bad_alloc();
}

void* allocate(std::size_t size, std::align_val_t alignment) {
    ++allocations;
    const auto a = static_cast<std::size_t>(alignment);
    if (void* p = std::aligned_alloc(a, (size + a - 1) / a * a)) return p;
    throw std::bad_alloc();
}

}    // namespace

// The forms that are not here (arrays) call these, or are a sanitizer's own on both sides.
void* operator new(std::size_t size) { return allocate(size); }
void* operator new(std::size_t size, std::align_val_t alignment) { return allocate(size, alignment); }
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
    try {
        return allocate(size);
    } catch (const std::bad_alloc&) {
        return nullptr;
    }
}
void operator delete(void* p) noexcept { std::free(p); }
void operator delete(void* p, const std::nothrow_t&) noexcept { std::free(p); }
void operator delete(void* p, std::size_t) noexcept { std::free(p); }
void operator delete(void* p, std::align_val_t) noexcept { std::free(p); }
void operator delete(void* p, std::size_t, std::align_val_t) noexcept { std::free(p); }

#endif
