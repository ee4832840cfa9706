// Part of muster. Boost Software License 1.0, see LICENSE.
//
// XXH64, the hash that Envoy and gRPC place keys and instances with, so that ours stand where theirs do.
#pragma once

#include <cstdint>
#include <string_view>

namespace muster::balance {

std::uint64_t hash64(std::string_view bytes, std::uint64_t seed = 0) noexcept;

/// The lot that an instance draws for a key: 64 bits that look random, each of which hangs on all of the key and of the instance
/// (the finalizer of SplitMix64).
inline std::uint64_t lot(std::uint64_t key, std::uint64_t id) noexcept {
    std::uint64_t z = key ^ id;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

/// A lot in (0, 1].
inline double fraction(std::uint64_t lot) noexcept { return (static_cast<double>(lot >> 11) + 1) * 0x1p-53; }

}    // namespace muster::balance
