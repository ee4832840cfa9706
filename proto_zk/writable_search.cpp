// Part of muster. Boost Software License 1.0, see LICENSE.
#include "proto_zk/writable_search.hpp"

#include <algorithm>

namespace muster::zk::proto {
namespace {

// As long as the field's clients wait.
constexpr std::chrono::milliseconds shortest_delay{100};
constexpr std::chrono::seconds longest_delay{60};

}    // namespace

void writable_search::begin(std::optional<std::size_t> here, std::size_t hosts, time_point now) noexcept {
    hosts_ = hosts;
    next_ = here ? (*here + 1) % hosts : 0;
    asked_ = 0;
    delay_ = shortest_delay;
    due_ = now;
}

void writable_search::replace_hosts(std::size_t hosts) noexcept {
    if (hosts_ != 0) begin({}, hosts, {});
}

std::optional<std::size_t> writable_search::take(time_point now) noexcept {
    if (now < due()) return std::nullopt;
    const auto host = next_;
    next_ = (next_ + 1) % hosts_;
    due_ = now + patience_;
    return host;
}

void writable_search::refused(time_point now, std::uint64_t random) noexcept {
    const auto fraction = static_cast<double>(random >> 32) / 4294967296.0;
    due_ = now + delay_ / 2 + std::chrono::duration_cast<duration>(delay_ / 2 * fraction);
    if (++asked_ < hosts_) return;
    asked_ = 0;
    delay_ = std::min<duration>(delay_ * 2, longest_delay);
}

}    // namespace muster::zk::proto
