// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace muster::zk::proto {

/// Which server is asked next whether it takes writes, and when, while the one that a client is connected to takes none.
///
/// One is asked at a time, in the order of the list. Between two questions lies a delay that doubles after each round over all
/// servers, of which the upper half is drawn: who lost a quorum lost it with many others.
class writable_search {
public:
    using clock = std::chrono::steady_clock;
    using time_point = clock::time_point;
    using duration = clock::duration;

    /// `patience`: how long a server may take to answer.
    explicit writable_search(duration patience) noexcept : patience_(patience) {}

    /// A connection to server `here` of so many stands, if it is on the list; it is the last one to be asked.
    void begin(std::optional<std::size_t> here, std::size_t hosts, time_point now) noexcept;

    /// The connection is gone.
    void end() noexcept { hosts_ = 0; }

    /// The list is another one; what is being asked does not count.
    void replace_hosts(std::size_t hosts) noexcept;

    /// The server to be asked now; given once. What was asked before and has not been answered does not count any more.
    std::optional<std::size_t> take(time_point now) noexcept;

    /// The server that was taken last does not take writes, or was not reached. `random` are 64 random bits.
    void refused(time_point now, std::uint64_t random) noexcept;

    /// When `take` gives another one.
    time_point due() const noexcept { return hosts_ != 0 ? due_ : time_point::max(); }

private:
    duration patience_;
    duration delay_{};
    std::size_t hosts_ = 0;    // 0: there is no search
    std::size_t next_ = 0;
    std::size_t asked_ = 0;    // in this round
    time_point due_{};
};

}    // namespace muster::zk::proto
