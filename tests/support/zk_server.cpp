// Part of muster. Boost Software License 1.0, see LICENSE.
#include "support/zk_server.hpp"

#include "support/eventually.hpp"

#include <stdexcept>

namespace muster::test {

zk_ensemble::zk_ensemble(zk_options o) {
    for (std::size_t i = 1; i <= size; ++i) {
        o.config.push_back("server." + std::to_string(i) + "=127.0.0.1:" + std::to_string(free_port()) + ":" +
                           std::to_string(free_port()));
    }
    for (std::size_t i = 0; i < size; ++i) {
        o.port = 0;
        o.id = static_cast<int>(i) + 1;
        servers_[i] = std::make_unique<zk_server>(o);
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
