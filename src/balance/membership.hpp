// Part of muster. Boost Software License 1.0, see LICENSE.
//
// Who belongs to a service: turns what was read from the registry into the canonical list of nodes.
#pragma once

#include "balance/node.hpp"

#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace muster::balance {

/// One difference between two lists.
struct difference {
    enum class kind { added, removed, updated, role };
    kind what = kind::added;
    node_ref node;    ///< As it is now; for `removed`, as it was.
};

/// The instances of one service. For one writer; tables carry its nodes to the readers.
///
/// The identity of an instance decides what is the same, never its znode: one that is sighted twice counts once (the master
/// before a normal, else the younger znode), and one that comes back within `remember` finds its state and its open leases.
class membership {
public:
    using time_point = std::chrono::steady_clock::time_point;
    using duration = std::chrono::steady_clock::duration;

    /// `shared`: what the states of all instances point at; may be null in tests.
    explicit membership(duration remember, service_state_ptr shared = {}) : remember_(remember), shared_(std::move(shared)) {}
    membership(const membership&) = delete;
    membership& operator=(const membership&) = delete;
    /// All leave: leases that outlive the service tell of failures, and none of those that are gone counts then.
    ~membership();

    /// Changes the list: `gone` were seen before and are not any more, or not like this; `come` are seen from now on. The
    /// instances that did not change are not looked at, so that one change of many costs little.
    ///
    /// Gives what changed, in the order of the identities; empty if nothing did, and then `nodes()` holds the same nodes as
    /// before. An instance of which both data and role changed gives `updated` and `role`.
    std::vector<difference> apply(std::vector<sighting> gone, std::vector<sighting> come, time_point now);

    /// The instances, sorted by identity.
    const node_list& nodes() const noexcept { return nodes_; }

    /// The instance of that identity; null if there is none.
    const node* find(std::string_view identity) const noexcept;
    /// How many znodes it is sighted under.
    std::size_t sightings(std::string_view identity) const noexcept;

    /// Those of them that have predecessors.
    const std::set<node_ref>& succeeding() const noexcept { return succeeding_; }

    /// Forgets whom it has remembered for long enough. `apply` does so too.
    void forget(time_point now);

private:
    struct departure {
        node_ref node;
        time_point at;
    };

    struct edit;

    /// Of two sightings of one identity, whether `b` counts before `a`. Znodes of one transaction have the same czxid: the order
    /// must not depend on which one was heard of first.
    struct counts_less {
        bool operator()(const sighting& a, const sighting& b) const noexcept;
    };
    using rivals = std::set<sighting, counts_less>;

    node_list::const_iterator place_of(std::string_view identity, node_list::const_iterator from) const noexcept;
    std::optional<sighting> elect(const std::string& who, const node_ref& was, std::span<const sighting> gone,
                                  std::span<sighting> come);
    node_ref succeed(const node_ref& was, std::optional<sighting> seen, time_point now, std::vector<difference>& changes);
    void rebuild(const std::vector<edit>& edits);
    static void tell_leases(const std::vector<difference>& changes) noexcept;
    void tell_health(const std::vector<difference>& changes, time_point now);

    duration remember_;
    service_state_ptr shared_;
    bool known_ = false;    // after the first view
    node_list nodes_;
    std::map<std::string, rivals, std::less<>> others_;    // by identity: who is sighted twice, but for whom counts
    std::set<node_ref> succeeding_;                        // of nodes_: those that have predecessors
    std::map<std::string, departure, std::less<>> departed_;
    std::deque<std::pair<time_point, std::string>> departures_;    // in order; who came back is in it still
};

}    // namespace muster::balance
