// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include <fmt/format.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>

namespace muster::sim {

/// Time since the beginning of a run.
using instant = std::chrono::nanoseconds;

/// The last events of a run, in memory that outlives it, and can be that of another process.
struct recording {
    struct entry {
        instant at{};
        std::size_t size = 0;
        std::array<char, 180> text;
    };

    std::span<entry> ring;
    std::uint64_t* count;    // of all events, those that are not kept any more included

    /// The events that are kept, oldest first, a line each.
    std::string text() const;
};

/// What happened, in order: records the last events to be read by people, and keeps a hash of all of them. Two runs with the same
/// hash did the same.
class trace {
public:
    explicit trace(recording kept) : kept_(kept) { *kept_.count = 0; }

    template <class... Args>
    void add(instant at, fmt::format_string<Args...> format, Args&&... args) {
        recording::entry& e = kept_.ring[*kept_.count % kept_.ring.size()];
        e.at = at;
        const auto end = fmt::format_to_n(e.text.data(), e.text.size(), format, std::forward<Args>(args)...);
        e.size = end.size < e.text.size() ? end.size : e.text.size();
        ++*kept_.count;
        mix(static_cast<std::uint64_t>(at.count()));
        for (std::size_t i = 0; i < e.size; ++i) mix(static_cast<unsigned char>(e.text[i]));
    }

    std::uint64_t hash() const noexcept { return hash_; }

private:
    void mix(std::uint64_t v) noexcept { hash_ = (hash_ ^ v) * 0x100000001b3U; }    // FNV-1a

    recording kept_;
    std::uint64_t hash_ = 0xcbf29ce484222325U;
};

}    // namespace muster::sim
