// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include <muster/zk/error.hpp>
#include <muster/zk/types.hpp>

#include "proto_zk/watch_kind.hpp"

#include <array>
#include <cstddef>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <vector>

namespace muster::zk::proto {

/// One subscriber.
class watch_sink {
public:
    watch_sink(const watch_sink&) = delete;
    watch_sink& operator=(const watch_sink&) = delete;
    virtual ~watch_sink() = default;

    /// The event happened, at the server's path `path`. One-shot sinks are called once and then forgotten.
    virtual void on_event(event_type type, std::string_view path, zxid at) = 0;
    /// No event will come any more. Not called after the event of a one-shot sink.
    virtual void on_end(const error_code& ec) = 0;

protected:
    watch_sink() = default;
};

/// Watches that no server has been seen to arm since the zxid up to which their events were told: what was seen later tells
/// nothing of them.
using unarmed_watches = std::multiset<std::tuple<std::string, watch_kind, zxid>>;

/// Which paths of one session are watched, and by whom.
///
/// Flow: a watch is added when the reply that armed it is read; `dispatch` hands each event of the server to the sinks it is
/// meant for; after a reconnect `rearm` gives the requests that arm on the new server what is still waited for.
class watch_table {
public:
    using sink_ptr = std::shared_ptr<watch_sink>;

    void add(watch_kind kind, std::string_view path, sink_ptr sink);

    /// Forgets a sink. True if it was the last one of its kind on this path, so that the server's watch is of no use now.
    bool remove(watch_kind kind, std::string_view path, const watch_sink* sink);

    /// True if anybody watches this path, with any kind.
    bool watched(std::string_view path) const { return paths_.find(path) != paths_.end(); }

    /// True if anybody watches this path with this kind.
    bool watched(watch_kind kind, std::string_view path) const;

    /// True if anybody watches any path with a kind that outlives its events.
    bool lasting() const noexcept;

    /// An event of the server. `wire_type` is its number on the wire; unknown ones are ignored.
    void dispatch(std::int32_t wire_type, std::string_view path, zxid at);

    /// Payloads (header with xid 0, record) of the setWatches requests for all paths. None is larger than `max_bytes`, unless
    /// a single path is: one request for all would exceed the server's limit for ever (ZOOKEEPER-706). `seen` must be the last
    /// zxid seen when all watches were armed; those that were not are in `unarmed`, and go by their own. Older ones for all
    /// would have watches tell what the reads that armed them have shown. setWatches2 is used only where there are persistent
    /// watches, since servers before 3.6 close the connection on it. Child watches of paths that are watched recursively come
    /// in requests behind the others: before 3.9 a recursive watch replaces the child watch of the same path.
    std::vector<std::string> rearm(zxid seen, std::size_t max_bytes, const unarmed_watches& unarmed = {}) const;

    /// Tells persistent sinks that events may have been missed: servers arm their watches again but replay nothing.
    void resync();

    /// Ends all watches of a path.
    void end(std::string_view path, const error_code& ec);

    /// Ends all watches.
    void end(const error_code& ec);

    std::size_t size() const noexcept { return paths_.size(); }

private:
    struct hash {
        using is_transparent = void;
        std::size_t operator()(std::string_view s) const noexcept { return std::hash<std::string_view>{}(s); }
    };
    using sinks = std::vector<sink_ptr>;
    using entry = std::array<sinks, watch_kinds>;
    using map = std::unordered_map<std::string, entry, hash, std::equal_to<>>;

    static bool empty(const entry& e) noexcept;
    void take(entry& e, watch_kind kind, sinks& out);
    void collect_persistent(event_type type, std::string_view path, sinks& out) const;

    map paths_;
    std::size_t recursive_ = 0;    // sinks of that kind: without any, no ancestor needs to be looked up
};

}    // namespace muster::zk::proto
