// Part of muster. Boost Software License 1.0, see LICENSE.
//
// Idle sessions of muster's client, all on one thread.
#include "bench/sessions_bench.hpp"
#include "bench/usage.hpp"

#include <muster/zk/client.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>
#include <vector>

namespace muster::bench {
namespace {

namespace asio = boost::asio;
using clock = std::chrono::steady_clock;

constexpr std::chrono::seconds connect_patience{20};

class sessions {
public:
    explicit sessions(const idle_work& w) : cfg_(w.hosts) {
        cfg_.session_timeout = w.timeout;
        clients_.reserve(w.sessions);
    }

    void open() { clients_.emplace_back(ioc_, cfg_).start(); }

    /// As a program would run: `run_for` looks at the sockets more often.
    void run_until(clock::time_point end) {
        asio::steady_timer timer(ioc_, end);
        timer.async_wait([this](error_code) { ioc_.stop(); });
        ioc_.run();
        ioc_.restart();
    }

    void await_connected() {
        const auto end = clock::now() + connect_patience;
        while (connected() != clients_.size()) {
            if (clock::now() >= end) throw std::runtime_error(fmt::format("{} of {} connected", connected(), clients_.size()));
            run_until(clock::now() + std::chrono::milliseconds(10));
        }
    }

    /// Throws if one had to connect twice, or was lost.
    void check() const {
        if (connected() != clients_.size()) throw std::runtime_error("sessions were lost");
        for (const zk::client& c : clients_) {
            const auto m = c.metrics();
            if (m.connects != 1) throw std::runtime_error("sessions lost their connection");
            if (m.pings_sent == 0) throw std::runtime_error("a session sent no ping");
        }
    }

private:
    std::size_t connected() const {
        return static_cast<std::size_t>(std::count_if(clients_.begin(), clients_.end(), [](const zk::client& c) {
            return c.session().state == zk::session_state::connected;
        }));
    }

    asio::io_context ioc_{1};    // one thread runs it
    zk::config cfg_;
    std::vector<zk::client> clients_;
};

}    // namespace

idle_round idle_muster(const idle_work& w) {
    sessions all(w);
    all.open();
    all.await_connected();
    // The first has paid for what all share.
    const memory before = memory::now();
    const auto start = clock::now();
    for (std::size_t i = 1; i != w.sessions; ++i) {
        all.open();
        all.run_until(start + w.ping_interval() * static_cast<std::int64_t>(i) / static_cast<std::int64_t>(w.sessions));
    }
    all.await_connected();
    all.run_until(clock::now() + w.ping_interval() * 3 / 2);

    const double cpu = cpu_seconds();
    const auto watched_since = clock::now();
    all.run_until(watched_since + w.duration);
    const std::chrono::duration<double> watched = clock::now() - watched_since;
    idle_round r;
    r.cpu_percent = (cpu_seconds() - cpu) / watched.count() * 100;
    const memory after = memory::now();
    all.check();
    const auto others = static_cast<double>(w.sessions - 1);
    r.bytes_per_session = (after.resident_bytes - before.resident_bytes) / others;
    r.heap_per_session = (after.heap_bytes - before.heap_bytes) / others;
    return r;
}

}    // namespace muster::bench
