// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include <muster/zk/log.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace muster::zk::proto {

/// A log record before the server has its name.
struct note {
    log_level level = log_level::info;
    log_event event = log_event::connecting;
    session_id session = 0;
    std::optional<std::size_t> host;    // its place in the connect string
    error_code error;
    std::optional<std::chrono::nanoseconds> duration;
    std::optional<std::uint64_t> count;
};

/// How much an event matters.
log_level level_of(log_event e) noexcept;

/// An event in words.
const char* describe(log_event e) noexcept;

/// What a session has to tell, until its driver asks. Below the level that is wanted nothing is kept.
class notes {
public:
    explicit notes(log_level least) noexcept : least_(least) {}

    void add(note n) {
        n.level = level_of(n.event);
        if (n.level >= least_) notes_.push_back(std::move(n));
    }
    bool empty() const noexcept { return notes_.empty(); }
    std::vector<note> take() noexcept { return std::exchange(notes_, {}); }

private:
    log_level least_;
    std::vector<note> notes_;
};

}    // namespace muster::zk::proto
