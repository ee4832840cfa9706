// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include <cstddef>

namespace muster::test {

/// Observes operator new on this thread: the largest single allocation since construction, and the sum of all.
class largest_allocation {
public:
    largest_allocation() noexcept;
    std::size_t bytes() const noexcept;
    std::size_t total() const noexcept;
};

/// While it lives, larger allocations of this thread fail.
class allocation_limit {
public:
    explicit allocation_limit(std::size_t bytes) noexcept;
    allocation_limit(const allocation_limit&) = delete;
    allocation_limit& operator=(const allocation_limit&) = delete;
    ~allocation_limit();
};

}    // namespace muster::test
