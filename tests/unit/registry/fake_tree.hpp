// Part of muster. Boost Software License 1.0, see LICENSE.
//
// ZooKeeper's tree in memory, as far as the machines of this layer use it: znodes with owners and versions, sequences,
// transactions, one-shot and recursive watches. It answers a request at once; tests choose what becomes of the answer.
#pragma once

#include "registry/request.hpp"

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

    fake_tree();
    ~fake_tree();

    /// Performs `r` for `session`. Counts writes that were applied.
    reply perform(const request& r, zk::session_id session);

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
    void end_session(zk::session_id s);

    /// One-shot watches that a session has, and their end.
    std::size_t watches(zk::session_id s) const;
    void remove_watches(const std::string& path, zk::session_id s);

    void put(const std::string& path, std::string data, zk::session_id owner = 0);
    error_code drop(const std::string& path, std::int32_t version = zk::any_version);
    error_code write(const std::string& path, std::string data, std::int32_t version, zk::stat& s);
    void set(const std::string& path, std::string data);

    node* find(const std::string& path);
    const std::map<std::string, node>& nodes() const { return nodes_; }
    std::vector<std::string> owned_by(zk::session_id s) const;
    /// Of the last change.
    zk::zxid zxid() const { return zxid_; }

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

    void wrote();

    error_code make(std::string path, std::string data, zk::create_mode mode, zk::session_id session, zk::operation_result& made);

    void multi(const request& r, zk::session_id session, reply& out);

    void tell(zk::event_type type, const std::string& path);

    std::map<std::string, node> nodes_;
    std::vector<watch> watches_;
    std::vector<fired> fired_;
    std::vector<std::pair<zk::event_type, std::string>> pending_;
    listener listener_;
    bool holding_ = false;
    zk::zxid zxid_ = 0;
};

}    // namespace muster::registry::testing
