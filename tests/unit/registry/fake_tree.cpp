// Part of muster. Boost Software License 1.0, see LICENSE.
#include "unit/registry/fake_tree.hpp"

#include <fmt/format.h>

#include <utility>

namespace muster::registry::testing {

fake_tree::fake_tree() { nodes_[""] = node{}; }
fake_tree::~fake_tree() = default;

reply fake_tree::perform(const request& r, zk::session_id session) {
    reply out;
    ++requests;
    switch (r.what) {
        case request::kind::create: {
            zk::operation_result made;
            out.ec = make(r.path, r.data, r.mode, session, made);
            out.path = made.path;
            if (!out.ec) out.stat = made.stat;
            break;
        }
        case request::kind::remove:
            out.ec = drop(r.path, r.version);
            break;
        case request::kind::set: {
            zk::stat s;
            out.ec = write(r.path, r.data, r.version, s);
            if (!out.ec) out.stat = s;
            break;
        }
        case request::kind::get:
            if (const node* n = find(r.path)) {
                out.data = n->data;
                out.stat = n->stat;
            } else {
                out.ec = zk::server_errc::no_node;
            }
            break;
        case request::kind::exists:
            if (const node* n = find(r.path)) out.stat = n->stat;
            break;
        case request::kind::children:
            if (!find(r.path)) out.ec = zk::server_errc::no_node;
            for (const auto& [path, n] : nodes_) {
                if (parent_of(path) == r.path && !path.empty()) out.names.push_back(path.substr(r.path.size() + 1));
            }
            break;
        case request::kind::multi:
            multi(r, session, out);
            break;
        case request::kind::sync:
        case request::kind::add_watch:
            break;
    }
    if (r.watch && (!out.ec || r.what == request::kind::exists)) watches_.emplace_back(r.path, session, r.what);
    return out;
}

std::size_t fake_tree::watches(zk::session_id s) const {
    return static_cast<std::size_t>(
        std::count_if(watches_.begin(), watches_.end(), [s](const watch& w) { return w.session == s; }));
}

void fake_tree::remove_watches(const std::string& path, zk::session_id s) {
    std::erase_if(watches_, [&](const watch& w) { return w.session == s && w.path == path; });
}

void fake_tree::end_session(zk::session_id s) {
    std::vector<std::string> gone;
    for (const auto& [path, n] : nodes_) {
        if (n.stat.ephemeral_owner == s) gone.push_back(path);
    }
    for (const std::string& path : gone) drop(path, zk::any_version);
    std::erase_if(watches_, [&](const watch& w) { return w.session == s; });
}

void fake_tree::put(const std::string& path, std::string data, zk::session_id owner) {
    zk::operation_result made;
    make(path, std::move(data), owner ? zk::create_mode::ephemeral : zk::create_mode::persistent, owner, made);
}

error_code fake_tree::drop(const std::string& path, std::int32_t version) {
    const node* n = find(path);
    if (!n) return zk::server_errc::no_node;
    if (version != zk::any_version && version != n->stat.version) return zk::server_errc::bad_version;
    for (const auto& [other, x] : nodes_) {
        if (parent_of(other) == path && !other.empty()) return zk::server_errc::not_empty;
    }
    nodes_.erase(path);
    wrote();
    tell(zk::event_type::deleted, path);
    return {};
}

error_code fake_tree::write(const std::string& path, std::string data, std::int32_t version, zk::stat& s) {
    node* n = find(path);
    if (!n) return zk::server_errc::no_node;
    if (version != zk::any_version && version != n->stat.version) return zk::server_errc::bad_version;
    wrote();
    n->data = std::move(data);
    ++n->stat.version;
    n->stat.mzxid = zxid_;
    n->stat.data_length = static_cast<std::int32_t>(n->data.size());
    s = n->stat;
    tell(zk::event_type::data_changed, path);
    return {};
}

void fake_tree::set(const std::string& path, std::string data) {
    zk::stat s;
    write(path, std::move(data), zk::any_version, s);
}

fake_tree::node* fake_tree::find(const std::string& path) {
    const auto it = nodes_.find(path == "/" ? "" : path);
    return it == nodes_.end() ? nullptr : &it->second;
}

std::vector<std::string> fake_tree::owned_by(zk::session_id s) const {
    std::vector<std::string> out;
    for (const auto& [path, n] : nodes_) {
        if (n.stat.ephemeral_owner == s) out.push_back(path);
    }
    return out;
}

void fake_tree::wrote() {
    ++zxid_;
    ++writes;
}

error_code fake_tree::make(std::string path, std::string data, zk::create_mode mode, zk::session_id session,
                           zk::operation_result& made) {
    node* parent = find(parent_of(path));
    if (!parent) return zk::server_errc::no_node;
    if (parent->stat.ephemeral_owner != 0) return zk::server_errc::no_children_for_ephemerals;
    if (mode == zk::create_mode::ephemeral_sequential) path += fmt::format("{:010}", parent->stat.cversion);
    if (find(path)) return zk::server_errc::node_exists;
    wrote();
    const auto counter = static_cast<std::uint32_t>(parent->stat.cversion) + 1;    // wraps, as ZooKeeper's does
    parent->stat.cversion = static_cast<std::int32_t>(counter);
    node n;
    n.data = std::move(data);
    n.stat.czxid = n.stat.mzxid = zxid_;
    n.stat.data_length = static_cast<std::int32_t>(n.data.size());
    if (mode != zk::create_mode::persistent) n.stat.ephemeral_owner = session;
    made.path = path;
    made.stat = n.stat;
    nodes_[path] = std::move(n);
    tell(zk::event_type::created, path);
    return {};
}

void fake_tree::multi(const request& r, zk::session_id session, reply& out) {
    const auto before = nodes_;
    const auto events = std::exchange(pending_, {});
    const int written = writes;
    holding_ = true;
    for (const auto& op : r.ops.operations()) {
        zk::operation_result done;
        using kind = zk::transaction::operation::kind;
        if (out.ec) {
            done.ec = zk::server_errc::runtime_inconsistency;
        } else if (op.what == kind::create) {
            out.ec = done.ec = make(op.path, op.data, op.options.mode, session, done);
        } else if (op.what == kind::remove) {
            out.ec = done.ec = drop(op.path, op.version);
        } else if (op.what == kind::set) {
            out.ec = done.ec = write(op.path, op.data, op.version, done.stat);
        }
        out.results.push_back(std::move(done));
    }
    holding_ = false;
    const auto told = std::exchange(pending_, {});
    if (out.ec) {
        nodes_ = before;
        writes = written;
        return;
    }
    for (const auto& [type, path] : told) tell(type, path);
}

void fake_tree::tell(zk::event_type type, const std::string& path) {
    if (holding_) {
        pending_.emplace_back(type, path);
        return;
    }
    std::erase_if(watches_, [&](const watch& w) {
        const bool list = w.by == request::kind::children;
        const bool hit =
            list ? (w.path == parent_of(path) && type != zk::event_type::data_changed) || w.path == path : w.path == path;
        if (hit && list && type == zk::event_type::data_changed) return false;
        if (hit) fired_.push_back(fired{w.session, w.path, list && w.path != path ? zk::event_type::children_changed : type});
        return hit;
    });
    if (listener_) listener_(type, path);
}

}    // namespace muster::registry::testing
