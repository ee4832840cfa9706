// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include "simulation/actor.hpp"

#include <muster/balancer.hpp>

#include <cstddef>
#include <deque>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace muster::sim {

/// What a change stream has told of a service. Refuses what cannot follow what was told before.
class replay {
public:
    struct shown {
        muster::instance instance;
        muster::role role = role::none;
        std::string path;
        bool operator==(const shown&) const = default;
    };

    /// What is wrong with that change; empty: nothing.
    std::string apply(const change& c);

    const std::map<std::string, shown>& instances() const noexcept { return instances_; }
    bool stale() const noexcept { return stale_; }

private:
    std::map<std::string, shown> instances_;
    bool stale_ = true;
};

/// A balancer: picks all the time by every policy, borrows and returns instances, follows the changes with a subscriber that
/// reads at once and another that sometimes does not read.
class observer final : public actor {
public:
    observer(environment& env, std::string name, std::vector<std::string> services);

    void start();
    void stop();
    /// Picks from each service; called now and then.
    void act();
    /// Returns all leases.
    void give_back();
    /// The slow subscriber stops reading, or goes on.
    void pause();
    void resume();

    /// One by which it is told of all that happens to a service.
    std::size_t watched_paths() const override { return services_.size(); }
    /// How its view of a service differs from the tree; empty: not at all.
    std::string complaint() const;
    std::uint64_t picks() const noexcept { return picks_; }

private:
    struct followed {
        std::string name;
        change_stream prompt;
        change_stream slow;
        replay seen_promptly;
        replay seen_slowly;
        std::map<std::string, instant> left;    // when an instance was last seen to go
        bool slow_reads = false;
        pick_options picker_options;
        std::optional<muster::picker> picker;
    };

    void follow(std::uint64_t life, std::size_t service);
    void follow_slowly(std::uint64_t life, std::size_t service);
    pick_options options();
    void pick_now(followed& f);
    void pick_patiently(std::uint64_t life, followed& f);
    void check_pick(const followed& f, const lease& l, const error_code& ec, const pick_options& o);
    void check_role(const followed& f, const lease& l, const pick_options& o);
    void borrow(lease l);
    void forget() override;

    const std::vector<std::string> names_;
    std::optional<policy> by_key_;    // the only hash policy that it picks by, and where from
    pool by_key_from_ = pool::all;
    std::unique_ptr<balancer> balancer_;
    std::deque<followed> services_;
    std::list<lease> leases_;
    bool paused_ = false;
    std::uint64_t picks_ = 0;
};

}    // namespace muster::sim
