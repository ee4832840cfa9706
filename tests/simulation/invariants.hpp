// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include "simulation/cast.hpp"
#include "simulation/environment.hpp"

#include <map>
#include <set>
#include <string>

namespace muster::sim {

/// What must hold.
class invariants {
public:
    invariants(environment& env, cast& actors);

    /// What must hold at every moment; ends the run otherwise.
    void always();

    /// What must hold once everything is healed and has had time to settle. Gives what does not hold yet; empty: everything
    /// holds.
    std::string unsettled() const;

    /// What must hold once everybody has gone; ends the run otherwise.
    void nothing_left();

private:
    void on_change(const process* cause);
    bool excused(const member& m) const;
    std::string sessions() const;
    std::string services() const;

    environment& env_;
    cast& actors_;
    std::map<std::string, zk::zxid> masters_;    // the transaction that created the master's znode, by service
    std::set<zk::zxid> deleted_by_stranger_;
};

}    // namespace muster::sim
