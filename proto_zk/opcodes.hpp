// Part of muster. Boost Software License 1.0, see LICENSE.
//
// The numbers of the wire that are not errors.
#pragma once

#include <muster/zk/types.hpp>

#include <cstdint>
#include <optional>

namespace muster::zk::proto {

/// What a request asks for. Those marked with a version are unknown to older servers, which answer -6 and close.
enum class opcode : std::int32_t {
    notification = 0,
    create = 1,
    remove = 2,
    exists = 3,
    get_data = 4,
    set_data = 5,
    get_acl = 6,
    set_acl = 7,
    get_children = 8,
    sync = 9,
    ping = 11,
    get_children2 = 12,
    check = 13,    ///< Only inside a multi.
    multi = 14,
    create2 = 15,             ///< 3.5.0
    reconfig = 16,            ///< 3.5.0
    check_watches = 17,       ///< 3.5.0
    remove_watches = 18,      ///< 3.5.0
    create_container = 19,    ///< 3.5.1
    delete_container = 20,    ///< Between servers.
    create_ttl = 21,          ///< 3.5.3
    multi_read = 22,          ///< 3.6.0
    auth = 100,
    set_watches = 101,
    sasl = 102,
    get_ephemerals = 103,             ///< 3.6.0
    get_all_children_number = 104,    ///< 3.6.0
    set_watches2 = 105,               ///< 3.6.0
    add_watch = 106,                  ///< 3.6.0
    who_am_i = 107,                   ///< 3.7.0
    create_session = -10,             ///< Between servers.
    close_session = -11,
    error = -1,    ///< Type of a multi's failed results, and of its terminator.
};

/// The number that headers carry.
constexpr std::int32_t to_wire(opcode op) noexcept { return static_cast<std::int32_t>(op); }

/// Transaction numbers with a meaning of their own. All others are positive and come back in the order sent.
inline constexpr std::int32_t xid_event = -1;
inline constexpr std::int32_t xid_ping = -2;
inline constexpr std::int32_t xid_auth = -4;
inline constexpr std::int32_t xid_set_watches = -8;    ///< Of C clients; others number setWatches like any request.

/// `watcher_event::type`.
enum class wire_event : std::int32_t {
    not_watching = -2,
    none = -1,    ///< Tells of the session, not of a znode.
    created = 1,
    deleted = 2,
    data_changed = 3,
    children_changed = 4,
    data_watch_removed = 5,
    child_watch_removed = 6,
    persistent_watch_removed = 7,
};

/// The public event of a number from the wire; none for those that tell nothing about a znode, and for unknown numbers.
constexpr std::optional<event_type> to_event_type(std::int32_t type) noexcept {
    if (type < static_cast<std::int32_t>(event_type::created) || type > static_cast<std::int32_t>(event_type::children_changed))
        return std::nullopt;
    return static_cast<event_type>(type);
}

/// `watcher_event::state`. Servers send `sync_connected` only.
enum class keeper_state : std::int32_t {
    expired = -112,
    unknown = -1,
    disconnected = 0,
    no_sync_connected = 1,
    sync_connected = 3,
    auth_failed = 4,
    connected_read_only = 5,
    sasl_authenticated = 6,
    closed = 7,
};

/// Which watches checkWatches and removeWatches mean.
enum class watcher_type : std::int32_t {
    children = 1,
    data = 2,
    any = 3,
    persistent = 4,              ///< 3.9.0 (ZOOKEEPER-4472)
    persistent_recursive = 5,    ///< 3.9.0
};

}    // namespace muster::zk::proto
