// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include "simulation/actor.hpp"

#include <muster/zk/client.hpp>

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace muster::sim {

/// Somebody who does not keep to the rules: writes to znodes of instances, deletes them, and puts others beside them. It tidies
/// up after itself when asked to.
class stranger final : public actor {
public:
    stranger(environment& env, std::string name, std::vector<std::string> services);

    void start();
    void stop();
    void write();
    void remove();
    void create();
    /// Deletes what it has put among the instances.
    void tidy();

    /// What it has left behind; empty: nothing.
    std::string complaint() const;

private:
    /// A znode of some service, or none.
    std::optional<environment::placed> any_znode();
    std::string nonsense();
    bool is_mine(const environment::placed& z) const;
    void forget() override;

    const std::vector<std::string> services_;
};

}    // namespace muster::sim
