// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include <cstddef>

namespace muster::test {

/// Observes operator new on this thread: the largest single allocation since construction.
class largest_allocation {
public:
    largest_allocation() noexcept;
    std::size_t bytes() const noexcept;
};

}    // namespace muster::test
