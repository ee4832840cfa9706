// Part of muster. Boost Software License 1.0, see LICENSE.
//
// The handshake, and the headers of what follows it.
//
// All records are plain aggregates: build them in statements of their own, since GCC 12 destroys aggregate temporaries in
// co_await expressions twice. None checks that nothing follows its last field: later versions may append some.
#pragma once

#include "proto_zk/fields.hpp"

#include <cstdint>
#include <string>

namespace muster::zk::proto {

/// Passwords are 16 bytes everywhere; a peer that sends more than this is not ZooKeeper.
inline constexpr std::size_t max_password_bytes = 64;

/// First frame of a client: 45 bytes, or 44 without the flag, which clients up to 3.3 and go-zookeeper leave out.
struct connect_request {
    std::int32_t protocol_version = 0;
    std::int64_t last_zxid_seen = 0;
    std::int32_t timeout_ms = 0;
    std::int64_t session_id = 0;
    std::string password = std::string(16, '\0');
    bool read_only = false;
    bool has_read_only = true;

    void write(writer& w) const;
    void read(reader& r);
    friend bool operator==(const connect_request&, const connect_request&) = default;
};

/// First frame of a server: 37 bytes, or 36 without the flag. Servers up to 3.3 never send it, those since 3.9.3 only to
/// clients that did (ZOOKEEPER-4814). Without it `read_only` is false.
struct connect_response {
    std::int32_t protocol_version = 0;
    std::int32_t timeout_ms = 0;
    std::int64_t session_id = 0;
    std::string password = std::string(16, '\0');
    bool read_only = false;
    bool has_read_only = true;

    void write(writer& w) const;
    void read(reader& r);
    friend bool operator==(const connect_response&, const connect_response&) = default;
};

struct request_header {
    std::int32_t xid = 0;
    std::int32_t type = 0;    ///< An opcode, or a number that none has.

    void write(writer& w) const { write_fields(w, xid, type); }
    void read(reader& r) { read_fields(r, xid, type); }
    friend bool operator==(const request_header&, const request_header&) = default;
};

/// Of replies and of events (xid_event). A body follows only if `err` is 0.
struct reply_header {
    static constexpr std::size_t bytes = 16;

    std::int32_t xid = 0;
    std::int64_t zxid = 0;
    std::int32_t err = 0;

    void write(writer& w) const { write_fields(w, xid, zxid, err); }
    void read(reader& r) { read_fields(r, xid, zxid, err); }
    friend bool operator==(const reply_header&, const reply_header&) = default;
};

}    // namespace muster::zk::proto
