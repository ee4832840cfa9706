// Part of muster. Boost Software License 1.0, see LICENSE.
#include "balance/stripe.hpp"

#include <algorithm>
#include <bit>

namespace muster::balance {

stripe_count stripes_for(std::size_t threads) noexcept {
    constexpr std::size_t most = 64;
    return threads <= 1 ? stripe_count{0} : static_cast<stripe_count>(std::bit_ceil(std::min(threads, most)));
}

}    // namespace muster::balance
