// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include <fmt/format.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace muster::sim {

/// Time since the beginning of a run.
using instant = std::chrono::nanoseconds;

/// What happened, in order: keeps the last events to be read by people, and a hash of all of them. Two runs with the same hash
/// did the same.
class trace {
public:
    explicit trace(std::size_t kept) : ring_(kept) {}

    template <class... Args>
    void add(instant at, fmt::format_string<Args...> format, Args&&... args) {
        entry& e = ring_[count_++ % ring_.size()];
        e.at = at;
        const auto end = fmt::format_to_n(e.text.data(), e.text.size(), format, std::forward<Args>(args)...);
        e.size = end.size < e.text.size() ? end.size : e.text.size();
        mix(static_cast<std::uint64_t>(at.count()));
        for (std::size_t i = 0; i < e.size; ++i) mix(static_cast<unsigned char>(e.text[i]));
    }

    std::uint64_t hash() const noexcept { return hash_; }
    std::size_t count() const noexcept { return count_; }

    /// The last events, oldest first, a line each.
    std::string last(std::size_t n) const;

private:
    struct entry {
        instant at{};
        std::size_t size = 0;
        std::array<char, 180> text;
    };

    void mix(std::uint64_t v) noexcept { hash_ = (hash_ ^ v) * 0x100000001b3U; }    // FNV-1a

    std::vector<entry> ring_;
    std::size_t count_ = 0;
    std::uint64_t hash_ = 0xcbf29ce484222325U;
};

}    // namespace muster::sim
