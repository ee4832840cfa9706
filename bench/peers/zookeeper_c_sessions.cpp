// Part of muster. Boost Software License 1.0, see LICENSE.
//
// Idle sessions of Apache's C client: the multi-threaded library takes two threads for each.
#include "bench/sessions_bench.hpp"

#include <fmt/format.h>
#include <zookeeper/zookeeper.h>

#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <mutex>
#include <stdexcept>
#include <thread>

namespace muster::bench {
namespace {

using clock = std::chrono::steady_clock;

constexpr std::chrono::seconds connect_patience{20};

class sessions final : public idle_sessions {
public:
    explicit sessions(const idle_work& w) : w_(w) {}
    sessions(const sessions&) = delete;
    sessions& operator=(const sessions&) = delete;
    // The handles stay open: to close them takes a round trip each, and the process ends behind this.

    void open() override {
        const auto timeout = static_cast<int>(w_.timeout.count());
        if (!zookeeper_init(w_.hosts.c_str(), on_session, timeout, nullptr, this, 0))
            throw std::runtime_error(fmt::format("zookeeper_init refused \"{}\"", w_.hosts));
        ++opened_;
    }

    void await_connected() override {
        std::unique_lock lock(mutex_);
        if (!changed_.wait_for(lock, connect_patience, [this] { return connected_ == opened_; }))
            throw std::runtime_error(fmt::format("{} of {} connected", connected_, opened_));
    }

    void run_until(clock::time_point end) override { std::this_thread::sleep_until(end); }

    void check() override {
        const std::lock_guard lock(mutex_);
        if (lost_) throw std::runtime_error("sessions lost their connection");
    }

private:
    static void on_session(zhandle_t*, int type, int state, const char*, void* context) {
        if (type != ZOO_SESSION_EVENT) return;
        auto& self = *static_cast<sessions*>(context);
        const std::lock_guard lock(self.mutex_);
        if (state == ZOO_CONNECTED_STATE)
            ++self.connected_;
        else
            self.lost_ = true;
        self.changed_.notify_all();
    }

    const idle_work& w_;
    std::size_t opened_ = 0;
    std::mutex mutex_;    // guards what follows
    std::condition_variable changed_;
    std::size_t connected_ = 0;
    bool lost_ = false;
};

}    // namespace

idle_round idle_zookeeper_c(const idle_work& w) {
    zoo_set_debug_level(ZOO_LOG_LEVEL_ERROR);
    zoo_set_log_stream(std::fopen("/dev/null", "w"));    // it tells every attempt to connect; what failed is said below
    auto& all = *new sessions(w);                        // its threads go on until the process ends
    return watch_idle(all, w);
}

}    // namespace muster::bench
