// Part of muster. Boost Software License 1.0, see LICENSE.
//
// What a program needs to run servers beside others: a folder and a port of its own.
#pragma once

#include <cstdint>
#include <filesystem>
#include <utility>

namespace muster::test {

/// A new, empty folder, removed with all its contents on destruction.
class temp_dir {
public:
    /// Throws `std::filesystem::filesystem_error`.
    temp_dir();
    temp_dir(temp_dir&& o) noexcept : path_(std::exchange(o.path_, {})) {}
    temp_dir& operator=(temp_dir&& o) noexcept {
        std::swap(path_, o.path_);
        return *this;
    }
    ~temp_dir();

    const std::filesystem::path& path() const noexcept { return path_; }

private:
    std::filesystem::path path_;
};

/// A loopback TCP port that nobody listens on, and that no other call hands out, in this process or another, until this
/// process ends.
///
/// It lies below the range from which the system takes the ports of outgoing connections: none of those can sit on it while
/// a server that is to come back on it is down. Throws `std::runtime_error` where none is left.
std::uint16_t free_port();

}    // namespace muster::test
