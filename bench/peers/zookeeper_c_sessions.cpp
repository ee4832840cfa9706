// Part of muster. Boost Software License 1.0, see LICENSE.
//
// Idle sessions of Apache's C client: the multi-threaded library takes two threads for each.
#include "bench/sessions_bench.hpp"
#include "bench/usage.hpp"

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

class sessions {
public:
    explicit sessions(const idle_work& w) : w_(w) {}
    sessions(const sessions&) = delete;
    sessions& operator=(const sessions&) = delete;
    // The handles stay open: to close them takes a round trip each, and the process ends behind this.

    void open() {
        const auto timeout = static_cast<int>(w_.timeout.count());
        if (!zookeeper_init(w_.hosts.c_str(), on_session, timeout, nullptr, this, 0))
            throw std::runtime_error(fmt::format("zookeeper_init refused \"{}\"", w_.hosts));
        ++opened_;
    }

    void await_connected() {
        std::unique_lock lock(mutex_);
        if (!changed_.wait_for(lock, connect_patience, [this] { return connected_ == opened_; }))
            throw std::runtime_error(fmt::format("{} of {} connected", connected_, opened_));
    }

    void check() {
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
    all.open();
    all.await_connected();
    const memory before = memory::now();
    const auto start = clock::now();
    for (std::size_t i = 1; i != w.sessions; ++i) {
        all.open();
        std::this_thread::sleep_until(start +
                                      w.ping_interval() * static_cast<std::int64_t>(i) / static_cast<std::int64_t>(w.sessions));
    }
    all.await_connected();
    std::this_thread::sleep_for(w.ping_interval() * 3 / 2);

    const double cpu = cpu_seconds();
    const auto watched_since = clock::now();
    std::this_thread::sleep_until(watched_since + w.duration);
    const std::chrono::duration<double> watched = clock::now() - watched_since;
    idle_round r;
    r.cpu_percent = (cpu_seconds() - cpu) / watched.count() * 100;
    const memory after = memory::now();
    all.check();
    r.bytes_per_session = (after.resident_bytes - before.resident_bytes) / static_cast<double>(w.sessions - 1);
    return r;
}

}    // namespace muster::bench
