// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include <cstddef>
#include <cstdint>

namespace muster::zk::proto {

/// The five kinds of watches that a server can be asked for. The values are the order of the lists in a setWatches2 request.
enum class watch_kind : std::uint8_t { data, exist, child, persistent, recursive };
inline constexpr std::size_t watch_kinds = 5;

/// True for the kinds that stay when they have fired.
constexpr bool is_lasting(watch_kind k) noexcept { return k == watch_kind::persistent || k == watch_kind::recursive; }

}    // namespace muster::zk::proto
