// Part of muster. Boost Software License 1.0, see LICENSE.
//
// Access control, authentication and the ensemble's configuration.
#pragma once

#include "proto_zk/fields.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace muster::zk::proto {

struct get_acl_response {
    std::vector<acl> acls;
    zk::stat stat;

    void write(writer& w) const { write_fields(w, acls, stat); }
    void read(reader& r) { read_fields(r, acls, stat); }
    friend bool operator==(const get_acl_response&, const get_acl_response&) = default;
};

struct set_acl_request {
    std::string path;
    std::vector<acl> acls;
    std::int32_t version = any_version;    ///< Of the ACL.

    void write(writer& w) const { write_fields(w, path, acls, version); }
    void read(reader& r) { read_fields(r, path, acls, version); }
    friend bool operator==(const set_acl_request&, const set_acl_request&) = default;
};

/// Credentials, in clear text for most schemes: never to be logged.
struct auth_packet {
    std::int32_t type = 0;    ///< Always 0.
    std::string scheme;
    std::optional<std::string> auth;

    void write(writer& w) const { write_fields(w, type, scheme, auth); }
    void read(reader& r) { read_fields(r, type, scheme, auth); }
    friend bool operator==(const auth_packet&, const auth_packet&) = default;
};

/// A step of SASL, both ways. Servers send null where the mechanism has nothing left to say.
struct sasl_packet {
    std::optional<std::string> token;

    void write(writer& w) const { write_fields(w, token); }
    void read(reader& r) { read_fields(r, token); }
    friend bool operator==(const sasl_packet&, const sasl_packet&) = default;
};

/// Answered by a get_data_response with the new configuration.
struct reconfig_request {
    std::optional<std::string> joining;
    std::optional<std::string> leaving;
    std::optional<std::string> new_members;
    std::int64_t config_id = -1;    ///< Configuration that must be current, or -1.

    void write(writer& w) const { write_fields(w, joining, leaving, new_members, config_id); }
    void read(reader& r) { read_fields(r, joining, leaving, new_members, config_id); }
    friend bool operator==(const reconfig_request&, const reconfig_request&) = default;
};

struct client_info {
    std::string auth_scheme;
    std::string user;

    friend bool operator==(const client_info&, const client_info&) = default;
};

struct who_am_i_response {
    std::vector<client_info> clients;

    void write(writer& w) const;
    void read(reader& r);
    friend bool operator==(const who_am_i_response&, const who_am_i_response&) = default;
};

/// Of addWatch, and of each failed result of a multi.
struct error_response {
    std::int32_t err = 0;

    void write(writer& w) const { write_fields(w, err); }
    void read(reader& r) { read_fields(r, err); }
    friend bool operator==(const error_response&, const error_response&) = default;
};

}    // namespace muster::zk::proto
