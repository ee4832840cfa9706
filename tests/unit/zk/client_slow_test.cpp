// Part of muster. Boost Software License 1.0, see LICENSE.
//
// Servers that are slow, and such that say nothing at all, in virtual time.
#include "client_fixture.hpp"

#include <algorithm>
#include <vector>

using namespace muster;
using namespace muster::test;

TEST_SUITE_BEGIN("client: slow servers");

namespace {

constexpr std::chrono::milliseconds timeout = 4s;
constexpr auto step = 50ms;
constexpr std::size_t part = 100'000 / (1s / step);    // of what passes in a second

zk::config configuration() {
    auto c = config_for_tests();
    c.session_timeout = timeout;
    c.connect_timeout = 1s;
    c.max_reply = 32 * 1024 * 1024;
    return c;
}

struct slow_fixture : fixture {
    slow_fixture() : fixture(configuration()) { attach(); }

    proto::connect_request attach() { return fixture::attach(0x1234, timeout); }

    /// Sends `bytes` at 100 KB/s, and counts the pings that come meanwhile.
    std::size_t trickle(const std::string& bytes) {
        std::size_t pings = 0;
        for (std::size_t at = 0; at < bytes.size(); at += part) {
            server.peer->send(std::string_view(bytes).substr(at, part));
            sim.run_for(step);
            const auto requests = server.requests();
            CHECK(std::all_of(requests.begin(), requests.end(), [](const sent_request& r) { return r.is(opcode::ping); }));
            pings += requests.size();
        }
        return pings;
    }
};

}    // namespace

TEST_CASE("R36: a reply of 20 MB that trickles in at 100 KB/s costs a session of 4 s nothing") {
    slow_fixture f;
    outcome<zk::get_result> large;
    outcome<zk::get_result> next;
    f.client.get("/large", large.handler());
    const auto request = f.request();
    proto::get_data_response body;
    body.data = std::string(20'000'000, 'x');
    const auto start = f.sim.world->now();
    const auto pings = f.trickle(reply_frame(request.xid, 0x101, 0, body));
    CHECK(f.sim.world->now() - start >= 200s);
    REQUIRE(large.done());
    CHECK(!large.ec());
    CHECK(large.value().data == body.data);
    // The server goes on hearing of the session, though its answers wait behind the reply.
    CHECK(pings >= 150);
    CHECK(pings <= 170);
    for (std::size_t i = 0; i != pings; ++i) f.server.peer->send(ping_frame());
    f.client.get("/next", next.handler());
    f.reply(f.request(), 0, proto::get_data_response());
    CHECK(!next.ec());
    const auto info = f.client.session();
    CHECK(info.state == session_state::connected);
    CHECK(info.connection == 1);
    CHECK(info.generation == 1);
}

TEST_CASE("R36: 20 MB of writes that get through at 100 KB/s cost a session of 4 s nothing") {
    constexpr std::size_t bytes = 270'000;    // of each: they take 2.7 s, more than two thirds of the time-out
    constexpr std::size_t writes = 74;
    for (const std::size_t room : {std::size_t{16'000}, std::size_t{4'000'000}}) {    // in the client's machine
        CAPTURE(room);
        slow_fixture f;
        f.server.peer->slow(room);
        const auto start = f.sim.world->now();
        std::vector<outcome<zk::stat>> sets(writes);
        for (auto& set : sets) f.client.set("/a", std::string(bytes, 'x'), zk::any_version, set.handler());
        std::size_t done = 0;
        while (done != writes && !f.server.peer->closed()) {
            f.sim.run_for(step);
            f.server.unread += f.server.peer->take(part);
            for (const auto& frame : take_frames(f.server.unread)) {
                const auto request = parse_request(frame);
                if (request.is(opcode::ping)) {
                    f.server.peer->send(ping_frame());
                    continue;
                }
                f.reply(request, 0, proto::stat_response());
                CHECK(!sets[done++].ec());
            }
        }
        CHECK(done == writes);
        CHECK(f.sim.world->now() - start >= 199s);
        const auto info = f.client.session();
        CHECK(info.state == session_state::connected);
        CHECK(info.connection == 1);
        CHECK(info.generation == 1);
    }
}

TEST_CASE("R37: a black hole in the middle of a request is left within two thirds of the time-out") {
    for (const std::size_t room : {std::size_t{16'000}, std::size_t{4'000'000}}) {
        CAPTURE(room);
        slow_fixture f;
        f.server.peer->slow(room);
        outcome<zk::stat> set;
        f.client.set("/a", std::string(390'000, 'x'), zk::any_version, set.handler());
        const auto start = f.sim.world->now();
        for (int i = 0; i != 20; ++i) {
            f.sim.run_for(step);
            f.server.peer->take(part);
        }
        const auto peer = f.server.peer;
        const auto last = f.sim.world->now();
        REQUIRE(f.sim.run_until([&] { return peer->closed(); }, 1min));
        CHECK(f.sim.world->now() - last <= timeout * 2 / 3 + 1ms);
        CHECK(f.sim.world->now() - start <= timeout);
        CHECK(set.ec() == client_errc::connection_lost);
    }
}

TEST_CASE("R37: a black hole in the middle of a reply is left within two thirds of the time-out, and the session goes on") {
    slow_fixture f;
    outcome<zk::get_result> got;
    f.client.get("/large", got.handler());
    proto::get_data_response body;
    body.data = std::string(2'000'000, 'x');
    const auto reply = reply_frame(f.request().xid, 0x101, 0, body);
    f.trickle(reply.substr(0, reply.size() / 2));
    const auto heard = f.sim.world->now();
    const auto peer = f.server.peer;
    REQUIRE(f.sim.run_until([&] { return peer->closed(); }, 1min));
    CHECK(f.sim.world->now() - heard <= timeout * 2 / 3);
    CHECK(f.client.session().last_error == client_errc::timed_out);
    CHECK(f.attach().session_id == 0x1234);
    f.reply(f.request(), 0, body);    // a read is asked for again
    CHECK(!got.ec());
    CHECK(got.value().data == body.data);
}

TEST_CASE("R37: a black hole from the handshake on is left when the attempt has taken too long") {
    slow_fixture f;
    f.lose();
    std::shared_ptr<sim_peer> peer;
    REQUIRE(f.sim.run_until([&] { return (peer = f.sim.world->accept()) != nullptr; }, 1min));
    const auto start = f.sim.world->now();
    REQUIRE(f.sim.run_until([&] { return peer->closed(); }, 1min));
    CHECK(f.sim.world->now() - start <= 1s);    // `connect_timeout`
}

TEST_CASE("an attempt has 100 ms by default, however short a session is asked for") {
    auto c = config_for_tests();
    c.session_timeout = 1ms;
    c.connect_timeout = 0ms;
    fixture f(c);
    f.client.start();
    std::shared_ptr<sim_peer> peer;
    REQUIRE(f.sim.run_until([&] { return (peer = f.sim.world->accept()) != nullptr; }, 1min));
    f.sim.run_for(90ms);
    CHECK(!peer->closed());
    f.sim.run_for(20ms);
    CHECK(peer->closed());
}

TEST_SUITE_END();
