// Part of muster. Boost Software License 1.0, see LICENSE.
//
// What the embedded server reads. An input is a byte that chooses how it is served, and the bytes of a client:
//
//     bit 0   the handshake has succeeded already       bits 2-4   how the bytes arrive, see deliver() in fuzz.hpp
//     bit 1   the server is read-only
//
// Whatever comes, another client is served as before, and the bytes that come back are frames.
#include "fuzz/fuzz.hpp"

#include "embedded/ensemble.hpp"
#include "proto_zk/opcodes.hpp"
#include "proto_zk/records_admin.hpp"
#include "proto_zk/records_connect.hpp"
#include "proto_zk/records_data.hpp"
#include "proto_zk/records_multi.hpp"
#include "proto_zk/records_watch.hpp"
#include "support/zk_frames.hpp"

#include <algorithm>
#include <chrono>
#include <string>
#include <string_view>

namespace {

using namespace muster;
using namespace muster::zk::proto;

class sink final : public embedded::connection_sink {
public:
    void send(std::string_view bytes) override { said += bytes; }
    void close() override { closed = true; }

    std::string said;
    bool closed = false;
};

std::string hello() {
    connect_request r;
    r.timeout_ms = 10'000;
    return test::frame_of(r);
}

request_header header_of(std::int32_t xid, opcode type) {
    request_header h;
    h.xid = xid;
    h.type = to_wire(type);
    return h;
}

/// A client that does nothing wrong.
class neighbour {
public:
    explicit neighbour(embedded::ensemble& e, embedded::time_point now) : e_(e), id_(e.at(0).open(sink_, "127.0.0.1", now)) {
        e_.at(0).received(id_, hello(), now);
    }

    void check(embedded::time_point now) {
        fuzz::require(!sink_.closed, "the neighbour is not disconnected");
        sink_.said.clear();
        path_watch_request r;
        r.path = "/";
        e_.at(0).received(id_, test::frame_of(header_of(1, opcode::exists), r), now);
        // Watches and changes of the other end before it; the last frame is the reply.
        fuzz::require(sink_.said.size() >= 4 + 16 + 68, "the neighbour is answered");
    }

private:
    embedded::ensemble& e_;
    sink sink_;
    embedded::server::connection_id id_;
};

/// Whole frames, unless it was a four letter word that was answered, or what telnet sends for an interrupt, which counts as one.
void require_frames(std::string said, std::string_view asked) {
    const bool word =
        asked.size() >= 4 && std::all_of(asked.begin(), asked.begin() + 4, [](char c) { return c >= 'a' && c <= 'z'; });
    if (word || asked.starts_with("\xff\xf4\xff\xfd")) return;
    (void)test::take_frames(said);
    fuzz::require(said.empty(), "what is answered is frames");
}

void records(std::string_view bytes) {
    fuzz::round_trip<connect_request>(bytes);
    fuzz::round_trip<request_header>(bytes);
    fuzz::round_trip<path_request>(bytes);
    fuzz::round_trip<path_watch_request>(bytes);
    fuzz::round_trip<create_request>(bytes);
    fuzz::round_trip<create_ttl_request>(bytes);
    fuzz::round_trip<delete_request>(bytes);
    fuzz::round_trip<set_data_request>(bytes);
    fuzz::round_trip<set_acl_request>(bytes);
    fuzz::round_trip<auth_packet>(bytes);
    fuzz::round_trip<reconfig_request>(bytes);
    fuzz::round_trip<set_watches_request>(bytes);
    fuzz::round_trip<set_watches2_request>(bytes);
    fuzz::round_trip<add_watch_request>(bytes);
    fuzz::round_trip<remove_watches_request>(bytes);
    fuzz::round_trip<multi_request>(bytes);
}

}    // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::input in(data, size);
    const unsigned mode = in.byte();
    records(in.rest());

    embedded::time_point now{std::chrono::hours(1)};
    embedded::settings s;
    s.max_frame = fuzz::max_frame;
    s.extended_types = true;
    s.read_only_mode = true;
    embedded::ensemble e(s, 1, 1, now, {});
    neighbour good(e, now);
    sink answers;
    auto& server = e.at(0);
    if ((mode & 2) != 0) server.set_read_only(true, now);
    const auto id = server.open(answers, "127.0.0.1", now);
    if ((mode & 1) != 0) server.received(id, hello(), now);

    fuzz::deliver(in, mode, [&](std::string_view bytes) {
        if (answers.closed) return false;
        now += std::chrono::milliseconds(1);
        server.received(id, bytes, now);
        if (const auto due = e.deadline(); due && *due <= now) e.tick(now);
        return true;
    });
    if ((mode & 2) == 0) good.check(now);
    require_frames(answers.said, in.rest());
    if (!answers.closed) server.closed(id, now);
    now += std::chrono::minutes(10);
    e.tick(now);
    fuzz::require(server.connections() == 0, "who is silent is forgotten");
    if ((mode & 2) != 0) {    // until it ends, no session expires but those of the read-only server
        server.set_read_only(false, now);
        now += std::chrono::minutes(10);
        e.tick(now);
    }
    fuzz::require(server.watch_count() == 0 && e.session_ids().empty(), "nothing is left of those who went");
    return 0;
}
