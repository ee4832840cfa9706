// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include "registry/layout.hpp"
#include "simulation/cluster.hpp"
#include "simulation/faults.hpp"
#include "simulation/kernel.hpp"
#include "simulation/ledger.hpp"
#include "simulation/network.hpp"
#include "simulation/process.hpp"

#include <muster/zk/client.hpp>

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace muster::sim {

/// What all actors of a run share.
class environment {
public:
    environment(std::uint64_t seed, std::size_t servers, const embedded::settings& s, recording events);

    fault_counts faults;
    kernel time;
    sim::network network;
    sim::cluster cluster;
    ledger operations;
    const std::shared_ptr<const registry::layout> layout = registry::make_micro_service_layout();

    /// A new process, with a clock of its own.
    std::shared_ptr<process> make_process(const std::string& name);
    /// All that were made, dead ones included.
    const std::vector<std::shared_ptr<process>>& processes() const noexcept { return processes_; }
    /// Ends a process at once. Its objects must have been destroyed, or be about to be.
    void kill(process& p);
    /// Expects that nothing is left of a process once everything that is ready has run.
    void expect_nothing_left(std::shared_ptr<process> p);
    /// What is left of a process beside its entry here; empty: nothing.
    std::string left_of(const std::shared_ptr<process>& p) const;

    zk::client make_client(const std::shared_ptr<process>& p);

    /// An instance's znode.
    struct placed {
        std::string path;
        muster::role role = muster::role::none;
        std::string identity;    ///< Empty if the data is no instance.
        std::string data;
        zk::session_id owner = 0;
        zk::zxid czxid = 0;
    };
    /// The znodes of a service, as the leader has them, in the order of their names.
    std::vector<placed> znodes_of(const std::string& service) const;

    /// Znodes of shared sessions whose data a stranger has overwritten. Where the registrar does not know that it has created
    /// such a znode, neither the session nor the data tells it: the znode stands until the session ends.
    std::set<zk::zxid> overwritten;

    static constexpr const char* prefix = "micro-service";
    /// Longest timeout of a session.
    static constexpr std::chrono::seconds longest_timeout{10};

private:
    random chance_;
    std::vector<std::shared_ptr<process>> processes_;
};

}    // namespace muster::sim
