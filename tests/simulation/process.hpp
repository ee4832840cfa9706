// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include "runtime/completion.hpp"
#include "runtime/world.hpp"
#include "simulation/kernel.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace muster::sim {

class network;

/// A process of the cluster: the world of the library's objects that live in it.
///
/// Its clock shows the kernel's time with an offset of its own, and runs faster or slower by some millionths. Frozen, its timers
/// and what arrives for it wait. Dead, it reaches nobody any more: everything that it waits for ends, so that its objects can go.
class process final : public runtime::world {
public:
    /// Greatest deviation of a clock's rate, in millionths.
    static constexpr std::int64_t worst_rate = 100;

    /// `rate` in millionths of the kernel's, at most `worst_rate` from 0.
    process(kernel& k, network& n, std::string name, std::size_t number, std::chrono::hours offset, std::int64_t rate);

    // runtime::world
    runtime::time_point now() noexcept override { return local(kernel_.now()); }
    /// As good as any: nothing of a client's depends on it.
    runtime::wall_time_point wall_now() noexcept override {
        return runtime::wall_time_point(std::chrono::duration_cast<runtime::wall_time_point::duration>(now().time_since_epoch()));
    }
    std::uint64_t random() noexcept override { return chance_.bits(); }
    std::unique_ptr<runtime::timer> make_timer(const asio::any_io_executor& ex) override;
    void async_resolve(const asio::any_io_executor& ex, std::string host, std::uint16_t port,
                       runtime::resolve_handler h) override;
    void async_connect(const asio::any_io_executor& ex, runtime::endpoint to, runtime::connect_handler h) override;

    const std::string& name() const noexcept { return name_; }
    /// Unique among all processes of a run, dead ones included.
    std::size_t number() const noexcept { return number_; }
    kernel& time() noexcept { return kernel_; }

    runtime::time_point local(instant t) const noexcept;
    /// When this process's clock shows `t`, rounded up.
    instant at_kernel(runtime::time_point t) const noexcept;

    void freeze() noexcept { frozen_ = true; }
    void thaw();
    bool frozen() const noexcept { return frozen_; }
    void die();
    bool dead() const noexcept { return dead_; }

    /// Calls `act` now, or when the process is not frozen any more; never once it is dead.
    void when_awake(std::function<void()> act);

    /// Timers that are being waited for.
    std::size_t waits() const noexcept { return waits_.size(); }

private:
    class wait_timer;

    void fire(std::uint64_t id);

    kernel& kernel_;
    network& network_;
    const std::string name_;
    const std::size_t number_;
    const runtime::time_point epoch_;
    const std::int64_t rate_;
    sim::random chance_;
    bool frozen_ = false;
    bool dead_ = false;
    std::uint64_t last_wait_ = 0;
    std::unordered_map<std::uint64_t, wait_timer*> waits_;
    std::vector<std::function<void()>> asleep_;
};

}    // namespace muster::sim
