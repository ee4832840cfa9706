// Part of muster. Boost Software License 1.0, see LICENSE.
#include "unit/proto_zk/session_fixture.hpp"

#include <algorithm>
#include <utility>

namespace muster::test {

proto::session_settings settings_for_tests() {
    proto::session_settings s;
    s.timeout = 9s;
    s.connect_timeout = 3s;
    s.close_timeout = 3s;
    s.backoff_min = 100ms;
    s.backoff_max = 10s;
    return s;
}

machine::machine(const proto::session_settings& settings) : s(settings, 1) {}
machine::~machine() = default;

std::unique_ptr<probe> machine::make(const std::string& name, bool repeatable) {
    auto r = std::make_unique<probe>(log, name);
    proto::request_header header;
    header.type = proto::to_wire(repeatable ? opcode::get_data : opcode::remove);
    r->frame = frame_of(header);
    r->id = next_id++;
    r->repeatable = repeatable;
    return r;
}

std::uint64_t machine::read(const std::string& name) {
    s.submit(make(name, true));
    return next_id - 1;
}

std::uint64_t machine::get(const std::string& name) {
    auto r = std::make_unique<probe>(log, name);
    proto::request_header header;
    header.type = proto::to_wire(opcode::get_data);
    proto::path_watch_request record;
    record.path = "/" + name;
    r->frame = frame_of(header, record);
    r->id = next_id++;
    r->repeatable = true;
    r->batchable = true;
    s.submit(std::move(r));
    return next_id - 1;
}

std::uint64_t machine::write(const std::string& name) {
    s.submit(make(name, false));
    return next_id - 1;
}

std::uint64_t machine::read_and_watch(const std::string& name, proto::watch_kind kind, const std::string& path) {
    auto r = make(name, true);
    r->arm(s.watches(), kind, path);
    s.submit(std::move(r));
    return next_id - 1;
}

void machine::open() {
    const auto st = s.next(now);
    REQUIRE(st.what == step::kind::connect);
    s.connecting(now);
    s.connected(now);
}

proto::connect_request machine::greeting() {
    fill();
    const auto frames = take_frames(written);
    REQUIRE(frames.size() == 1);
    return parse_connect(frames.front());
}

proto::connect_request machine::attach(std::int64_t session, std::chrono::milliseconds timeout) {
    open();
    auto r = greeting();
    REQUIRE(!feed(handshake_frame(session, timeout)));
    return r;
}

void machine::fill(std::size_t limit) {
    while (s.wants_write()) s.fill(written, limit, now);
}

std::vector<sent_request> machine::sent() {
    fill();
    std::vector<sent_request> out;
    for (const auto& f : take_frames(written)) out.push_back(parse_request(f));
    CHECK(written.empty());
    return out;
}

error_code machine::feed(std::string_view bytes, std::size_t chunk) {
    while (!bytes.empty()) {
        const auto room = s.read_buffer(4096);
        const auto n = std::min({room.size(), bytes.size(), chunk});
        std::copy_n(bytes.begin(), n, room.begin());
        bytes.remove_prefix(n);
        if (const auto ec = s.received(n, now)) return ec;
    }
    return {};
}

error_code machine::next_deadline() {
    REQUIRE(s.deadline() != proto::session::time_point::max());
    REQUIRE(++deadlines < 1'000);    // one that comes again and again would not let a test end
    now = std::max(now, s.deadline());
    return s.tick(now);
}

}    // namespace muster::test
