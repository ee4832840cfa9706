// Part of muster. Boost Software License 1.0, see LICENSE.
//
// Idle sessions of muster's client, all on one thread.
#include "bench/sessions_bench.hpp"

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

class sessions final : public idle_sessions {
public:
    explicit sessions(const idle_work& w) : cfg_(w.hosts) {
        cfg_.session_timeout = w.timeout;
        clients_.reserve(w.sessions);
    }

    void open() override { clients_.emplace_back(ioc_, cfg_).start(); }

    /// As a program would run: `run_for` looks at the sockets more often.
    void run_until(clock::time_point end) override {
        asio::steady_timer timer(ioc_, end);
        timer.async_wait([this](error_code) { ioc_.stop(); });
        ioc_.run();
        ioc_.restart();
    }

    void await_connected() override {
        const auto end = clock::now() + connect_patience;
        while (connected() != clients_.size()) {
            if (clock::now() >= end) throw std::runtime_error(fmt::format("{} of {} connected", connected(), clients_.size()));
            run_until(clock::now() + std::chrono::milliseconds(10));
        }
    }

    /// Throws if one had to connect twice, or was lost.
    void check() override {
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
    return watch_idle(all, w);
}

}    // namespace muster::bench
