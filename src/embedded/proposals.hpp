// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include "embedded/access.hpp"
#include "embedded/arguments.hpp"
#include "embedded/settings.hpp"
#include "embedded/transaction.hpp"
#include "embedded/tree.hpp"
#include "proto_zk/opcodes.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace muster::embedded {

/// What the client is told about a write.
struct answer {
    std::int32_t error = 0;
    std::string body;    ///< Of the reply; empty where it has none.
};

/// True for the requests that go to the leader: those that write, as far as `proposals` handles them.
bool is_proposal(std::int32_t type) noexcept;

/// The leader's judgement of writes: validates a request against its tree and, if it is right, makes the change there and adds it
/// to a transaction. The order of the checks is that of Apache's server, since it decides which of several errors the client
/// sees.
class proposals {
public:
    proposals(const settings& s, tree& t) noexcept : settings_(s), tree_(t) {}

    /// Handles a request of session `t.session`. `t` has its id and its time already; on errors it stays without changes.
    answer judge(zk::proto::opcode type, std::string_view body, const identities& who, transaction& t);

    /// Ends session `t.session`: deletes its ephemeral znodes.
    void close_session(transaction& t);

    /// Deletes a container or a znode that outlived its time, if it still has no children.
    void delete_unused(const std::string& path, transaction& t);

private:
    // One request at work: who asks, where its changes go, and how to revert them.
    struct work {
        const identities& who;
        transaction& t;
        std::size_t acl_room;    // what its ACLs may still take, in bytes of the wire
        std::vector<tree::undo>* undo = nullptr;
        // Of a multi, by how they were asked for: most ask for the same each time.
        std::map<std::string_view, acl_ptr> lists = {};
    };
    enum class creation { plain, container, ttl };

    answer judge_create(zk::proto::opcode type, std::string_view body, work& w);
    answer judge_multi(std::string_view body, work& w);
    std::int32_t perform(multi_arguments& op, work& w, std::string& result);
    std::int32_t list_of(const create_arguments& a, work& w, acl_ptr& list);
    std::int32_t create(creation what, const create_arguments& a, work& w, std::string& path);
    std::int32_t remove(const version_arguments& a, work& w);
    std::int32_t set_data(const version_arguments& a, work& w);
    std::int32_t check(const version_arguments& a, const work& w) const;
    std::int32_t set_acl(const text& path, const std::vector<acl_view>& acls, std::int32_t version, work& w);
    void commit(change c, work& w);
    void revert(work& w);
    void append_stat(std::string& out, std::string_view path) const;

    const settings& settings_;
    tree& tree_;
    acl_cache acls_;
};

}    // namespace muster::embedded
