// Part of muster. Boost Software License 1.0, see LICENSE.
//
// Requests about znodes, and their replies.
#pragma once

#include "proto_zk/fields.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace muster::zk::proto {

/// sync, getACL, getAllChildrenNumber, getEphemerals.
struct path_request {
    std::string path;

    void write(writer& w) const { write_fields(w, path); }
    void read(reader& r) { read_fields(r, path); }
    friend bool operator==(const path_request&, const path_request&) = default;
};

/// Of sync.
struct path_response {
    std::string path;

    void write(writer& w) const { write_fields(w, path); }
    void read(reader& r) { read_fields(r, path); }
    friend bool operator==(const path_response&, const path_response&) = default;
};

/// exists, getData, getChildren, getChildren2.
struct path_watch_request {
    std::string path;
    bool watch = false;

    void write(writer& w) const { write_fields(w, path, watch); }
    void read(reader& r) { read_fields(r, path, watch); }
    friend bool operator==(const path_watch_request&, const path_watch_request&) = default;
};

/// create, create2, createContainer.
struct create_request {
    std::string path;
    std::optional<std::string> data;
    std::vector<acl> acls;
    std::int32_t flags = 0;    ///< A create_mode.

    void write(writer& w) const { write_fields(w, path, data, acls, flags); }
    void read(reader& r) { read_fields(r, path, data, acls, flags); }
    friend bool operator==(const create_request&, const create_request&) = default;
};

/// createTTL.
struct create_ttl_request {
    std::string path;
    std::optional<std::string> data;
    std::vector<acl> acls;
    std::int32_t flags = 0;
    std::int64_t ttl = 0;    ///< Milliseconds.

    void write(writer& w) const { write_fields(w, path, data, acls, flags, ttl); }
    void read(reader& r) { read_fields(r, path, data, acls, flags, ttl); }
    friend bool operator==(const create_ttl_request&, const create_ttl_request&) = default;
};

/// Of create.
struct create_response {
    std::string path;

    void write(writer& w) const { write_fields(w, path); }
    void read(reader& r) { read_fields(r, path); }
    friend bool operator==(const create_response&, const create_response&) = default;
};

/// Of create2, createContainer, createTTL.
struct create2_response {
    std::string path;
    zk::stat stat;

    void write(writer& w) const { write_fields(w, path, stat); }
    void read(reader& r) { read_fields(r, path, stat); }
    friend bool operator==(const create2_response&, const create2_response&) = default;
};

struct delete_request {
    std::string path;
    std::int32_t version = any_version;

    void write(writer& w) const { write_fields(w, path, version); }
    void read(reader& r) { read_fields(r, path, version); }
    friend bool operator==(const delete_request&, const delete_request&) = default;
};

struct set_data_request {
    std::string path;
    std::optional<std::string> data;
    std::int32_t version = any_version;

    void write(writer& w) const { write_fields(w, path, data, version); }
    void read(reader& r) { read_fields(r, path, data, version); }
    friend bool operator==(const set_data_request&, const set_data_request&) = default;
};

/// Only inside a multi.
struct check_version_request {
    std::string path;
    std::int32_t version = any_version;

    void write(writer& w) const { write_fields(w, path, version); }
    void read(reader& r) { read_fields(r, path, version); }
    friend bool operator==(const check_version_request&, const check_version_request&) = default;
};

/// Of exists, setData, setACL.
struct stat_response {
    zk::stat stat;

    void write(writer& w) const { write_fields(w, stat); }
    void read(reader& r) { read_fields(r, stat); }
    friend bool operator==(const stat_response&, const stat_response&) = default;
};

/// Of getData and reconfig.
struct get_data_response {
    std::optional<std::string> data;    ///< None where the znode was created without data, which is not the same as empty.
    zk::stat stat;

    void write(writer& w) const { write_fields(w, data, stat); }
    void read(reader& r) { read_fields(r, data, stat); }
    friend bool operator==(const get_data_response&, const get_data_response&) = default;
};

struct get_children_response {
    std::vector<std::string> children;

    void write(writer& w) const { write_fields(w, children); }
    void read(reader& r) { read_fields(r, children); }
    friend bool operator==(const get_children_response&, const get_children_response&) = default;
};

struct get_children2_response {
    std::vector<std::string> children;
    zk::stat stat;

    void write(writer& w) const { write_fields(w, children, stat); }
    void read(reader& r) { read_fields(r, children, stat); }
    friend bool operator==(const get_children2_response&, const get_children2_response&) = default;
};

/// Of getAllChildrenNumber: all descendants.
struct total_number_response {
    std::int32_t total_number = 0;

    void write(writer& w) const { write_fields(w, total_number); }
    void read(reader& r) { read_fields(r, total_number); }
    friend bool operator==(const total_number_response&, const total_number_response&) = default;
};

/// Of getEphemerals: those of the asking session.
struct get_ephemerals_response {
    std::vector<std::string> ephemerals;

    void write(writer& w) const { write_fields(w, ephemerals); }
    void read(reader& r) { read_fields(r, ephemerals); }
    friend bool operator==(const get_ephemerals_response&, const get_ephemerals_response&) = default;
};

}    // namespace muster::zk::proto
