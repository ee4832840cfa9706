// Part of muster. Boost Software License 1.0, see LICENSE.
//
// What the servers of an ensemble agree upon: a sequence of transactions, each with the changes that it makes to the tree.
#pragma once

#include "embedded/acl_list.hpp"

#include <muster/zk/types.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace muster::embedded {

/// The data of a znode, shared by the trees of all servers; null where a znode was written without data, which is not the same
/// as empty.
using data_ptr = std::shared_ptr<const std::string>;

/// One change of one znode.
struct change {
    enum class kind : std::uint8_t {
        create,      ///< data, acls, owner; version: number of creations below the parent, this one included.
        erase,       ///< Nothing else.
        set_data,    ///< data, version: the new one.
        set_acl,     ///< acls, version: the new one.
    };

    kind what = kind::erase;
    std::string path;
    data_ptr data;
    acl_ptr acls;
    std::int64_t owner = 0;    ///< As stored: a session, one of the marks of containers and times to live, or 0.
    std::int32_t version = 0;
};

/// All or nothing. A request that failed leaves one as well, without changes: it used up a transaction id.
struct transaction {
    enum class effect : std::uint8_t { none, session_opened, session_closed };

    zk::zxid zxid = 0;
    std::int64_t time = 0;    ///< Milliseconds since the epoch, by the leader's clock.
    zk::session_id session = 0;
    effect on_session = effect::none;
    std::vector<change> changes;
};

using transaction_ptr = std::shared_ptr<const transaction>;

}    // namespace muster::embedded
