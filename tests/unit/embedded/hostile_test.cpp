// Part of muster. Boost Software License 1.0, see LICENSE.
//
// Bytes that no client sends: they close their connection, and nothing else.
#include "unit/embedded/fixture.hpp"
#include "unit/proto_zk/allocations.hpp"

#include <random>

using namespace muster::test;

namespace {

template <class... Records>
std::string request(opcode op, const Records&... records) {
    return frame_of(proto::request_header{7, to_wire(op)}, records...);
}

// One of each.
std::vector<std::string> samples() {
    proto::create_ttl_request ttl;
    ttl.path = "/ttl";
    ttl.acls.resize(2);
    ttl.flags = 5;
    ttl.ttl = 5;
    proto::multi_request multi;
    multi.operations = {{opcode::create, world::node("/m")},
                        {opcode::set_data, proto::set_data_request{"/m", "x", -1}},
                        {opcode::check, proto::check_version_request{"/m", 1}},
                        {opcode::remove, proto::delete_request{"/m", -1}}};
    proto::multi_request reads;
    reads.operations = {{opcode::get_data, proto::path_watch_request{"/", true}},
                        {opcode::get_children, proto::path_watch_request{"/", true}}};
    proto::set_watches2_request watches;
    watches.data = watches.exist = watches.child = watches.persistent = watches.persistent_recursive = {"/", "/x"};
    const proto::path_watch_request path_watch{"/", true};
    const proto::path_request path{"/"};
    const proto::remove_watches_request removal{"/", 3};
    proto::auth_packet auth;
    auth.scheme = "digest";
    auth.auth = "u:p";
    return {request(opcode::create, world::node("/a", "data")),
            request(opcode::create2, world::node("/b", "", 3)),
            request(opcode::create_container, world::node("/c", "", 4)),
            request(opcode::create_ttl, ttl),
            request(opcode::remove, proto::delete_request{"/a", -1}),
            request(opcode::set_data, proto::set_data_request{"/b", "x", -1}),
            request(opcode::set_acl, proto::set_acl_request{"/b", {muster::zk::acl()}, -1}),
            request(opcode::get_acl, path),
            request(opcode::exists, path_watch),
            request(opcode::get_data, path_watch),
            request(opcode::get_children, path_watch),
            request(opcode::get_children2, path_watch),
            request(opcode::sync, path),
            request(opcode::multi, multi),
            request(opcode::multi_read, reads),
            request(opcode::set_watches2, watches),
            request(opcode::add_watch, proto::add_watch_request{"/", 1}),
            request(opcode::check_watches, removal),
            request(opcode::remove_watches, removal),
            request(opcode::get_ephemerals, path),
            request(opcode::get_all_children_number, path),
            request(opcode::who_am_i),
            request(opcode::reconfig, proto::reconfig_request{}),
            request(opcode::auth, auth),
            request(opcode::sasl, proto::sasl_packet{"x"}),
            request(opcode::close_session)};
}

// The other connection still gets its answers.
void check_alive(world& w, wire_client& c) {
    w.told(c);
    CHECK_FALSE(c.closed);
    CHECK(w.exists(c, "/").err == 0);
}

std::string with_length(std::string content) {
    std::string out;
    proto::writer(out).buffer(content);
    return out;
}

}    // namespace

TEST_CASE("requests cut short anywhere") {
    muster::embedded::settings s;
    s.extended_types = true;
    for (const auto& sample : samples()) {
        const std::string content = sample.substr(4);
        for (std::size_t n = 0; n < content.size(); ++n) {
            world w(s);
            auto other = w.connect();
            auto c = w.connect();
            w.give(*c, with_length(content.substr(0, n)));
            check_alive(w, *other);
            if (n < 8) CHECK(c->closed);
        }
    }
}

TEST_CASE("numbers in requests replaced by hostile ones") {
    muster::embedded::settings s;
    s.extended_types = true;
    for (const auto& sample : samples()) {
        for (std::size_t at = 8; at + 4 <= sample.size(); ++at) {
            for (const std::int32_t value : {-1, -2, 0x7fffffff, INT32_MIN, 0x00ffffff, 1000}) {
                std::string bytes = sample;
                std::string number;
                proto::writer(number).i32(value);
                bytes.replace(at, 4, number);
                world w(s);
                auto other = w.connect();
                auto c = w.connect();
                largest_allocation largest;
                w.give(*c, bytes);
                CHECK(largest.bytes() < 100000);
                check_alive(w, *other);
            }
        }
    }
}

TEST_CASE("connect requests cut short or changed") {
    proto::connect_request r;
    r.timeout_ms = 5000;
    const std::string content = frame_of(r).substr(4);
    for (std::size_t n = 0; n < content.size(); ++n) {
        world w;
        auto other = w.connect();
        auto c = w.open();
        w.give(*c, with_length(content.substr(0, n)));
        CHECK(c->closed == (n < 44));
        check_alive(w, *other);
    }
    world w;
    auto c = w.open();
    std::string hostile = content;
    hostile.replace(24, 4, "\x7f\xff\xff\xff", 4);    // the password's length
    w.give(*c, with_length(hostile));
    CHECK(c->closed);
}

TEST_CASE("frames of a length that is not allowed close the connection at once") {
    for (const std::int32_t length : {-1, INT32_MIN, 0x100000, INT32_MAX}) {
        world w;
        auto other = w.connect();
        auto c = w.connect();
        auto greeting = w.open();
        std::string bytes;
        proto::writer(bytes).i32(length);
        largest_allocation largest;
        w.give(*c, bytes);
        w.give(*greeting, bytes);
        CHECK(largest.bytes() < 100000);
        CHECK(c->closed);
        CHECK(greeting->closed);
        check_alive(w, *other);
        w.give(*c, bytes);    // nobody listens any more
        w.e.at(0).closed(c->id, w.now);
    }
}

TEST_CASE("the largest frame is served, and memory grows with what came only") {
    muster::embedded::settings s;
    world w(s);
    auto c = w.connect();
    std::string bytes;
    proto::writer(bytes).i32(static_cast<std::int32_t>(s.max_frame));
    {
        largest_allocation largest;
        w.give(*c, bytes + "few");
        CHECK(largest.bytes() < 100000);
    }
    auto d = w.connect();
    auto r = w.node("/large", "");
    const auto overhead = request(opcode::create, r).size() - 4;
    r.data = std::string(s.max_frame - overhead, 'x');
    CHECK(w.call(*d, opcode::create, r).err == 0);
    CHECK(w.get(*d, "/large").as<proto::get_data_response>().data->size() == r.data->size());
    r.data->push_back('x');
    w.ask(*d, opcode::create, r);
    CHECK(d->closed);
}

TEST_CASE("a reply without measure closes the connection") {
    muster::embedded::settings s;
    s.max_pending = 1000;
    world w(s);
    auto c = w.connect();
    CHECK(w.call(*c, opcode::create, w.node("/n", std::string(300, 'x'))).err == 0);
    proto::multi_request reads;
    reads.operations.assign(5, {opcode::get_data, proto::path_watch_request{"/n", false}});
    w.ask(*c, opcode::multi_read, reads);
    CHECK(c->closed);
    CHECK(c->in.empty());
}

TEST_CASE("what waits at a lagging server is limited") {
    muster::embedded::settings s;
    s.max_pending = 10000;
    world w(s);
    auto c = w.connect();
    w.e.set_lag(0, 1000ms);
    for (int i = 0; i < 200 && !c->closed; ++i)
        w.ask(*c, opcode::set_data, proto::set_data_request{"/", std::string(100, 'x'), -1});
    CHECK(c->closed);
    auto d = w.open();
    w.give(*d, frame_of(proto::connect_request{}));
    for (int i = 0; i < 200 && !d->closed; ++i) w.give(*d, std::string(100, 'x'));
    CHECK(d->closed);
    w.pass(1000ms);
    CHECK(w.e.at(0).connections() == 0);
}

TEST_CASE("a connection that does not say what it wants is closed") {
    world w;
    auto client = w.connect(0, 40000);
    auto silent = w.open();
    auto half = w.open();
    const std::string greeting = frame_of(proto::connect_request{});
    w.give(*half, greeting.substr(0, greeting.size() - 1));
    w.pass(4000ms);
    auto later = w.open();
    auto in_time = w.open();
    w.pass(5999ms);
    w.give(*in_time, greeting);
    CHECK(w.greet(*in_time));
    CHECK_FALSE(silent->closed);
    CHECK_FALSE(half->closed);
    w.pass(1ms);
    CHECK(silent->closed);
    CHECK(half->closed);
    CHECK_FALSE(later->closed);
    w.pass(4000ms);
    CHECK(later->closed);
    CHECK_FALSE(in_time->closed);
    check_alive(w, *client);
    CHECK(w.e.at(0).connections() == 2);
}

TEST_CASE("a stream cut anywhere is the same stream") {
    std::string stream = frame_of(proto::connect_request{});
    for (const auto& sample : samples()) stream += sample;
    const auto heard_when_cut = [&](std::size_t piece) {
        world w;
        auto c = w.open();
        for (std::size_t at = 0; at < stream.size() && !c->closed; at += piece) w.give(*c, stream.substr(at, piece));
        CHECK(c->closed);
        return c->in;
    };
    const auto whole = heard_when_cut(stream.size());
    for (const std::size_t piece : {1U, 2U, 3U, 5U, 7U, 11U, 100U}) CHECK(heard_when_cut(piece) == whole);
}

TEST_CASE("noise") {
    std::mt19937 random(20240615);
    const auto all = samples();
    for (int round = 0; round < 3000; ++round) {
        world w;
        auto other = w.connect();
        auto c = w.connect();
        std::string bytes;
        for (int n = 0; n < 4; ++n) bytes += all[random() % all.size()];
        for (auto n = random() % 6; n > 0; --n) bytes[random() % bytes.size()] = static_cast<char>(random());
        w.give(*c, bytes);
        check_alive(w, *other);
        w.e.at(0).closed(c->id, w.now);
        CHECK(w.e.at(0).connections() == 1);
    }
}
