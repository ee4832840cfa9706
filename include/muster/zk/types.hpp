// Part of muster. Boost Software License 1.0, see LICENSE.
//
// The vocabulary of ZooKeeper: plain values that the wire protocol, the client and its users share.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace muster::zk {

/// Identifies a session on the ensemble. The server's ids can have the top bit set: print them as unsigned hexadecimal.
using session_id = std::int64_t;

/// The secret that belongs to a session id. ZooKeeper derives it from the id, so it protects against accidents only.
using session_password = std::array<std::uint8_t, 16>;

/// A transaction id of the ensemble: every change has one, later changes have greater ones.
using zxid = std::int64_t;

/// Version argument of `remove`, `set` and `check` that matches every version.
inline constexpr std::int32_t any_version = -1;

/// What the server keeps about a znode beside its data.
struct stat {
    zxid czxid = 0;                    ///< Transaction that created the znode. Names one incarnation of a path.
    zxid mzxid = 0;                    ///< Transaction that last changed its data.
    std::int64_t ctime = 0;            ///< Creation, milliseconds since the epoch, by the leader's clock.
    std::int64_t mtime = 0;            ///< Last change of data, milliseconds since the epoch.
    std::int32_t version = 0;          ///< Number of changes of the data since creation.
    std::int32_t cversion = 0;         ///< Number of changes of the children.
    std::int32_t aversion = 0;         ///< Number of changes of the ACL.
    session_id ephemeral_owner = 0;    ///< Session that owns an ephemeral znode, 0 for others.
    std::int32_t data_length = 0;      ///< Bytes of data.
    std::int32_t num_children = 0;     ///< Children, not counting theirs.
    zxid pzxid = 0;                    ///< Transaction that last added or removed a child.

    friend bool operator==(const stat&, const stat&) = default;
};

/// Bits of an ACL entry.
enum class permission : std::int32_t { read = 1, write = 2, create = 4, remove = 8, admin = 16, all = 31 };

/// Grants permissions to whom a scheme and an id name, e.g. `world`/`anyone` or `digest`/`user:hash`.
struct acl {
    std::int32_t permissions = static_cast<std::int32_t>(permission::all);
    std::string scheme = "world";
    std::string id = "anyone";

    acl() = default;    // not an aggregate: GCC 12 destroys aggregate temporaries in co_await expressions twice
    acl(std::int32_t permissions_, std::string scheme_, std::string id_)
        : permissions(permissions_), scheme(std::move(scheme_)), id(std::move(id_)) {}

    friend bool operator==(const acl&, const acl&) = default;
};

/// How a znode is created. The values are those of the wire.
enum class create_mode : std::int32_t {
    persistent = 0,                        ///< Stays until it is deleted.
    ephemeral = 1,                         ///< Deleted by the server when the session ends.
    persistent_sequential = 2,             ///< Its name gets a ten-digit counter of the parent appended.
    ephemeral_sequential = 3,              ///< Both.
    container = 4,                         ///< Deleted by the server some time after its last child went.
    persistent_with_ttl = 5,               ///< Deleted when unchanged and childless for its time to live.
    persistent_sequential_with_ttl = 6,    ///< The same, with a counter.
};

/// What happened to a watched znode. Values from 1 to 4 are those of the wire.
enum class event_type : std::int32_t {
    created = 1,
    deleted = 2,
    data_changed = 3,
    children_changed = 4,
    /// Made by the client, on persistent watches only: changes may have been missed (a connection was re-established, or
    /// the subscriber did not read its events for long). Read again what you keep.
    resync = 100,
};

/// One event of a watch.
struct watch_event {
    event_type type = event_type::resync;
    std::string path;    ///< Path of the znode, as the client's user names it (chroot removed).
    zxid at = -1;        ///< Transaction that caused it, from servers 3.9 and later, else -1.

    watch_event() = default;
    watch_event(event_type type_, std::string path_, zxid at_ = -1) : type(type_), path(std::move(path_)), at(at_) {}

    friend bool operator==(const watch_event&, const watch_event&) = default;
};

/// Kinds of watches that `check_watches` asks about. The values are those of the wire.
enum class watch_type : std::int32_t {
    children = 1,
    data = 2,
    any = 3,
};

/// Modes of `add_watch`. The values are those of the wire.
enum class add_watch_mode : std::int32_t {
    persistent = 0,              ///< The znode itself: created, deleted, data changed, children changed.
    persistent_recursive = 1,    ///< The znode and all below: created, deleted, data changed.
};

/// Where a session stands.
enum class session_state {
    connecting,     ///< No session yet; the first one is being established.
    connected,      ///< Attached to a server.
    suspended,      ///< The connection is lost, the session may live on; the client reconnects.
    expired,        ///< The ensemble ended the session, or nobody can prove that it lives. Its ephemerals are or will be gone.
    closed,         ///< `close()` was called, or the client gave up for good.
    auth_failed,    ///< Credentials or certificates were refused. The client has given up for good; its session will expire.
};

/// True for the states that no other follows. Whether another follows `expired` depends on the client: `session_info::ended`.
constexpr bool is_final(session_state s) noexcept { return s == session_state::closed || s == session_state::auth_failed; }

/// Name of a state, as the command prints it.
const char* to_string(session_state s) noexcept;

/// Name of an event type.
const char* to_string(event_type t) noexcept;

}    // namespace muster::zk
