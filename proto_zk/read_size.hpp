// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include <cstddef>

namespace muster::zk::proto {

/// How many bytes a connection asks for at once. Replies that came together should be read together, since what their handlers
/// ask for is then written together. But a program may have a thousand sessions that hear nothing but pings and events, and those
/// ask for few.
class read_size {
public:
    static constexpr std::size_t least = 4 * 1024;
    static constexpr std::size_t most = 64 * 1024;

    std::size_t next() const noexcept { return size_; }

    /// Something was read. `busy`: it answered requests, or there are some that wait for their replies.
    void after_read(bool busy) noexcept {
        idle_reads_ = busy ? 0 : idle_reads_ + 1;
        if (busy)
            size_ = most;
        else if (idle_reads_ >= patience)
            size_ = least;
    }

private:
    static constexpr unsigned patience = 2;    // a ping may fall between two requests

    std::size_t size_ = least;
    unsigned idle_reads_ = 0;    // in a row
};

}    // namespace muster::zk::proto
