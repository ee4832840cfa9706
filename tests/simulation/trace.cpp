// Part of muster. Boost Software License 1.0, see LICENSE.
#include "simulation/trace.hpp"

#include <algorithm>
#include <string_view>

namespace muster::sim {

std::string recording::text() const {
    const std::uint64_t n = std::min<std::uint64_t>(*count, ring.size());
    std::string out;
    for (std::uint64_t i = *count - n; i != *count; ++i) {
        const entry& e = ring[i % ring.size()];
        const auto us = std::chrono::duration_cast<std::chrono::microseconds>(e.at).count();
        fmt::format_to(std::back_inserter(out), "{:6}.{:06}  {}\n", us / 1'000'000, us % 1'000'000,
                       std::string_view(e.text.data(), e.size));
    }
    return out;
}

}    // namespace muster::sim
