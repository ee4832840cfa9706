// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include <algorithm>
#include <cstddef>

namespace muster::zk::proto {

/// How many bytes a connection asks for at once: few where pings are all that comes, since a program may have a thousand idle
/// sessions, and more as soon as reads are filled.
class read_size {
public:
    static constexpr std::size_t least = 4 * 1024;
    static constexpr std::size_t most = 64 * 1024;

    std::size_t next() const noexcept { return size_; }

    /// A read gave `n` bytes.
    void gave(std::size_t n) noexcept {
        if (n >= size_) {
            size_ = std::min(2 * size_, most);
            quiet_ = 0;
        } else if (n > size_ / 4) {
            quiet_ = 0;
        } else if (++quiet_ == patience) {
            size_ = std::max(size_ / 2, least);
            quiet_ = 0;
        }
    }

private:
    static constexpr unsigned patience = 64;    // a client that lists a large znode now and then keeps its size

    std::size_t size_ = least;
    unsigned quiet_ = 0;    // reads in a row that gave little
};

}    // namespace muster::zk::proto
