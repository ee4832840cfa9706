// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include "simulation/environment.hpp"
#include "simulation/household.hpp"
#include "simulation/member.hpp"
#include "simulation/observer.hpp"
#include "simulation/onlooker.hpp"
#include "simulation/stranger.hpp"
#include "simulation/worker.hpp"

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace muster::sim {

/// All actors of a run.
class cast {
public:
    explicit cast(environment& env);

    std::vector<std::string> services;
    std::deque<member> members;
    std::deque<household> households;
    std::deque<observer> observers;
    std::deque<worker> workers;
    std::deque<onlooker> onlookers;
    stranger foreigner;

    void start_all();
    void stop_all();
    bool all_absent() const;
    /// Lets everybody who is absent come back, now or later.
    void revive();
    /// Members come and go, and publish other data.
    void stir(random& chance);
    /// Every actor does what it does now and then. Workers write in turmoil only: in calm it is to be known what is there.
    void act(bool turmoil);
    /// Actors that write of themselves stop writing, and find out where they are.
    void settle();

    /// Processes of those who are there.
    std::vector<std::shared_ptr<process>> homes() const;
    /// A client of somebody who is there, and how many paths it has a reason to watch once all is calm.
    struct party {
        std::string name;
        const zk::client* client;
        std::size_t watched_paths;
    };
    std::vector<party> parties() const;
    /// Whether it is the session of a household.
    bool is_shared(zk::session_id session) const;
    /// Whether an instance of this identity takes part.
    bool is_member(const std::string& identity) const;
    /// Ends the process of an actor who is there.
    void crash_one(random& chance);

private:
    bool shares(const member& m) const;

    std::vector<std::vector<member*>> sharing_;
};

}    // namespace muster::sim
