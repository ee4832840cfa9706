// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include "embedded/tree.hpp"
#include "proto_zk/opcodes.hpp"

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

/// Who watches: a connection.
using watcher = std::uint64_t;

enum class watch_mode : std::uint8_t {
    once,          ///< Fires once.
    persistent,    ///< Fires until it is removed.
    recursive,     ///< The same, also for all that is below.
};

/// Watches on paths, of one kind: for data or for children. As in Apache's server before 3.9, a watcher has one watch on a path,
/// and the mode that was asked for last replaces the one before (ZOOKEEPER-4466).
class watch_table {
public:
    void add(std::string_view path, watcher w, watch_mode mode);

    /// False if it had none there.
    bool remove(std::string_view path, watcher w);

    /// Removes all of a watcher.
    void forget(watcher w);

    /// True if anybody watches the path: Apache's server 3.8 does not ask who.
    /// Nothing where it looks for the parent of a path that has none.
    std::optional<bool> any(std::string_view path) const;

    /// Those whose watches an event at `path` fires, in ascending order. Valid until the next call.
    const std::vector<watcher>& fire(std::string_view path, zk::proto::wire_event event);

    /// Watches that are set.
    std::size_t size() const noexcept { return size_; }

    /// Paths on which a watcher has one.
    const std::set<std::string, std::less<>>& paths_of(watcher w) const;

private:
    void drop_path_of(watcher w, std::string_view path);

    std::unordered_map<std::string, std::map<watcher, watch_mode>, string_hash, std::equal_to<>> watchers_;
    std::unordered_map<watcher, std::set<std::string, std::less<>>> paths_;
    std::vector<watcher> fired_;
    std::size_t size_ = 0;
    std::size_t recursive_ = 0;    // without any, only the path itself has to be looked at
};

/// The watches of one server's connections.
class watches {
public:
    /// Takes the event for a watcher, who must not learn of it if it may not read the znode with these ACLs (CVE-2024-23944).
    using deliver = std::function<void(watcher, zk::proto::wire_event, std::string_view path, const acl_list&)>;

    explicit watches(deliver d) : deliver_(std::move(d)) {}

    void add_data(std::string_view path, watcher w) { data_.add(path, w, watch_mode::once); }
    void add_children(std::string_view path, watcher w) { children_.add(path, w, watch_mode::once); }
    void add_lasting(std::string_view path, watcher w, watch_mode mode);

    /// Whether there are any. Nothing for paths at which Apache's server stumbles.
    std::optional<bool> any(std::string_view path, zk::proto::watcher_type type) const;
    bool remove(std::string_view path, watcher w, zk::proto::watcher_type type);
    void forget(watcher w);

    /// What happened. Delivers the events in the order of Apache's server.
    void created(std::string_view path, const acl_list& own, const acl_list& parents);
    void deleted(std::string_view path, const acl_list& own, const acl_list& parents);
    void data_changed(std::string_view path, const acl_list& own);

    std::size_t size() const noexcept { return data_.size() + children_.size(); }
    /// Paths that a watcher watches, in whatever way.
    std::size_t paths_of(watcher w) const;

private:
    watch_table data_;
    watch_table children_;
    deliver deliver_;
};

}    // namespace muster::embedded
