// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include <cstdint>

namespace muster::bench {

/// How often the calling thread has called `operator new`, in any of its forms. The bench binary replaces it to count.
std::uint64_t allocations_of_this_thread() noexcept;

}    // namespace muster::bench
