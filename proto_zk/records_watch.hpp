// Part of muster. Boost Software License 1.0, see LICENSE.
//
// Watches: events, restoring them after a reconnect, adding and removing them.
#pragma once

#include "proto_zk/fields.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace muster::zk::proto {

/// Body of a frame with xid_event.
struct watcher_event {
    std::int32_t type = 0;     ///< A wire_event, or a number that none has.
    std::int32_t state = 0;    ///< A keeper_state.
    std::string path;

    void write(writer& w) const { write_fields(w, type, state, path); }
    void read(reader& r) { read_fields(r, type, state, path); }
    friend bool operator==(const watcher_event&, const watcher_event&) = default;
};

/// Restores one-shot watches. What changed after `relative_zxid` is sent as an event at once.
struct set_watches_request {
    std::int64_t relative_zxid = 0;
    std::vector<std::string> data;
    std::vector<std::string> exist;
    std::vector<std::string> child;

    void write(writer& w) const { write_fields(w, relative_zxid, data, exist, child); }
    void read(reader& r) { read_fields(r, relative_zxid, data, exist, child); }
    friend bool operator==(const set_watches_request&, const set_watches_request&) = default;
};

/// The same with persistent watches, for which no missed changes are sent.
struct set_watches2_request {
    std::int64_t relative_zxid = 0;
    std::vector<std::string> data;
    std::vector<std::string> exist;
    std::vector<std::string> child;
    std::vector<std::string> persistent;
    std::vector<std::string> persistent_recursive;

    void write(writer& w) const { write_fields(w, relative_zxid, data, exist, child, persistent, persistent_recursive); }
    void read(reader& r) { read_fields(r, relative_zxid, data, exist, child, persistent, persistent_recursive); }
    friend bool operator==(const set_watches2_request&, const set_watches2_request&) = default;
};

/// Answered by an error_response with err 0.
struct add_watch_request {
    std::string path;
    std::int32_t mode = 0;    ///< An add_watch_mode.

    void write(writer& w) const { write_fields(w, path, mode); }
    void read(reader& r) { read_fields(r, path, mode); }
    friend bool operator==(const add_watch_request&, const add_watch_request&) = default;
};

/// removeWatches, checkWatches.
struct remove_watches_request {
    std::string path;
    std::int32_t type = 0;    ///< A watcher_type.

    void write(writer& w) const { write_fields(w, path, type); }
    void read(reader& r) { read_fields(r, path, type); }
    friend bool operator==(const remove_watches_request&, const remove_watches_request&) = default;
};

}    // namespace muster::zk::proto
