// Part of muster. Boost Software License 1.0, see LICENSE.
#include "simulation/trace.hpp"

#include <algorithm>
#include <string_view>

namespace muster::sim {

std::string trace::last(std::size_t n) const {
    n = std::min({n, count_, ring_.size()});
    std::string out;
    for (std::size_t i = count_ - n; i != count_; ++i) {
        const entry& e = ring_[i % ring_.size()];
        const auto us = std::chrono::duration_cast<std::chrono::microseconds>(e.at).count();
        fmt::format_to(std::back_inserter(out), "{:6}.{:06}  {}\n", us / 1'000'000, us % 1'000'000,
                       std::string_view(e.text.data(), e.size));
    }
    return out;
}

}    // namespace muster::sim
