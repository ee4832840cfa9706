// Part of muster. Boost Software License 1.0, see LICENSE.
//
// ZooKeeper's tree in memory, as far as the machines of this layer use it: znodes with owners and versions, sequences,
// transactions, one-shot and recursive watches. It answers a request at once; tests choose what becomes of the answer.
#pragma once

#include "registry/request.hpp"

#include <fmt/format.h>

#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace muster::registry::testing {

class fake_tree {
public:
    struct node {
        std::string data;
        zk::stat stat;
    };
    using listener = std::function<void(zk::event_type, const std::string&)>;

    fake_tree() { nodes_[""] = node{}; }

    /// Performs `r` for `session`. Counts writes that were applied.
    reply perform(const request& r, zk::session_id session) {
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

    /// Events of one-shot watches; each fires once and is forgotten.
    struct fired {
        zk::session_id session;
        std::string path;
        zk::event_type type;
    };
    std::vector<fired> take_fired() { return std::exchange(fired_, {}); }

    /// Hears of every change, as a recursive watch on everything does.
    void listen(listener l) { listener_ = std::move(l); }

    /// The session ends: its ephemerals go, its watches are forgotten.
    void end_session(zk::session_id s) {
        std::vector<std::string> gone;
        for (const auto& [path, n] : nodes_) {
            if (n.stat.ephemeral_owner == s) gone.push_back(path);
        }
        for (const std::string& path : gone) drop(path, zk::any_version);
        std::erase_if(watches_, [&](const watch& w) { return w.session == s; });
    }

    void put(const std::string& path, std::string data, zk::session_id owner = 0) {
        zk::operation_result made;
        make(path, std::move(data), owner ? zk::create_mode::ephemeral : zk::create_mode::persistent, owner, made);
    }
    error_code drop(const std::string& path, std::int32_t version = zk::any_version) {
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
    error_code write(const std::string& path, std::string data, std::int32_t version, zk::stat& s) {
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
    void set(const std::string& path, std::string data) {
        zk::stat s;
        write(path, std::move(data), zk::any_version, s);
    }

    node* find(const std::string& path) {
        const auto it = nodes_.find(path == "/" ? "" : path);
        return it == nodes_.end() ? nullptr : &it->second;
    }
    const std::map<std::string, node>& nodes() const { return nodes_; }
    std::vector<std::string> owned_by(zk::session_id s) const {
        std::vector<std::string> out;
        for (const auto& [path, n] : nodes_) {
            if (n.stat.ephemeral_owner == s) out.push_back(path);
        }
        return out;
    }

    int writes = 0;
    int requests = 0;

private:
    struct watch {
        std::string path;
        zk::session_id session;
        request::kind by;

        watch(std::string p, zk::session_id s, request::kind k) : path(std::move(p)), session(s), by(k) {}
    };

    static std::string parent_of(const std::string& path) { return path.empty() ? path : path.substr(0, path.rfind('/')); }

    void wrote() {
        ++zxid_;
        ++writes;
    }

    error_code make(std::string path, std::string data, zk::create_mode mode, zk::session_id session,
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

    void multi(const request& r, zk::session_id session, reply& out) {
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

    void tell(zk::event_type type, const std::string& path) {
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

    std::map<std::string, node> nodes_;
    std::vector<watch> watches_;
    std::vector<fired> fired_;
    std::vector<std::pair<zk::event_type, std::string>> pending_;
    listener listener_;
    bool holding_ = false;
    zk::zxid zxid_ = 0;
};

}    // namespace muster::registry::testing
