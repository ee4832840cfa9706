// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include <chrono>
#include <memory>
#include <utility>

namespace muster::zk {

/// As a time that an operation may take: as long as it wants.
inline constexpr std::chrono::milliseconds no_timeout = std::chrono::milliseconds::max();

namespace detail {

class client_impl;

/// The client that an operation is for, and how long the operation may take.
class client_ref {
public:
    explicit client_ref(std::shared_ptr<client_impl> i, std::chrono::milliseconds t = no_timeout) noexcept
        : impl(std::move(i)), timeout(t) {}

    client_impl* operator->() const noexcept { return impl.get(); }

    std::shared_ptr<client_impl> impl;
    std::chrono::milliseconds timeout;
};

}    // namespace detail
}    // namespace muster::zk
