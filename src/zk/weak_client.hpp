// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include <muster/zk/client.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <utility>

namespace muster::zk::detail {

/// A client for as long as somebody else has it.
class weak_client {
public:
    explicit weak_client(const client& c) noexcept : impl_(c.impl_.impl), timeout_(c.impl_.timeout) {}

    std::optional<client> lock() const {
        auto impl = impl_.lock();
        if (!impl) return std::nullopt;
        return client(client_ref(std::move(impl), timeout_));
    }

private:
    const std::weak_ptr<client_impl> impl_;
    const std::chrono::milliseconds timeout_;
};

}    // namespace muster::zk::detail
