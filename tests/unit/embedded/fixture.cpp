// Part of muster. Boost Software License 1.0, see LICENSE.
#include "unit/embedded/fixture.hpp"

#include <utility>

namespace muster::test {

world::client world::open(std::size_t server, std::string address) {
    auto c = std::make_unique<wire_client>();
    c->at = &e.at(server);
    c->id = e.at(server).open(*c, std::move(address), now);
    return c;
}

world::client world::connect(std::size_t server, std::int32_t timeout, std::string address) {
    auto c = open(server, std::move(address));
    proto::connect_request r;
    r.timeout_ms = timeout;
    give(*c, frame_of(r));
    REQUIRE(greet(*c));
    return c;
}

world::client world::resume(const wire_client& old, std::size_t server, std::int64_t last_zxid) {
    auto c = open(server);
    proto::connect_request r;
    r.timeout_ms = old.timeout;
    r.session_id = old.session;
    r.password = old.password;
    r.last_zxid_seen = last_zxid;
    give(*c, frame_of(r));
    return c;
}

bool world::greet(wire_client& c) {
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

heard world::reply(wire_client& c, std::int32_t xid) {
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

std::optional<std::string> world::next(wire_client& c) {
    proto::reader r(c.in);
    const auto frame = r.buffer();
    if (!frame) return std::nullopt;
    std::string content(*frame);
    c.in.erase(0, 4 + content.size());
    return content;
}

std::optional<heard> world::hear(wire_client& c) {
    const auto frame = next(c);
    if (!frame) return std::nullopt;
    proto::reader r(*frame);
    proto::reply_header header;
    header.read(r);
    REQUIRE(r.ok());
    return heard{header.xid, header.zxid, header.err, std::string(r.rest())};
}

lines world::told(wire_client& c) {
    while (const auto h = hear(c)) {
        REQUIRE(h->xid == proto::xid_event);
        events.push_back(*h);
    }
    lines told;
    for (const auto& h : std::exchange(events, {})) {
        CHECK(h.zxid == -1);
        CHECK(h.err == 0);
        const auto event = h.as<proto::watcher_event>();
        CHECK(event.state == 3);
        const char* names[] = {"?", "created", "deleted", "changed", "children"};
        told.push_back(std::string(names[event.type]) + ' ' + event.path);
    }
    return told;
}

void world::pass(std::chrono::milliseconds d) {
    now += d;
    e.tick(now);
}

proto::create_request world::node(std::string path, std::string data, std::int32_t flags) {
    proto::create_request r;
    r.path = std::move(path);
    r.data = std::move(data);
    r.acls.resize(1);
    r.flags = flags;
    return r;
}

std::int32_t world::create(wire_client& c, std::string path, std::int32_t flags) {
    return call(c, opcode::create, node(std::move(path), "", flags)).err;
}

std::int32_t world::remove(wire_client& c, std::string path, std::int32_t version) {
    return call(c, opcode::remove, proto::delete_request{std::move(path), version}).err;
}

std::int32_t world::set(wire_client& c, std::string path, std::string data, std::int32_t version) {
    return call(c, opcode::set_data, proto::set_data_request{std::move(path), std::move(data), version}).err;
}

heard world::get(wire_client& c, std::string path, bool watch) {
    return call(c, opcode::get_data, proto::path_watch_request{std::move(path), watch});
}

heard world::exists(wire_client& c, std::string path, bool watch) {
    return call(c, opcode::exists, proto::path_watch_request{std::move(path), watch});
}

heard world::children(wire_client& c, std::string path, bool watch) {
    return call(c, opcode::get_children, proto::path_watch_request{std::move(path), watch});
}

}    // namespace muster::test
