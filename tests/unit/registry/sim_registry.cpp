// Part of muster. Boost Software License 1.0, see LICENSE.
#include "unit/registry/sim_registry.hpp"

#include "proto_zk/records_watch.hpp"

#include <algorithm>
#include <utility>

namespace muster::test {

sim_registry::sim_registry(simulation& s) : sim_(s) {
    sim_.world->set_server(at("10.0.0.1"), sim_world::answer::accept);
    tree.listen([this](zk::event_type type, const std::string& path) {
        for (connection& c : connections_) {
            for (const std::string& watched : c.recursive) {
                if (path == watched || path.starts_with(watched + "/")) c.end.event(static_cast<std::int32_t>(type), path);
            }
        }
    });
}

sim_registry::~sim_registry() { tree.listen({}); }

void sim_registry::serve() {
    sim_.run_ready();
    for (int rounds = 0; answer_all(); ++rounds) {
        REQUIRE_MESSAGE(rounds < 10'000, "client and server keep each other busy for ever");
        sim_.run_ready();
    }
}

bool sim_registry::answer_all() {
    bool busy = false;
    while (auto peer = sim_.world->accept()) {
        connections_.push_back(connection{{std::move(peer), {}}, 0, {}});
        busy = true;
    }
    for (connection& c : connections_) busy |= serve(c);
    for (const auto& f : tree.take_fired()) {
        for (connection& c : connections_) {
            if (c.session == f.session && !c.end.peer->closed()) c.end.event(static_cast<std::int32_t>(f.type), f.path);
        }
        busy = true;
    }
    return busy;
}

void sim_registry::replace_sessions() {
    for (connection& c : connections_) {
        tree.end_session(c.session);
        c.end.peer->close();
    }
    connections_.clear();
    replaced_ = last_session_;
}

bool sim_registry::serve(connection& c) {
    c.end.unread += c.end.peer->take();
    const auto frames = take_frames(c.end.unread);
    for (const std::string& f : frames) {
        if (c.session == 0) {
            const auto asked = parse_connect(f).session_id;
            c.session = asked > replaced_ ? asked : ++last_session_;
            c.end.peer->send(handshake_frame(c.session, 9s));
        } else {
            answer(c, parse_request(f));
        }
    }
    return !frames.empty();
}

proto::multi_response sim_registry::transact(connection& c, const proto::multi_request& request) {
    registry::request asked(kind::multi, "");
    for (const auto& op : request.operations) {
        if (const auto* gone = std::get_if<proto::delete_request>(&op.body)) {
            asked.ops.remove(gone->path, gone->version);
        } else if (const auto* changed = std::get_if<proto::set_data_request>(&op.body)) {
            asked.ops.set(changed->path, changed->data.value_or(""), changed->version);
        } else {
            const auto& made = std::get<proto::create_request>(op.body);
            asked.ops.create(made.path, made.data.value_or(""), static_cast<zk::create_mode>(made.flags));
        }
    }
    const auto done = perform(c, std::move(asked));
    proto::multi_response out;
    for (std::size_t i = 0; i != done.results.size(); ++i) {
        const auto& r = done.results[i];
        if (done.ec) {
            proto::error_response failed;
            failed.err = wire(r.ec);
            out.results.push_back({opcode::error, failed});
        } else if (request.operations[i].type == opcode::create2) {
            out.results.push_back({opcode::create2, proto::create2_response{r.path, r.stat}});
        } else if (request.operations[i].type == opcode::set_data) {
            out.results.push_back({opcode::set_data, proto::stat_response{r.stat}});
        } else {
            out.results.push_back({opcode::remove, {}});
        }
    }
    return out;
}

void sim_registry::answer(connection& c, const sent_request& sent) {
    if (sent.is(opcode::ping)) return c.end.peer->send(ping_frame());
    const auto all_writes = {opcode::create2, opcode::set_data, opcode::set_acl, opcode::remove, opcode::multi};
    const bool writes = std::any_of(all_writes.begin(), all_writes.end(), [&](opcode o) { return sent.is(o); });
    const auto l = writes ? std::exchange(loss_, loss::none) : loss::none;
    if (l != loss::before) reply(c, sent, l == loss::after);
    if (l != loss::none) c.end.peer->close();
}

std::size_t sim_registry::watches(zk::session_id s) const {
    std::size_t all = tree.watches(s);
    for (const connection& c : connections_) {
        if (c.session == s) all += c.recursive.size();
    }
    return all;
}

std::vector<zk::acl> sim_registry::acl_of(const std::string& path) {
    const auto* node = tree.find(path);
    REQUIRE(node);
    const auto found = acls_.find(node->stat.czxid);
    return found != acls_.end() ? found->second : std::vector<zk::acl>{zk::acl()};
}

void sim_registry::set_acl(const std::string& path, std::vector<zk::acl> acls) {
    auto* node = tree.find(path);
    REQUIRE(node);
    ++node->stat.aversion;
    acls_[node->stat.czxid] = std::move(acls);
}

void sim_registry::answer_acl(connection& c, const sent_request& sent, bool silently) {
    const auto refused = [&](server_errc e) {
        if (!silently) send(c, sent.xid, static_cast<std::int32_t>(e));
    };
    const bool reads = sent.is(opcode::get_acl);
    const std::string path = reads ? sent.as<proto::path_request>().path : sent.as<proto::set_acl_request>().path;
    const auto* node = tree.find(path);
    if (!has_acls) return refused(server_errc::no_auth);
    if (node == nullptr) return refused(server_errc::no_node);
    if (reads) return send(c, sent.xid, 0, proto::get_acl_response{acl_of(path), node->stat});
    const auto asked = sent.as<proto::set_acl_request>();
    if (asked.version != zk::any_version && asked.version != node->stat.aversion) return refused(server_errc::bad_version);
    set_acl(path, asked.acls);
    ++tree.writes;
    if (!silently) send(c, sent.xid, 0, proto::stat_response{node->stat});
}

void sim_registry::reply(connection& c, const sent_request& sent, bool silently) {
    if (sent.is(opcode::get_acl) || sent.is(opcode::set_acl)) return answer_acl(c, sent, silently);
    const auto read = [&](kind what) {
        const auto r = sent.as<proto::path_watch_request>();
        registry::request asked(what, r.path);
        asked.watch = r.watch;
        return perform(c, std::move(asked));
    };
    if (sent.is(opcode::close_session)) {
        tree.end_session(c.session);
        return send(c, sent.xid);
    }
    if (sent.is(opcode::create2)) {
        const auto r = sent.as<proto::create_request>();
        registry::request asked(kind::create, r.path);
        asked.data = r.data.value_or("");
        asked.mode = static_cast<zk::create_mode>(r.flags);
        const auto made = perform(c, std::move(asked));
        if (silently) return;
        if (made.ec) return send(c, sent.xid, wire(made.ec));
        return send(c, sent.xid, 0, proto::create2_response{made.path, *made.stat});
    }
    if (sent.is(opcode::multi)) {
        const auto request = sent.as<proto::multi_request>();
        if (request.operations.size() == 1 && request.operations[0].type == opcode::check)
            return send(c, sent.xid, static_cast<std::int32_t>(server_errc::no_auth));
        const auto done = transact(c, request);
        if (!silently) send(c, sent.xid, 0, done);
        return;
    }
    if (sent.is(opcode::set_data)) {
        const auto r = sent.as<proto::set_data_request>();
        registry::request asked(kind::set, r.path);
        asked.data = r.data.value_or("");
        asked.version = r.version;
        const auto done = perform(c, std::move(asked));
        if (silently) return;
        if (done.ec) return send(c, sent.xid, wire(done.ec));
        return send(c, sent.xid, 0, proto::stat_response{*done.stat});
    }
    if (sent.is(opcode::remove)) {
        const auto r = sent.as<proto::delete_request>();
        registry::request asked(kind::remove, r.path);
        asked.version = r.version;
        const auto done = perform(c, std::move(asked));
        if (!silently) send(c, sent.xid, wire(done.ec));
        return;
    }
    if (sent.is(opcode::exists)) {
        const auto found = read(kind::exists);
        if (!found.stat) return send(c, sent.xid, static_cast<std::int32_t>(server_errc::no_node));
        return send(c, sent.xid, 0, proto::stat_response{*found.stat});
    }
    if (sent.is(opcode::get_data)) {
        const auto found = read(kind::get);
        if (found.ec) return send(c, sent.xid, wire(found.ec));
        return send(c, sent.xid, 0, proto::get_data_response{found.data, *found.stat});
    }
    if (sent.is(opcode::get_children2)) {
        const auto found = read(kind::children);
        if (found.ec) return send(c, sent.xid, wire(found.ec));
        return send(c, sent.xid, 0, proto::get_children2_response{found.names, zk::stat()});
    }
    if (sent.is(opcode::sync)) return send(c, sent.xid, 0, sent.as<proto::path_request>());
    if (sent.is(opcode::add_watch)) {
        c.recursive.push_back(sent.as<proto::add_watch_request>().path);
        return send(c, sent.xid, 0, proto::error_response());
    }
    if (sent.is(opcode::remove_watches)) {
        const auto path = sent.as<proto::remove_watches_request>().path;
        std::erase(c.recursive, path);
        tree.remove_watches(path, c.session);
        return send(c, sent.xid);
    }
    const bool keeps = sent.is(opcode::set_watches);    // the tree keeps the watches of a session, connected or not
    if (sent.is(opcode::auth) || keeps) return send(c, sent.xid);
    const auto permitted_to_nobody = {opcode::who_am_i, opcode::get_ephemerals, opcode::get_all_children_number,
                                      opcode::reconfig, opcode::check_watches,  opcode::multi_read};
    if (std::any_of(permitted_to_nobody.begin(), permitted_to_nobody.end(), [&](opcode o) { return sent.is(o); }))
        return send(c, sent.xid, static_cast<std::int32_t>(server_errc::no_auth));
    FAIL("the registry of these tests does not know request ", sent.type);
}

}    // namespace muster::test
