// Part of muster. Boost Software License 1.0, see LICENSE.
//
// Requests and replies that are too large.
#include "client_fixture.hpp"

using namespace muster;
using namespace muster::test;

TEST_SUITE_BEGIN("client: limits");

TEST_CASE("R41: a watch that could not be armed again is not set") {
    auto c = config_for_tests();
    c.max_frame = 1024;
    fixture f(c);
    f.attach();
    const auto path = [](std::size_t length) { return "/" + std::string(length - 1, 'x'); };
    constexpr std::size_t request_bytes = 8 + 4 + 1;          // header, length of the path, flag
    constexpr std::size_t rearm_bytes = 8 + 8 + 5 * 4 + 4;    // header, zxid, five counts, length of the path
    outcome<zk::get_result, zk::watcher> watched;
    outcome<zk::watcher> added;
    outcome<zk::get_result> got;
    f.client.get_and_watch(path(1024 - rearm_bytes + 1), watched.handler());
    f.client.add_watch(path(1024 - rearm_bytes + 1), zk::add_watch_mode::persistent, added.handler());
    f.client.get(path(1024 - request_bytes), got.handler());
    CHECK(f.request().is(opcode::get_data));
    CHECK(watched.ec() == client_errc::request_too_large);
    CHECK(added.ec() == client_errc::request_too_large);
    CHECK(!got.done());
}

TEST_CASE("R41: replies have a limit of their own") {
    auto c = config_for_tests();
    c.max_frame = 1024;
    c.max_reply = 4096;
    for (const std::size_t bytes : {std::size_t{3000}, std::size_t{5000}}) {
        fixture f(c);
        f.attach();
        outcome<zk::get_result> got;
        f.client.get("/a", got.handler());
        proto::get_data_response answer;
        answer.data = std::string(bytes, 'x');
        f.reply(f.request(), 0, answer);
        if (bytes < c.max_reply) {
            CHECK(got.value().data.size() == bytes);
        } else {
            CHECK(got.ec() == zk::protocol_errc::frame_too_large);
        }
        outcome<zk::get_result> next;
        f.client.get("/b", next.handler());
        f.reply(f.request(), 0, proto::get_data_response());
        CHECK(!next.ec());
    }
}

TEST_CASE("R41: a request larger than the server takes fails alone, and at once") {
    auto c = config_for_tests();
    c.max_frame = 2000;
    fixture f(c);
    f.attach();
    outcome<zk::stat> large;
    outcome<zk::stat> fits;
    f.client.set("/a", std::string(2000 - 8 - 6 - 4 - 4 + 1, 'x'), -1, large.handler());
    f.client.set("/a", std::string(2000 - 8 - 6 - 4 - 4, 'x'), -1, fits.handler());
    f.sim.run_ready();
    CHECK(large.ec() == client_errc::request_too_large);
    CHECK(zk::outcome_of(large.ec()) == zk::outcome::not_sent);
    f.reply(f.request(), 0, proto::stat_response());
    CHECK(!fits.ec());
    CHECK(!f.server.peer->closed());
}

TEST_SUITE_END();
