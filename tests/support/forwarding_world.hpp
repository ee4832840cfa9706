// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include "runtime/world.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

namespace muster::test {

/// Another world, for tests that change a part of it.
class forwarding_world : public runtime::world {
public:
    explicit forwarding_world(std::shared_ptr<runtime::world> w) : world_(std::move(w)) {}

    runtime::time_point now() noexcept override { return world_->now(); }
    runtime::wall_time_point wall_now() noexcept override { return world_->wall_now(); }
    std::uint64_t random() noexcept override { return world_->random(); }
    std::unique_ptr<runtime::timer> make_timer(const runtime::asio::any_io_executor& ex) override {
        return world_->make_timer(ex);
    }
    void async_resolve(const runtime::asio::any_io_executor& ex, std::string host, std::uint16_t port,
                       runtime::resolve_handler h) override {
        world_->async_resolve(ex, std::move(host), port, std::move(h));
    }
    void async_connect(const runtime::asio::any_io_executor& ex, runtime::endpoint to, runtime::connect_handler h) override {
        world_->async_connect(ex, std::move(to), std::move(h));
    }

private:
    const std::shared_ptr<runtime::world> world_;
};

}    // namespace muster::test
