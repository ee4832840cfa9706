// Part of muster. Boost Software License 1.0, see LICENSE.
#include "balance/membership.hpp"

#include "balance/readiness.hpp"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <utility>

namespace muster::balance {
namespace {

// Of those that went: more than any service has. Somebody may register ever new ones.
constexpr std::size_t most_remembered = 100'000;

bool same_data(const record& a, const record& b) { return a.instance == b.instance || *a.instance == *b.instance; }

bool by_identity(const sighting& a, const sighting& b) { return a.identity < b.identity; }

/// Those from `begin` on, up to the last one of that identity.
std::span<sighting> same_identity(std::vector<sighting>& sorted, std::size_t begin, std::string_view identity) {
    std::size_t end = begin;
    while (end < sorted.size() && sorted[end].identity == identity) ++end;
    return std::span(sorted).subspan(begin, end - begin);
}

}    // namespace

bool membership::counts_less::operator()(const sighting& a, const sighting& b) const noexcept {
    const auto rank = [](const sighting& s) { return std::pair(s.role == role::master, s.czxid); };
    return rank(a) != rank(b) ? rank(a) < rank(b) : a.path > b.path;
}

membership::~membership() {
    if (!shared_) return;
    const std::int64_t ticks = shared_->clock->ticks();
    for (const node_ref& n : nodes_) shared_->health.left(*n->state, ticks);
}

/// What becomes of one place of the list.
struct membership::edit {
    std::size_t at = 0;    ///< Of the node before the edit, or of the one in front of which a new one goes.
    node_ref was;          ///< Null for a new one.
    node_ref now;          ///< Null for one that goes.
};

/// Where the instance of that identity stands from `from` on, or would.
node_list::const_iterator membership::place_of(std::string_view identity, node_list::const_iterator from) const noexcept {
    return std::lower_bound(from, nodes_.end(), identity,
                            [](const node_ref& n, std::string_view i) { return n->seen.identity < i; });
}

const node* membership::find(std::string_view identity) const noexcept {
    const auto at = place_of(identity, nodes_.begin());
    return at != nodes_.end() && (*at)->seen.identity == identity ? at->get() : nullptr;
}

std::size_t membership::sightings(std::string_view identity) const noexcept {
    if (!find(identity)) return 0;
    const auto others = others_.find(identity);
    return 1 + (others == others_.end() ? 0 : others->second.size());
}

std::vector<difference> membership::apply(std::vector<sighting> gone, std::vector<sighting> come, time_point now) {
    forget(now);

    // Not right when a version is succeeded: until the new tables are published, leases are still taken from the old one.
    std::erase_if(succeeding_, [](const node_ref& n) {
        n->drop_idle_predecessors();
        return n->predecessor.load(std::memory_order_relaxed) == nullptr;
    });

    std::sort(gone.begin(), gone.end(), by_identity);
    std::sort(come.begin(), come.end(), by_identity);
    std::vector<difference> changes;
    std::vector<edit> edits;
    for (std::size_t g = 0, c = 0, at = 0; g < gone.size() || c < come.size();) {
        const std::string who(c == come.size() || (g < gone.size() && by_identity(gone[g], come[c])) ? gone[g].identity
                                                                                                     : come[c].identity);
        const auto place = place_of(who, nodes_.begin() + static_cast<std::ptrdiff_t>(at));
        at = static_cast<std::size_t>(place - nodes_.begin());
        const node_ref was = place != nodes_.end() && (*place)->seen.identity == who ? *place : node_ref();
        const auto without = same_identity(gone, g, who);
        const auto with = same_identity(come, c, who);
        g += without.size();
        c += with.size();
        auto best = elect(who, was, without, with);
        node_ref now_there = succeed(was, std::move(best), now, changes);
        if (now_there != was) edits.push_back({at, was, std::move(now_there)});
    }
    rebuild(edits);
    tell_leases(changes);
    if (shared_) tell_health(changes, now);
    known_ = true;
    return changes;
}

/// The sighting of an identity that counts from now on, none if there is none; the others are kept for when it goes. Somebody may
/// have registered one identity very often: what comes and goes costs, not what is there.
std::optional<sighting> membership::elect(const std::string& who, const node_ref& was, std::span<const sighting> gone,
                                          std::span<sighting> come) {
    constexpr counts_less less;
    std::optional<sighting> best;
    if (was) best = was->sighted();
    auto others = others_.find(who);
    for (const sighting& s : gone) {
        if (best && !less(*best, s) && !less(s, *best))
            best.reset();
        else if (others != others_.end())
            others->second.erase(s);
    }
    const auto keep = [&](sighting s) {
        if (others == others_.end()) others = others_.try_emplace(who).first;
        others->second.insert(std::move(s));
    };
    for (sighting& s : come) {
        if (best && less(*best, s)) std::swap(*best, s);
        if (best)
            keep(std::move(s));
        else
            best = std::move(s);
    }
    if (others == others_.end()) return best;
    rivals& rest = others->second;
    if (!rest.empty() && (!best || less(*best, *rest.rbegin()))) {
        sighting first = std::move(rest.extract(std::prev(rest.end())).value());
        if (best) rest.insert(std::move(*best));
        best = std::move(first);
    }
    if (rest.empty()) others_.erase(others);
    return best;
}

/// The node for what is seen now where `was` stood, the same one where nothing is different.
node_ref membership::succeed(const node_ref& was, std::optional<sighting> seen, time_point now,
                             std::vector<difference>& changes) {
    using kind = difference::kind;
    if (!seen) {
        if (!was) return nullptr;
        changes.push_back({kind::removed, was});
        departed_.insert_or_assign(std::string(was->seen.identity), departure{was, now});
        departures_.emplace_back(now, was->seen.identity);
        return nullptr;
    }
    if (!was) {
        node_ref previous;
        if (const auto known = departed_.find(seen->identity); known != departed_.end()) {
            previous = std::move(known->second.node);
            departed_.erase(known);
        }
        const node_ref added(previous ? new node(std::move(*seen), previous) : new node(std::move(*seen), shared_));
        changes.push_back({kind::added, added});
        return added;
    }
    const bool other_role = was->role != seen->role;
    const bool other_znode = was->seen.path != seen->path || was->seen.czxid != seen->czxid;
    const bool other_data = !same_data(was->seen, *seen);
    if (!other_role && !other_znode && !other_data) return was;
    const node_ref next(new node(std::move(*seen), was));
    // Promotion moves an instance to another znode; that alone is no update.
    if (other_data || !other_role) changes.push_back({kind::updated, next});
    if (other_role) changes.push_back({kind::role, next});
    return next;
}

/// Puts the edits, in their order, into the list. The nodes between them are moved without being looked at.
void membership::rebuild(const std::vector<edit>& edits) {
    if (edits.empty()) return;
    for (const edit& e : edits) {
        if (e.was) succeeding_.erase(e.was);
        if (e.now && e.now->predecessor.load(std::memory_order_relaxed)) succeeding_.insert(e.now);
    }
    node_list next;
    next.reserve(nodes_.size() + edits.size());
    auto from = nodes_.begin();
    for (const edit& e : edits) {
        const auto to = nodes_.begin() + static_cast<std::ptrdiff_t>(e.at);
        next.insert(next.end(), std::make_move_iterator(from), std::make_move_iterator(to));
        if (e.now) next.push_back(e.now);
        from = e.was ? to + 1 : to;
    }
    next.insert(next.end(), std::make_move_iterator(from), std::make_move_iterator(nodes_.end()));
    nodes_ = std::move(next);
}

void membership::tell_leases(const std::vector<difference>& changes) noexcept {
    for (const difference& d : changes) {
        auto now = presence::listed;
        if (d.what == difference::kind::removed)
            now = presence::gone;
        else if (drains(*d.node->seen.instance))
            now = presence::draining;
        d.node->state->presence.store(now, std::memory_order_release);
        d.node->state->count_apart(now == presence::gone);
    }
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
    const auto over = [&] { return now - departures_.front().first >= remember_ || departures_.size() > most_remembered; };
    for (; !departures_.empty() && over(); departures_.pop_front()) {
        const auto& [at, identity] = departures_.front();
        const auto it = departed_.find(identity);
        if (it != departed_.end() && it->second.at == at) departed_.erase(it);
    }
}

}    // namespace muster::balance
