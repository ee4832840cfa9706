// Part of muster. Boost Software License 1.0, see LICENSE.
//
// XXH64, the hash that Envoy and gRPC place keys and instances with, so that ours stand where theirs do.
#pragma once

#include <cstdint>
#include <string_view>

namespace muster::balance {

std::uint64_t hash64(std::string_view bytes, std::uint64_t seed = 0) noexcept;

}    // namespace muster::balance
