// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include "embedded/transaction.hpp"

#include <muster/zk/types.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace muster::embedded {

/// Hashes strings and views of strings alike.
struct string_hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view s) const noexcept { return std::hash<std::string_view>()(s); }
};

/// One znode, as it is stored, without its children.
struct znode_values {
    data_ptr data;
    acl_ptr acls;    ///< Never null.
    zk::zxid czxid = 0;
    zk::zxid mzxid = 0;
    zk::zxid pzxid = 0;
    std::int64_t ctime = 0;
    std::int64_t mtime = 0;
    std::int32_t version = 0;
    std::int32_t creations = 0;    ///< Children created so far, which numbers sequential ones. Clients see another count.
    std::int32_t aversion = 0;
    std::int64_t owner = 0;    ///< As in `change`.
};

struct znode : znode_values {
    std::set<std::string, std::less<>> children;    ///< Their names.
};

/// What a znode's owner says about it.
enum class owner_kind { none, session, container, ttl };

/// The owner of a container.
inline constexpr std::int64_t container_owner = INT64_MIN;

/// The longest time to live, in milliseconds.
inline constexpr std::int64_t max_ttl = 0xffffffffff;

/// The owner of a znode that lives for `ttl` milliseconds.
constexpr std::int64_t ttl_owner(std::int64_t ttl) noexcept { return static_cast<std::int64_t>(0xff00000000000000U) | ttl; }

/// The znodes, from "/" downwards. A new tree has /zookeeper and what is below it.
class tree {
public:
    /// \param extended_types znodes can have a time to live; otherwise such an owner is a session like any other.
    explicit tree(bool extended_types = false);

    /// The znode at a path, or null. The empty path is the root, too, as it is for Apache's server.
    const znode* find(std::string_view path) const;

    /// What clients see of a znode beside its data.
    zk::stat stat_of(const znode& n) const noexcept;

    owner_kind kind_of(std::int64_t owner) const noexcept;

    /// What it takes to revert a change.
    struct undo {
        change::kind what = change::kind::erase;
        std::string path;
        std::optional<znode_values> before;    ///< The znode, if there was one.
        zk::zxid parent_pzxid = 0;
        std::int32_t parent_creations = 0;
        std::uint64_t inserted = 0;    // its place among the ephemerals of its session, and the size of their set
        std::size_t buckets = 0;
    };

    /// Makes a change that is known to be possible.
    void apply(const change& c, zk::zxid zxid, std::int64_t time, undo* u = nullptr);

    /// Reverts the last change that was not reverted yet.
    void revert(undo&& u);

    /// A session is over, and has no znodes any more.
    void forget_session(zk::session_id id) { ephemerals_.erase(id); }

    /// The last transaction that was applied.
    zk::zxid last_zxid() const noexcept { return last_zxid_; }
    void set_last_zxid(zk::zxid z) noexcept { last_zxid_ = z; }

    /// All znodes, "/" included.
    std::size_t size() const noexcept { return nodes_.size(); }

    /// Bytes of paths and data, as Apache's server counts them.
    std::size_t data_size() const noexcept { return data_size_; }

    /// All znodes below `path`, counted as Apache's server does: for "" it counts the root itself.
    std::size_t count_below(std::string_view path) const;

    /// The ephemeral znodes of a session, in the order in which Apache's server lists and deletes them.
    std::vector<std::string> ephemerals_of(zk::session_id id) const;
    std::size_t ephemeral_count() const noexcept;

    const std::set<std::string, std::less<>>& containers() const noexcept { return containers_; }
    const std::set<std::string, std::less<>>& ttls() const noexcept { return ttls_; }

    /// Calls `f(path, znode)` for every znode, in no particular order.
    template <class F>
    void for_each(F&& f) const {
        for (const auto& [path, n] : nodes_) f(path, n);
    }

private:
    // The paths of one session. Java's sets grow and never shrink, and their size decides about their order.
    struct owned {
        std::map<std::string, std::uint64_t, std::less<>> paths;    // with the order of their insertion
        std::uint64_t next = 0;
        std::size_t buckets = 16;
    };

    znode* find_mutable(std::string_view path);
    void own(const std::string& path, std::int64_t owner);
    void disown(const std::string& path, std::int64_t owner);
    std::size_t count_tree(std::string& path, const znode& n) const;

    std::unordered_map<std::string, znode, string_hash, std::equal_to<>> nodes_;
    znode* root_ = nullptr;
    std::unordered_map<zk::session_id, owned> ephemerals_;
    std::set<std::string, std::less<>> containers_;
    std::set<std::string, std::less<>> ttls_;
    std::size_t data_size_ = 0;
    zk::zxid last_zxid_ = 0;
    bool extended_types_;

public:
    tree(const tree& other);
    tree& operator=(const tree& other);
};

}    // namespace muster::embedded
