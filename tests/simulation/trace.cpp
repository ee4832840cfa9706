// Part of muster. Boost Software License 1.0, see LICENSE.
#include "simulation/trace.hpp"

#include <algorithm>
#include <string_view>

namespace muster::sim {

std::string recording::text() const {
    const std::uint64_t end = *count;
    const std::uint64_t n = std::min<std::uint64_t>(end, ring.size());
    std::string out;
    for (std::uint64_t i = end - n; i != end; ++i) {
        const entry& e = ring[i % ring.size()];
        // Whoever has crashed may have written anything here.
        const std::string_view what(e.text.data(), std::min(e.size, e.text.size()));
        const auto us = std::chrono::duration_cast<std::chrono::microseconds>(e.at).count();
        fmt::format_to(std::back_inserter(out), "{:6}.{:06}  {}\n", us / 1'000'000, us % 1'000'000, what);
    }
    return out;
}

}    // namespace muster::sim
