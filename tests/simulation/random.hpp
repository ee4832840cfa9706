// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace muster::sim {

/// Random numbers of one purpose. The same seed and purpose give the same numbers with every compiler and library; one more draw
/// for one purpose changes those of no other.
class random {
public:
    random(std::uint64_t seed, std::string_view purpose) noexcept : state_(seed) {
        for (const char c : purpose) state_ = mix(state_ ^ static_cast<unsigned char>(c));
    }

    /// 64 independent bits (splitmix64).
    std::uint64_t bits() noexcept { return mix(state_ += 0x9e3779b97f4a7c15U); }

    /// From 0 to `n - 1`. Precondition: `n` is not 0.
    std::size_t below(std::size_t n) noexcept { return static_cast<std::size_t>(bits() % n); }

    /// From `first` to `last`, both included.
    std::int64_t number(std::int64_t first, std::int64_t last) noexcept {
        return first + static_cast<std::int64_t>(bits() % static_cast<std::uint64_t>(last - first + 1));
    }

    /// From `shortest` to `longest`, to the microsecond.
    template <class D1, class D2>
    std::chrono::nanoseconds between(D1 shortest, D2 longest) noexcept {
        using std::chrono::microseconds;
        return microseconds(number(std::chrono::duration_cast<microseconds>(shortest).count(),
                                   std::chrono::duration_cast<microseconds>(longest).count()));
    }

    /// True in so many of a hundred cases.
    bool percent(unsigned p) noexcept { return bits() % 100 < p; }

    template <class Container>
    auto& pick(Container& c) noexcept {
        return c[below(c.size())];
    }

private:
    static std::uint64_t mix(std::uint64_t z) noexcept {
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
        return z ^ (z >> 31);
    }

    std::uint64_t state_;
};

}    // namespace muster::sim
