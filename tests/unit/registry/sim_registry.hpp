// Part of muster. Boost Software License 1.0, see LICENSE.
//
// A ZooKeeper of the virtual world: serves clients on the wire from a tree in memory.
#pragma once

#include "fake_tree.hpp"
#include "unit/zk/client_fixture.hpp"

#include "proto_zk/records_admin.hpp"
#include "proto_zk/records_multi.hpp"

#include <cstdint>
#include <list>
#include <map>
#include <string>
#include <vector>

namespace muster::test {

class sim_registry {
public:
    explicit sim_registry(simulation& s);
    sim_registry(const sim_registry&) = delete;
    sim_registry& operator=(const sim_registry&) = delete;
    ~sim_registry();

    registry::testing::fake_tree tree;

    /// Lets clients and server work until none of them has anything to do.
    void serve();

    /// The server's part of it: answers what has been asked. False if nothing was.
    bool answer_all();

    /// Ends all sessions and connections; who comes back is given another session without a word, as ClickHouse Keeper does.
    void replace_sessions();

    /// Whether it has ACLs; otherwise nobody may read or write them. They permit everything, and are kept as they come.
    bool has_acls = false;
    std::vector<zk::acl> acl_of(const std::string& path);
    void set_acl(const std::string& path, std::vector<zk::acl> acls);

    /// Breaks the connection over the next create, set, set_acl, delete or transaction, before it is applied or after.
    enum class loss { none, before, after };
    void lose_next(loss l) { loss_ = l; }

    /// Watches that it keeps for a session, of all kinds.
    std::size_t watches(zk::session_id s) const;

    /// Requests served, pings and handshakes apart.
    int requests() const { return tree.requests; }

private:
    struct connection {
        server_end end;
        zk::session_id session;
        std::vector<std::string> recursive;
    };
    using kind = registry::request::kind;

    bool serve(connection& c);

    registry::reply perform(connection& c, registry::request r) { return tree.perform(r, c.session); }

    /// The registrar's transactions: deletions and changes by version, behind them a creation.
    proto::multi_response transact(connection& c, const proto::multi_request& request);

    /// The wire's number for an error.
    static std::int32_t wire(const error_code& ec) { return ec.value(); }

    void answer(connection& c, const sent_request& sent);

    void answer_acl(connection& c, const sent_request& sent, bool silently);

    /// A reply names the last change of the tree, as a server's does.
    template <class... Records>
    void send(connection& c, std::int32_t xid, std::int32_t err = 0, const Records&... body) {
        c.end.peer->send(reply_frame(xid, tree.zxid(), err, body...));
    }

    /// Applies a request and answers it, or keeps the answer.
    void reply(connection& c, const sent_request& sent, bool silently);

    simulation& sim_;
    std::list<connection> connections_;
    zk::session_id last_session_ = 0x1000;
    zk::session_id replaced_ = 0;    // and all before it
    loss loss_ = loss::none;
    std::map<zk::zxid, std::vector<zk::acl>> acls_;    // by the transaction that created the znode
};

}    // namespace muster::test
