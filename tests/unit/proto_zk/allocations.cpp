// Part of muster. Boost Software License 1.0, see LICENSE.
#include "allocations.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <new>

namespace {
thread_local std::size_t largest = 0;
thread_local std::size_t total = 0;
thread_local std::size_t limit = SIZE_MAX;
}    // namespace

void* operator new(std::size_t n, const std::nothrow_t&) noexcept {
    largest = std::max(largest, n);
    total += n;
    if (n > limit) return nullptr;
    return std::malloc(n != 0 ? n : 1);
}
void* operator new(std::size_t n) {
    if (void* p = operator new(n, std::nothrow)) return p;
    throw std::bad_alloc();
}
void operator delete(void* p) noexcept { std::free(p); }
void operator delete(void* p, std::size_t) noexcept { std::free(p); }

namespace muster::test {

largest_allocation::largest_allocation() noexcept { ::largest = ::total = 0; }
std::size_t largest_allocation::bytes() const noexcept { return ::largest; }
std::size_t largest_allocation::total() const noexcept { return ::total; }

allocation_limit::allocation_limit(std::size_t bytes) noexcept { limit = bytes; }
allocation_limit::~allocation_limit() { limit = SIZE_MAX; }

}    // namespace muster::test
