// Part of muster. Boost Software License 1.0, see LICENSE.
#include "proto_zk/host_cycle.hpp"

#include <algorithm>
#include <numeric>
#include <random>

namespace muster::zk::proto {

host_cycle::host_cycle(std::size_t hosts, duration backoff_min, duration backoff_max, std::uint64_t seed)
    : order_(hosts), min_(backoff_min), max_(std::max(backoff_min, backoff_max)), bound_(backoff_min) {
    std::iota(order_.begin(), order_.end(), std::size_t{0});
    std::mt19937_64 engine(seed);
    std::shuffle(order_.begin(), order_.end(), engine);
}

host_cycle::duration host_cycle::failed(duration cap, std::uint64_t random) noexcept {
    advance();
    if (++tried_ < order_.size()) return duration::zero();
    tried_ = 0;
    const auto bound = std::min(bound_, cap);
    bound_ = std::min(bound_ * 2, max_);
    // The upper 32 bits as a fraction of the bound; a bound of hours in nanoseconds does not overflow a long double product.
    const auto fraction = static_cast<double>(random >> 32) / 4294967296.0;
    return duration(static_cast<duration::rep>(static_cast<double>(bound.count()) * fraction));
}

void host_cycle::lost() noexcept {
    advance();
    tried_ = 0;
    bound_ = min_;
}

}    // namespace muster::zk::proto
