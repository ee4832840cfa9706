// Part of muster. Boost Software License 1.0, see LICENSE.
#include "simulation/stranger.hpp"

#include <array>
#include <utility>

namespace muster::sim {

using namespace std::chrono_literals;

namespace {

constexpr std::string_view own_identity = "stranger";

}    // namespace

stranger::stranger(environment& env, std::string name, std::vector<std::string> services)
    : actor(env, std::move(name)), services_(std::move(services)) {}

void stranger::start() {
    if (!absent()) return;
    appear();
    client_->start();
}

void stranger::stop() {
    if (!awake()) return;
    stopping();
    close();
}

void stranger::forget() { vanish(); }

// What it does -------------------------------------------------------------------------------------------------------------

std::optional<environment::placed> stranger::any_znode() {
    auto all = env_.znodes_of(services_[chance_.below(services_.size())]);
    if (all.empty()) return std::nullopt;
    return std::move(chance_.pick(all));
}

std::string stranger::nonsense() {
    const std::array<std::string, 5> data{"", "{", R"({"serverip":1})",
                                          R"({"serverip":"10.8.0.1","serverport":80,"weight":-1,"serveruniquecode":"stranger"})",
                                          R"({"serverip":"10.8.0.1","serverport":80,"serveruniquecode":"stranger"})"};
    return data[chance_.below(data.size())];
}

void stranger::write() {
    const auto z = any_znode();
    if (!running() || home_->frozen() || !z) return;
    env_.time.note("{} writes to {}", name_, z->path);
    const auto data = nonsense();
    client_->set(z->path, data, zk::any_version,
                 env_.operations.expect(*home_, name_ + " set", [this](error_code ec, const zk::stat&) {
                     if (!ec) env_.faults.count(fault::foreign_write);
                 }));
}

void stranger::remove() {
    const auto z = any_znode();
    if (!running() || home_->frozen()) return;
    // Without instances the service itself can go, too.
    const std::string path = z ? z->path : env_.layout->service_path(environment::prefix, services_.front());
    env_.time.note("{} deletes {}", name_, path);
    client_->remove(path, zk::any_version, env_.operations.expect(*home_, name_ + " remove", [this](error_code ec) {
        if (!ec) env_.faults.count(fault::foreign_delete);
    }));
}

void stranger::create() {
    if (!running() || home_->frozen()) return;
    const std::string service = env_.layout->service_path(environment::prefix, services_[chance_.below(services_.size())]);
    const auto count = [this](error_code ec, const zk::create_result&) {
        if (!ec) env_.faults.count(fault::foreign_znode);
    };
    const bool ephemeral = chance_.percent(50);
    using mode = zk::create_mode;
    const auto expect = [&] { return env_.operations.expect(*home_, name_ + " create", count); };
    env_.time.note("{} puts something into {}", name_, service);
    switch (chance_.below(3)) {
        case 0:
            client_->create(env_.layout->master_path(service), nonsense(), ephemeral ? mode::ephemeral : mode::persistent,
                            expect());
            return;
        case 1:
            client_->create(env_.layout->normal_prefix(service), nonsense(),
                            ephemeral ? mode::ephemeral_sequential : mode::persistent_sequential, expect());
            return;
        default:
            client_->create(service + "/lock", nonsense(), mode::persistent, expect());
            return;
    }
}

// Tidying up ---------------------------------------------------------------------------------------------------------------

bool stranger::is_mine(const environment::placed& z) const {
    if (env_.overwritten.contains(z.czxid)) return false;
    return z.identity == own_identity || (client_ && z.owner != 0 && z.owner == client_->session().id) || z.owner == 0;
}

void stranger::tidy() {
    if (!running()) return;
    for (const auto& service : services_) {
        for (const auto& z : env_.znodes_of(service)) {
            // An instance whose data it has overwritten belongs to that instance's session; that repairs it.
            const auto owner = client_->session().id;
            if (z.owner != 0 && z.owner != owner) continue;
            client_->remove(z.path, zk::any_version, env_.operations.expect_surely(name_ + " tidies", [](error_code) {}));
        }
    }
}

std::string stranger::complaint() const {
    for (const auto& service : services_) {
        for (const auto& z : env_.znodes_of(service)) {
            if (is_mine(z)) return fmt::format("{} has left {}", name_, z.path);
        }
    }
    return {};
}

}    // namespace muster::sim
