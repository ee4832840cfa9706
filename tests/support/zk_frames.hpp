// Part of muster. Boost Software License 1.0, see LICENSE.
//
// The server's side of a conversation: frames to send, and what the client sent.
#pragma once

#include "proto_zk/frame.hpp"
#include "proto_zk/jute.hpp"
#include "proto_zk/opcodes.hpp"
#include "proto_zk/records_connect.hpp"
#include "proto_zk/records_watch.hpp"

#include <chrono>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace muster::test {

/// A frame made of records, one behind the other.
template <class... Records>
std::string frame_of(const Records&... records) {
    std::string out;
    const auto at = zk::proto::begin_frame(out);
    zk::proto::writer w(out);
    (records.write(w), ...);
    zk::proto::end_frame(out, at);
    return out;
}

/// The answer to a connect request.
inline std::string handshake_frame(std::int64_t session, std::chrono::milliseconds timeout, char password = 'p',
                                   bool has_read_only = true, bool read_only = false) {
    zk::proto::connect_response r;
    r.timeout_ms = static_cast<std::int32_t>(timeout.count());
    r.session_id = session;
    r.password.assign(16, password);
    r.has_read_only = has_read_only;
    r.read_only = read_only;
    return frame_of(r);
}

template <class... Records>
std::string reply_frame(std::int32_t xid, std::int64_t zxid, std::int32_t err = 0, const Records&... body) {
    zk::proto::reply_header header;
    header.xid = xid;
    header.zxid = zxid;
    header.err = err;
    return frame_of(header, body...);
}

/// A reply whose frame says that it has so many bytes, and has no more than its header.
inline std::string begins_reply(std::int32_t xid, std::int32_t bytes) {
    std::string out = reply_frame(xid, 1);
    for (std::size_t i = 0; i != 4; ++i) out[i] = static_cast<char>(bytes >> (24 - 8 * i));
    return out;
}

inline std::string event_frame(std::int32_t type, std::string path, std::int64_t zxid = -1) {
    zk::proto::watcher_event event;
    event.type = type;
    event.state = 3;
    event.path = std::move(path);
    return reply_frame(zk::proto::xid_event, zxid, 0, event);
}

inline std::string ping_frame() { return reply_frame(zk::proto::xid_ping, 0); }

/// A request as the client sent it.
struct sent_request {
    std::int32_t xid = 0;
    std::int32_t type = 0;
    std::string body;

    bool is(zk::proto::opcode op) const { return type == zk::proto::to_wire(op); }

    template <class Record>
    Record as() const {
        Record r;
        zk::proto::reader in(body);
        r.read(in);
        if (!in.ok() || !in.rest().empty()) throw std::runtime_error("not such a record");
        return r;
    }
};

/// The contents of the complete frames at the front of `bytes`, which are removed from it.
inline std::vector<std::string> take_frames(std::string& bytes) {
    std::vector<std::string> frames;
    for (;;) {
        zk::proto::reader in(bytes);
        const auto content = in.buffer();
        if (!content) return frames;
        frames.emplace_back(*content);
        bytes.erase(0, 4 + frames.back().size());
    }
}

inline sent_request parse_request(std::string_view content) {
    zk::proto::reader in(content);
    zk::proto::request_header header;
    header.read(in);
    sent_request r;
    r.xid = header.xid;
    r.type = header.type;
    r.body = std::string(in.rest());
    return r;
}

inline zk::proto::connect_request parse_connect(std::string_view content) {
    zk::proto::connect_request r;
    zk::proto::reader in(content);
    r.read(in);
    if (!in.ok() || !in.rest().empty()) throw std::runtime_error("not a connect request");
    return r;
}

}    // namespace muster::test
