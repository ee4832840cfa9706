// Part of muster. Boost Software License 1.0, see LICENSE.
#include "simulation/invariants.hpp"

#include <algorithm>
#include <vector>

namespace muster::sim {

using namespace std::chrono_literals;

invariants::invariants(environment& env, cast& actors) : env_(env), actors_(actors) {
    env_.cluster.on_change([this](const process* cause) { on_change(cause); });
}

// At every moment ----------------------------------------------------------------------------------------------------------

void invariants::on_change(const process* cause) {
    const bool by_stranger = !actors_.foreigner.absent() && cause == actors_.foreigner.home().get();
    for (const auto& service : actors_.services) {
        const auto* n =
            env_.cluster.tree().find(env_.layout->master_path(env_.layout->service_path(environment::prefix, service)));
        zk::zxid& known = masters_[service];
        const zk::zxid now = n ? n->czxid : 0;
        if (known != now && known != 0 && by_stranger) deleted_by_stranger_.insert(known);
        known = now;
        if (!by_stranger) continue;
        for (const auto& z : env_.znodes_of(service)) {
            if (actors_.is_shared(z.owner) && !actors_.is_member(z.identity)) env_.overwritten.insert(z.czxid);
        }
    }
}

/// ZooKeeper promises a session its timeout, and the owner of an ephemeral znode that nobody else removes it. Where a session is
/// ended before its time, or a stranger deletes the master's znode, the promise is broken behind the master's back: it hears of
/// it a round trip later, and no client can do anything about that.
bool invariants::excused(const member& m) const {
    return env_.cluster.ended_early(m.told().session.id) || deleted_by_stranger_.contains(m.told().czxid);
}

void invariants::always() {
    env_.operations.check();
    for (auto a = actors_.members.begin(); a != actors_.members.end(); ++a) {
        if (a->told().role != role::master) continue;
        for (auto b = std::next(a); b != actors_.members.end(); ++b) {
            if (b->told().role != role::master || a->service() != b->service()) continue;
            if (!a->believes_master() || !b->believes_master() || excused(*a) || excused(*b)) continue;
            env_.time.fail("{} and {} are both master of {}, and both believe that their sessions live", a->name(), b->name(),
                           a->service());
        }
    }
}

// In calm ------------------------------------------------------------------------------------------------------------------

std::string invariants::sessions() const {
    std::vector<zk::session_id> clients;
    const auto parties = actors_.parties();
    for (const auto& p : parties) {
        const auto s = p.client->session();
        if (s.state != zk::session_state::connected) {
            return fmt::format("{}'s client is {}: {}", p.name, zk::to_string(s.state), s.last_error.message());
        }
        clients.push_back(s.id);
    }
    std::sort(clients.begin(), clients.end());
    const auto servers = env_.cluster.sessions();
    if (clients != servers) return fmt::format("{} clients have a session, and there are {}", clients.size(), servers.size());
    if (env_.cluster.connections() != clients.size()) {
        return fmt::format("{} clients are connected, and there are {} connections", clients.size(), env_.cluster.connections());
    }
    if (env_.network.live().size() != clients.size()) return "some connections are about to break";
    for (const auto& p : parties) {
        const auto m = p.client->metrics();
        const auto there = env_.cluster.attached(p.client->session().id);
        if (m.requests_outstanding != 0) return fmt::format("{} requests of {} are outstanding", m.requests_outstanding, p.name);
        if (m.watched_paths != p.watched_paths || !there || m.watched_paths != there->watched_paths) {
            return fmt::format("{} has a reason to watch {} paths; its client watches {}, and its server keeps watches of {}",
                               p.name, p.watched_paths, m.watched_paths, there ? there->watched_paths : 0);
        }
    }
    return {};
}

std::string invariants::services() const {
    for (const auto& service : actors_.services) {
        auto znodes = env_.znodes_of(service);
        const auto masters = std::count_if(znodes.begin(), znodes.end(), [](const auto& z) { return z.role == role::master; });
        if (!znodes.empty() && masters != 1) return fmt::format("{} has {} masters", service, masters);
        std::erase_if(znodes,
                      [this](const auto& z) { return env_.overwritten.contains(z.czxid) && !actors_.is_member(z.identity); });
        const auto running = std::count_if(actors_.members.begin(), actors_.members.end(),
                                           [&](const member& m) { return m.running() && m.service() == service; });
        if (static_cast<std::size_t>(running) != znodes.size()) {
            return fmt::format("{} has {} members and {} znodes", service, running, znodes.size());
        }
    }
    return {};
}

std::string invariants::unsettled() const {
    std::string wrong = env_.operations.overdue(10s);
    if (wrong.empty()) wrong = sessions();
    if (wrong.empty()) wrong = actors_.foreigner.complaint();
    if (wrong.empty()) wrong = services();
    const auto ask = [&wrong](const auto& all) {
        for (const auto& x : all) {
            if (wrong.empty() && !x.running() && !x.absent()) wrong = x.name() + " is about to go";
            if (wrong.empty()) wrong = x.complaint();
        }
    };
    for (const auto& h : actors_.households) {
        if (wrong.empty() && !h.running() && !h.absent()) wrong = h.name() + " is about to go";
    }
    ask(actors_.members);
    ask(actors_.observers);
    ask(actors_.workers);
    ask(actors_.onlookers);
    return wrong;
}

// In the end ---------------------------------------------------------------------------------------------------------------

void invariants::nothing_left() {
    if (const auto n = env_.cluster.sessions().size(); n != 0) env_.time.fail("{} sessions are left", n);
    if (const auto n = env_.cluster.tree().ephemeral_count(); n != 0) env_.time.fail("{} ephemeral znodes are left", n);
    if (const auto n = env_.cluster.connections(); n != 0) env_.time.fail("{} connections are left", n);
    if (const auto n = env_.cluster.watches(); n != 0) env_.time.fail("{} watches are left at the servers", n);
    if (const auto n = env_.operations.outstanding(); n != 0) env_.time.fail("{} operations have not been completed", n);
    if (!env_.time.idle()) env_.time.fail("handlers are left, or somebody waits for one");
    for (const auto& p : env_.processes()) {
        const auto held = p;
        const std::string left = env_.left_of(held);
        if (!left.empty()) env_.time.fail("{}", left);
    }
    const std::string wrong = [this] {
        std::string first;
        for (const auto& w : actors_.workers) {
            if (first.empty()) first = w.complaint();
        }
        return first;
    }();
    if (!wrong.empty()) env_.time.fail("{}", wrong);
}

}    // namespace muster::sim
