// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include "simulation/environment.hpp"

#include <muster/zk/client.hpp>

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace muster::sim {

/// Somebody who does not keep to the rules: writes to znodes of instances, deletes them, and puts others beside them. It tidies
/// up after itself when asked to.
class stranger {
public:
    stranger(environment& env, std::string name, std::vector<std::string> services);

    void start();
    void stop();
    void write();
    void remove();
    void create();
    /// Deletes what it has put among the instances.
    void tidy();

    bool running() const noexcept { return phase_ == phase::running; }
    bool absent() const noexcept { return phase_ == phase::absent; }
    const std::shared_ptr<process>& home() const noexcept { return home_; }
    const zk::client* client() const noexcept { return client_ ? &*client_ : nullptr; }

    /// What it has left behind; empty: nothing.
    std::string complaint() const;

private:
    enum class phase { absent, running, stopping };

    /// A znode of some service, or none.
    std::optional<environment::placed> any_znode();
    std::string nonsense();
    bool is_mine(const environment::placed& z) const;
    void forget();

    environment& env_;
    random chance_;
    const std::string name_;
    const std::vector<std::string> services_;
    phase phase_ = phase::absent;
    std::uint64_t life_ = 0;
    std::shared_ptr<process> home_;
    std::optional<zk::client> client_;
};

}    // namespace muster::sim
