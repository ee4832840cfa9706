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
#include <vector>

namespace muster::test {

namespace proto = zk::proto;
using proto::opcode;
using namespace std::chrono_literals;

inline constexpr std::int32_t no_node = -101, no_auth = -102, bad_version = -103, node_exists = -110, not_empty = -111,
                              invalid_acl = -114, bad_arguments = -8, marshalling = -5, unimplemented = -6;

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

    client open(std::size_t server = 0, std::string address = "127.0.0.1") {
        auto c = std::make_unique<wire_client>();
        c->at = &e.at(server);
        c->id = e.at(server).open(*c, std::move(address), now);
        return c;
    }

    /// With a session.
    client connect(std::size_t server = 0, std::int32_t timeout = 10000, std::string address = "127.0.0.1") {
        auto c = open(server, std::move(address));
        proto::connect_request r;
        r.timeout_ms = timeout;
        give(*c, frame_of(r));
        REQUIRE(greet(*c));
        return c;
    }

    /// With the session of another connection.
    client resume(const wire_client& old, std::size_t server = 0, std::int64_t last_zxid = 0) {
        auto c = open(server);
        proto::connect_request r;
        r.timeout_ms = old.timeout;
        r.session_id = old.session;
        r.password = old.password;
        r.last_zxid_seen = last_zxid;
        give(*c, frame_of(r));
        return c;
    }

    /// Takes the answer to the connect request. False if there is none, or one that refuses.
    bool greet(wire_client& c) {
        const auto frame = next(c);
        if (!frame) return false;
        proto::connect_response r;
        proto::reader in(*frame);
        r.read(in);
        REQUIRE(in.ok());
        c.session = r.session_id;
        c.password = r.password;
        c.timeout = r.timeout_ms;
        return r.timeout_ms > 0;
    }

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

    heard reply(wire_client& c, std::int32_t xid) {
        for (;;) {
            auto h = hear(c);
            REQUIRE(h.has_value());
            if (h->xid == proto::xid_event) {
                events.push_back(*h);
                continue;
            }
            CHECK(h->xid == xid);
            return *h;
        }
    }

    std::optional<std::string> next(wire_client& c) {
        proto::reader r(c.in);
        const auto frame = r.buffer();
        if (!frame) return std::nullopt;
        std::string content(*frame);
        c.in.erase(0, 4 + content.size());
        return content;
    }

    std::optional<heard> hear(wire_client& c) {
        const auto frame = next(c);
        if (!frame) return std::nullopt;
        proto::reader r(*frame);
        proto::reply_header header;
        header.read(r);
        REQUIRE(r.ok());
        return heard{header.xid, header.zxid, header.err, std::string(r.rest())};
    }

    /// What is heard of a client's watches, in order: "created /a", and so on.
    std::vector<std::string> told(wire_client& c) {
        while (const auto h = hear(c)) {
            REQUIRE(h->xid == proto::xid_event);
            events.push_back(*h);
        }
        std::vector<std::string> lines;
        for (const auto& h : std::exchange(events, {})) {
            CHECK(h.zxid == -1);
            CHECK(h.err == 0);
            const auto event = h.as<proto::watcher_event>();
            CHECK(event.state == 3);
            const char* names[] = {"?", "created", "deleted", "changed", "children"};
            lines.push_back(std::string(names[event.type]) + ' ' + event.path);
        }
        return lines;
    }

    void pass(std::chrono::milliseconds d) {
        now += d;
        e.tick(now);
    }

    // Shorthands.
    static proto::create_request node(std::string path, std::string data = "", std::int32_t flags = 0) {
        proto::create_request r;
        r.path = std::move(path);
        r.data = std::move(data);
        r.acls.resize(1);
        r.flags = flags;
        return r;
    }
    std::int32_t create(wire_client& c, std::string path, std::int32_t flags = 0) {
        return call(c, opcode::create, node(std::move(path), "", flags)).err;
    }
    std::int32_t remove(wire_client& c, std::string path, std::int32_t version = -1) {
        return call(c, opcode::remove, proto::delete_request{std::move(path), version}).err;
    }
    std::int32_t set(wire_client& c, std::string path, std::string data = "x", std::int32_t version = -1) {
        return call(c, opcode::set_data, proto::set_data_request{std::move(path), std::move(data), version}).err;
    }
    heard get(wire_client& c, std::string path, bool watch = false) {
        return call(c, opcode::get_data, proto::path_watch_request{std::move(path), watch});
    }
    heard exists(wire_client& c, std::string path, bool watch = false) {
        return call(c, opcode::exists, proto::path_watch_request{std::move(path), watch});
    }
    heard children(wire_client& c, std::string path, bool watch = false) {
        return call(c, opcode::get_children, proto::path_watch_request{std::move(path), watch});
    }
    zk::stat stat(wire_client& c, std::string path) { return exists(c, std::move(path)).as<proto::stat_response>().stat; }

    embedded::time_point now{std::chrono::milliseconds(1000500)};
    embedded::ensemble e;
    std::vector<heard> events;    // came before a reply
};

using lines = std::vector<std::string>;

}    // namespace muster::test
