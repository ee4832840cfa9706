// Part of muster. Boost Software License 1.0, see LICENSE.
//
// What a worker makes of what its operations gave.
#include "simulation/worker.hpp"

#include <algorithm>
#include <map>

namespace muster::sim {

void worker::ended(slot& s, effect e, const std::string& v, const error_code& ec, value seen, zk::session_id owner) {
    s.busy = false;
    ++done_;
    env_.time.note("{} {} {}: {}", name_, s.path, v, ec ? ec.message() : "done");
    if (owner != 0 && (e == effect::create || e == effect::read)) s.owners = {owner};
    if (owner != 0) s.owners.insert(owner);
    // A transaction does not tell in which session it was done.
    if (client_ && client_->session().id != 0) s.owners.insert(client_->session().id);
    if (may_be_gone(s)) s.possible.insert(std::nullopt);
    const bool might_exist = s.possible.size() > 1 || !s.possible.contains(std::nullopt);
    if (!ec) {
        if (e == effect::fail) env_.time.fail("{}: a transaction that must fail was applied", name_);
        if (e == effect::create || e == effect::replace || e == effect::set) s.possible = {seen};
        if (e == effect::create || e == effect::replace) s.touched = {false};
        if (e == effect::create && owner == 0 && s.ephemeral) env_.time.fail("{}: {} has no owner", name_, s.path);
        if (e == effect::remove) s.possible = {std::nullopt};
        if (e == effect::set && !might_exist) env_.time.fail("{}: {} was set and cannot exist", name_, s.path);
        if (e == effect::read) {
            expect_possible(s, seen, "was read");
            s.possible = {seen};
        }
        if (e == effect::touch) {
            s.possible.erase(std::nullopt);
            if (s.possible.empty()) env_.time.fail("{}: {} was touched, and cannot exist", name_, s.path);
        }
    } else if (unknown(ec)) {
        // Either; and what is only under way is done before anything that is asked from now on.
        const bool might_be_absent = s.possible.contains(std::nullopt) || may_go(s);
        if (e == effect::create && might_be_absent) s.possible.insert(v);
        if (e == effect::create || e == effect::replace) s.touched.insert(false);
        if ((e == effect::set || e == effect::replace) && might_exist) s.possible.insert(v);
        if (e == effect::remove) s.possible.insert(std::nullopt);
    } else if (ec == zk::server_errc::node_exists && e == effect::create) {
        s.possible.erase(std::nullopt);
        if (s.possible.empty()) env_.time.fail("{}: {} exists, and cannot", name_, s.path);
    } else if (ec == zk::server_errc::no_node && e != effect::create && e != effect::fail) {
        expect_possible(s, std::nullopt, "was absent");
        s.possible = {std::nullopt};
    } else if (ec == zk::server_errc::not_read_only) {
        ++refused_;    // and nothing done
    } else if (ec.category() == zk::server_category()) {
        const bool refused = e == effect::fail && (ec == zk::server_errc::bad_version || ec == zk::server_errc::no_node ||
                                                   ec == zk::server_errc::no_children_for_ephemerals);
        if (!refused) env_.time.fail("{}: {} gave {}", name_, s.path, ec.message());
    }
    if (may_be_gone(s)) s.possible.insert(std::nullopt);    // its session may have ended before the reply came
    check_tree(s);
}

bool worker::may_be_gone(const slot& s) const {
    return s.ephemeral && std::any_of(s.owners.begin(), s.owners.end(), [this](auto id) { return !alive(id); });
}

/// A former session can end while a request of this one is on its way.
bool worker::may_go(const slot& s) const {
    const auto now = client_ ? client_->session().id : 0;
    return s.ephemeral && std::any_of(s.owners.begin(), s.owners.end(), [now](auto id) { return id != now; });
}

std::string worker::describe(const slot& s) const {
    std::string out;
    for (const value& v : s.possible) out += (out.empty() ? "" : ", ") + v.value_or("nothing");
    return out;
}

void worker::expect_possible(slot& s, const value& v, const char* how) {
    if (s.possible.contains(v)) return;
    env_.time.fail("{}: {} {} with {}, and can only be {}", name_, s.path, how, v.value_or("nothing"), describe(s));
}

void worker::check_tree(slot& s) {
    const auto* n = env_.cluster.tree().find(s.path);
    value now;
    if (n) now = n->data ? *n->data : "";
    expect_possible(s, now, "is in the tree");
    // Who `auth` stands for is one, so the lists have kept their lengths.
    if (n && !s.touched.contains(n->acls->all().size() != s.acls.size()))
        env_.time.fail("{}: {} has the ACL of {} entries in the tree, and cannot", name_, s.path, n->acls->all().size());
}

std::string worker::complaint() const {
    if (running()) {
        if (!ready_) return name_ + " has not begun";
        if (sequential_ != 0) return name_ + " waits for its sequential znodes";
        if (std::any_of(slots_.begin(), slots_.end(), [](const slot& s) { return s.busy || s.possible.size() != 1; })) {
            return name_ + " waits for its operations";
        }
    }
    const auto& tree = env_.cluster.tree();
    const auto* parent = tree.find(base_);
    if (!parent) return {};
    std::map<std::string, std::size_t> found;
    for (const auto& name : parent->children) {
        if (!name.starts_with("s") && !name.starts_with("_c_")) continue;
        const auto* n = tree.find(base_ + "/" + name);
        if (n->data) ++found[*n->data];
    }
    for (const auto& [v, times] : found) {
        if (times > 1) return fmt::format("{} was created {} times", v, times);
        if (impossible_.contains(v)) return v + " is in the tree, though its creation failed";
    }
    for (const auto& v : certain_) {
        if (!found.contains(v)) return v + " is not in the tree, though its creation was acknowledged";
    }
    return {};
}

}    // namespace muster::sim
