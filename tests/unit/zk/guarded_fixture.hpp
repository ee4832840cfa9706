// Part of muster. Boost Software License 1.0, see LICENSE.
//
// A client whose guarded writes lose their replies, and its server.
#pragma once

#include "unit/registry/sim_registry.hpp"

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace muster::test {

struct guarded_scene {
    guarded_scene() : registry(sim), client(std::in_place, make_client(sim.io.get_executor(), config_for_tests(), sim.world)) {
        registry.tree.put("/a", "first");
        registry.has_acls = true;
    }

    /// Lets everything happen that will, reconnecting included.
    void settle() {
        for (int n = 0; n != 100; ++n) {
            registry.serve();
            sim.run_for(100ms);
        }
    }
    /// The client reads as well: who names a version has read it.
    void connect() {
        client->get("/a", [](error_code, const zk::get_result&) {});
        settle();
    }
    /// Loses the reply to the write that was asked for, and lets nobody connect.
    void lose(sim_registry::loss l) {
        registry.lose_next(l);
        sim.world->set_server(at("10.0.0.1"), sim_world::answer::refuse);
        registry.serve();
    }
    void come_back() {
        sim.world->set_server(at("10.0.0.1"), sim_world::answer::accept);
        settle();
    }
    std::vector<std::string> names() const {
        std::vector<std::string> out;
        for (const auto& [path, node] : registry.tree.nodes()) {
            if (path.starts_with("/a/")) out.push_back(path.substr(3));
        }
        return out;
    }

    simulation sim;
    sim_registry registry;
    std::optional<zk::client> client;
};

}    // namespace muster::test
