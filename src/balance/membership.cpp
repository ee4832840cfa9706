// Part of muster. Boost Software License 1.0, see LICENSE.
#include "balance/membership.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

namespace muster::balance {
namespace {

// By identity; of one identity, the sighting that counts comes first.
bool before(const sighting& a, const sighting& b) {
    const auto rank = [](const sighting& s) { return std::tuple(s.role == role::master, s.czxid); };
    if (const int order = a.identity.compare(b.identity); order != 0) return order < 0;
    if (rank(a) != rank(b)) return rank(a) > rank(b);
    return a.path < b.path;
}

void make_canonical(std::vector<sighting>& seen) {
    std::sort(seen.begin(), seen.end(), before);
    const auto same = [](const sighting& a, const sighting& b) { return a.identity == b.identity; };
    seen.erase(std::unique(seen.begin(), seen.end(), same), seen.end());
}

bool same_data(const sighting& a, const sighting& b) { return a.instance == b.instance || *a.instance == *b.instance; }

// Merges two lists that are sorted by identity: calls left_only(l), right_only(r) or both(l, r), in order.
template <class Left, class Right, class LeftOnly, class RightOnly, class Both>
void merge(const Left& left, Right& right, LeftOnly left_only, RightOnly right_only, Both both) {
    auto l = left.begin();
    auto r = right.begin();
    while (l != left.end() || r != right.end()) {
        const int order = l == left.end() ? 1 : r == right.end() ? -1 : (*l)->seen.identity.compare(r->identity);
        if (order < 0) {
            left_only(*l++);
        } else if (order > 0) {
            right_only(*r++);
        } else {
            both(*l++, *r++);
        }
    }
}

}    // namespace

std::vector<difference> membership::apply(std::vector<sighting> seen, time_point now) {
    using kind = difference::kind;
    forget(now);

    // Not right when a version is succeeded: until the new tables are published, leases are still taken from the old one.
    for (const node_ref& n : nodes_) n->drop_idle_predecessors();

    make_canonical(seen);
    std::vector<difference> changes;
    node_list next;
    next.reserve(seen.size());

    const auto removed = [&](const node_ref& was) {
        changes.push_back({kind::removed, was});
        departed_.insert_or_assign(std::string(was->seen.identity), departure{was, now});
    };
    const auto added = [&](sighting& s) {
        node_ref previous;
        if (const auto known = departed_.find(s.identity); known != departed_.end()) {
            previous = std::move(known->second.node);
            departed_.erase(known);
        }
        next.emplace_back(previous ? new node(std::move(s), previous) : new node(std::move(s), shared_));
        changes.push_back({kind::added, next.back()});
    };
    const auto stayed = [&](const node_ref& was, sighting& s) {
        const bool other_role = was->seen.role != s.role;
        const bool other_znode = was->seen.path != s.path || was->seen.czxid != s.czxid;
        const bool other_data = !same_data(was->seen, s);
        if (!other_role && !other_znode && !other_data) {
            next.push_back(was);
            return;
        }
        next.emplace_back(new node(std::move(s), was));
        // Promotion moves an instance to another znode; that alone is no update.
        if (other_data || !other_role) changes.push_back({kind::updated, next.back()});
        if (other_role) changes.push_back({kind::role, next.back()});
    };
    merge(nodes_, seen, removed, added, stayed);

    if (!changes.empty()) nodes_ = std::move(next);
    if (shared_) tell_health(changes, now);
    known_ = true;
    return changes;
}

// Who came first, so that a service of which all are replaced at once has not been without anybody.
void membership::tell_health(const std::vector<difference>& changes, time_point now) {
    const std::int64_t ticks = std::chrono::nanoseconds(now.time_since_epoch()).count();
    for (const difference& d : changes)
        if (d.what == difference::kind::added) shared_->health.joined(*d.node->state, !known_, ticks);
    for (const difference& d : changes)
        if (d.what == difference::kind::removed) shared_->health.left(*d.node->state, ticks);
}

void membership::forget(time_point now) {
    std::erase_if(departed_, [&](const auto& d) { return now - d.second.at >= remember_; });
}

}    // namespace muster::balance
