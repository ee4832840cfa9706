// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include <cstdint>

namespace muster::embedded {

/// The next of a sequence of numbers that look random (SplitMix64). Any state will do.
constexpr std::uint64_t next_random(std::uint64_t& state) noexcept {
    state += 0x9e3779b97f4a7c15U;
    std::uint64_t z = state;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9U;
    z = (z ^ z >> 27) * 0x94d049bb133111ebU;
    return z ^ z >> 31;
}

}    // namespace muster::embedded
