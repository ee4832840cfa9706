// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include "bench/child.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace muster::bench {

/// Passes bytes between its clients and a server, and counts them: what a client costs on the wire is known without asking it.
/// It runs in a process of its own.
class relay {
public:
    /// To the first server of a connect string. Throws `std::system_error`.
    explicit relay(const std::string& hosts);
    relay(const relay&) = delete;
    relay& operator=(const relay&) = delete;
    ~relay();

    /// The connect string that leads through it.
    const std::string& connect_string() const noexcept { return through_; }

    /// What has passed so far, in both directions. Also in processes that were forked from the one that made it.
    std::uint64_t bytes() const noexcept;

private:
    struct counter;

    counter* counted_;    ///< In memory that the processes share.
    std::string through_;
    std::optional<companion> process_;
};

}    // namespace muster::bench
