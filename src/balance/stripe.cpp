// Part of muster. Boost Software License 1.0, see LICENSE.
#include "balance/stripe.hpp"

#include "balance/counter.hpp"

#include <algorithm>
#include <bit>
#include <thread>

namespace muster::balance {

stripe_count stripes_for(std::size_t threads) noexcept {
    constexpr std::size_t most = 64;
    constexpr std::size_t most_unasked = 8;
    if (threads == 0) threads = single_threaded() ? 1 : std::min<std::size_t>(std::thread::hardware_concurrency(), most_unasked);
    if (threads <= 1) return 0;
    return static_cast<stripe_count>(std::bit_ceil(std::min(threads, most)));
}

}    // namespace muster::balance
