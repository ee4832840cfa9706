// Part of muster. Boost Software License 1.0, see LICENSE.
//
// Clients of the embedded server that speak in frames, under a clock that stands still until it is moved.
#pragma once

#include "embedded/ensemble.hpp"
#include "proto_zk/records_admin.hpp"
#include "proto_zk/records_data.hpp"
#include "proto_zk/records_multi.hpp"
#include "support/zk_frames.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace muster::test {

namespace proto = zk::proto;
using proto::opcode;
using namespace std::chrono_literals;

inline constexpr std::int32_t no_node = -101, no_auth = -102, bad_version = -103, node_exists = -110, not_empty = -111,
                              invalid_acl = -114, bad_arguments = -8, marshalling = -5, unimplemented = -6;

using lines = std::vector<std::string>;

/// A frame of the server, taken apart.
struct heard {
    std::int32_t xid = 0;
    std::int64_t zxid = 0;
    std::int32_t err = 0;
    std::string body;

    template <class Record>
    Record as() const {
        Record record;
        proto::reader r(body);
        record.read(r);
        REQUIRE(r.ok());
        REQUIRE(r.rest().empty());
        return record;
    }
};

/// What the operations of a multi came to: the error of each, 0 for those that one of them undid, or `succeeded`.
inline constexpr std::int32_t succeeded = 1;
inline std::vector<std::int32_t> errors(const heard& h) {
    CHECK(h.err == 0);
    std::vector<std::int32_t> all;
    for (const auto& r : h.as<proto::multi_response>().results) {
        const auto* e = std::get_if<proto::error_response>(&r.body);
        all.push_back(e != nullptr ? e->err : succeeded);
    }
    return all;
}

/// One client.
class wire_client final : public embedded::connection_sink {
public:
    wire_client() = default;

    void send(std::string_view bytes) override {
        CHECK_FALSE(closed);
        in += bytes;
    }
    void close() override {
        CHECK_FALSE(closed);
        closed = true;
    }

    embedded::server* at = nullptr;
    embedded::server::connection_id id = 0;
    bool closed = false;
    std::string in;
    std::int64_t session = 0;
    std::string password;
    std::int32_t timeout = 0;
    std::int32_t xid = 0;
};

struct world {
    explicit world(embedded::settings s = {}, std::size_t servers = 1)
        : e(std::move(s), servers, 42, now, std::chrono::system_clock::time_point(1700000000s)) {}

    using client = std::unique_ptr<wire_client>;

    client open(std::size_t server = 0, std::string address = "127.0.0.1");

    /// With a session.
    client connect(std::size_t server = 0, std::int32_t timeout = 10000, std::string address = "127.0.0.1");

    /// With the session of another connection.
    client resume(const wire_client& old, std::size_t server = 0, std::int64_t last_zxid = 0);

    /// Takes the answer to the connect request. False if there is none, or one that refuses.
    bool greet(wire_client& c);

    void give(wire_client& c, std::string_view bytes) { c.at->received(c.id, bytes, now); }

    template <class... Records>
    std::int32_t ask(wire_client& c, opcode op, const Records&... records) {
        const std::int32_t xid = ++c.xid;
        give(c, frame_of(proto::request_header{xid, to_wire(op)}, records...));
        return xid;
    }

    /// Asks, and takes the reply; events before it are kept.
    template <class... Records>
    heard call(wire_client& c, opcode op, const Records&... records) {
        const std::int32_t xid = ask(c, op, records...);
        return reply(c, xid);
    }

    heard reply(wire_client& c, std::int32_t xid);

    std::optional<std::string> next(wire_client& c);

    std::optional<heard> hear(wire_client& c);

    /// What is heard of a client's watches, in order: "created /a", and so on.
    lines told(wire_client& c);

    void pass(std::chrono::milliseconds d);

    // Shorthands.
    static proto::create_request node(std::string path, std::string data = "", std::int32_t flags = 0);
    std::int32_t create(wire_client& c, std::string path, std::int32_t flags = 0);
    std::int32_t remove(wire_client& c, std::string path, std::int32_t version = -1);
    std::int32_t set(wire_client& c, std::string path, std::string data = "x", std::int32_t version = -1);
    heard get(wire_client& c, std::string path, bool watch = false);
    heard exists(wire_client& c, std::string path, bool watch = false);
    heard children(wire_client& c, std::string path, bool watch = false);
    zk::stat stat(wire_client& c, std::string path) { return exists(c, std::move(path)).as<proto::stat_response>().stat; }

    embedded::time_point now{std::chrono::milliseconds(1000500)};
    embedded::ensemble e;
    std::vector<heard> events;    // came before a reply
};

}    // namespace muster::test
