// Part of muster. Boost Software License 1.0, see LICENSE.
#include "support/zk_server.hpp"

#include "support/eventually.hpp"

#include <csignal>
#include <cstdlib>
#include <stdexcept>
#include <utility>
#include <vector>

namespace muster::test {
namespace {

class embedded_server_process final : public local_server {
public:
    using local_server::local_server;

    void launch() override {
        if (std::exchange(down_, false)) signal(SIGUSR2);
        local_server::launch();
    }
    void crash() override {
        signal(SIGUSR1);
        down_ = true;
        if (!eventually([this] { return !listens(); })) throw std::runtime_error("the embedded server did not go");
    }

private:
    std::vector<std::string> command() const override {
        const auto number = [](auto n) { return std::to_string(n); };
        const zookeeper_options& o = options();
        // The bounds that Apache's server takes without any.
        const auto least = o.min_session_timeout.count() > 0 ? o.min_session_timeout : 2 * o.tick;
        const auto most = o.max_session_timeout.count() > 0 ? o.max_session_timeout : 20 * o.tick;
        return {MUSTER_RUN_EMBEDDED, number(port()), number(o.tick.count()), number(least.count()), number(most.count())};
    }
    std::string how_to_get_it() const override { return "build it"; }

    bool down_ = false;
};

std::unique_ptr<local_server> make_server(zk_options o, server_kind kind) {
    if (kind == server_kind::embedded) return std::make_unique<embedded_server_process>(std::move(o));
    return std::make_unique<apache_server>(std::move(o));
}

}    // namespace

server_kind chosen_server() {
    const char* set = std::getenv("MUSTER_TEST_SERVER");
    const std::string_view kind = set && *set ? set : "apache";
    if (kind == "apache") return server_kind::apache;
    if (kind == "embedded") return server_kind::embedded;
    throw std::runtime_error("MUSTER_TEST_SERVER=" + std::string(kind) + ": expected apache or embedded");
}

zk_server::zk_server(zk_options o, server_kind kind) : server_(make_server(std::move(o), kind)) {}

void zk_server::restart() {
    kill();
    start();
}

zk_server& shared_server() {
    static zk_server s;
    s.start();
    return s;
}

zk_ensemble::zk_ensemble(zk_options o) {
    for (std::size_t i = 1; i <= size; ++i) {
        o.config.push_back("server." + std::to_string(i) + "=127.0.0.1:" + std::to_string(free_port()) + ":" +
                           std::to_string(free_port()));
    }
    for (std::size_t i = 0; i < size; ++i) {
        o.port = 0;
        o.id = static_cast<int>(i) + 1;
        servers_[i] = std::make_unique<zk_server>(o, server_kind::apache);
    }
}

void zk_ensemble::start(std::chrono::milliseconds timeout) {
    for (auto& s : servers_) s->launch();
    for (auto& s : servers_) s->start(timeout);
}

std::size_t zk_ensemble::leader(std::chrono::milliseconds timeout) {
    std::size_t found = size;
    const bool led = eventually(
        [&] {
            for (found = 0; found < size; ++found) {
                if (servers_[found]->running() && servers_[found]->mode(std::chrono::milliseconds(200)) == "leader") break;
            }
            return found < size;
        },
        timeout);
    if (!led) throw std::runtime_error("no server of the ensemble leads after " + std::to_string(timeout.count()) + " ms");
    return found;
}

std::size_t zk_ensemble::kill_leader() {
    const std::size_t i = leader();
    servers_[i]->kill();
    return i;
}

std::string zk_ensemble::connect_string() const {
    std::string all;
    for (const auto& s : servers_) all += (all.empty() ? "" : ",") + s->connect_string();
    return all;
}

}    // namespace muster::test
