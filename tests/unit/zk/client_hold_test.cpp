// Part of muster. Boost Software License 1.0, see LICENSE.
//
// Operations that a server throws back, since it is overloaded or cannot finish them.
#include "client_fixture.hpp"

#include "proto_zk/records_watch.hpp"

using namespace muster;
using namespace muster::test;

namespace {

constexpr std::int32_t throttled = -127;
constexpr std::int32_t operation_timeout = -7;

zk::config without_retries() {
    auto c = config_for_tests();
    c.max_retries = 0;
    return c;
}

}    // namespace

TEST_SUITE_BEGIN("client: requests thrown back");

TEST_CASE("an operation that an overloaded server has thrown back is repeated by itself, a write as well") {
    fixture f;
    f.attach();
    outcome<zk::create_result> created;
    outcome<zk::get_result> got;
    f.client.create("/a", "x", {}, created.handler());
    f.client.get("/a", got.handler());
    for (int n = 0; n != 3; ++n) {
        const auto sent = f.requests();
        REQUIRE(sent.size() == 2);
        CHECK(sent[0].is(opcode::create2));
        CHECK(sent[0].as<proto::create_request>().path == "/a");
        CHECK(sent[1].is(opcode::get_data));
        for (const auto& r : sent) f.reply(r, throttled);
        CHECK(f.requests().empty());
        f.sim.run_for(1s);
    }
    const auto sent = f.requests();
    REQUIRE(sent.size() == 2);
    f.reply(sent[0], 0, proto::create2_response{"/a", stat_of(7)});
    f.reply(sent[1], 0, proto::get_data_response());
    CHECK(created.value().path == "/a");
    CHECK(!got.ec());
    CHECK(f.client.metrics().requests_repeated == 6);
    CHECK(f.client.session().connection == 1);
}

TEST_CASE("who must not wait is told at once, and that nothing was applied") {
    fixture f(without_retries());
    f.attach();
    outcome<zk::stat> set;
    f.client.set("/a", "x", zk::any_version, set.handler());
    f.reply(f.request(), throttled);
    CHECK(set.ec() == server_errc::throttled);
    CHECK(zk::outcome_of(set.ec()) == zk::outcome::rejected);
}

TEST_CASE("an operation that is thrown back keeps its time") {
    fixture f;
    f.attach();
    outcome<zk::stat> set;
    f.client.with_timeout(60ms).set("/a", "x", zk::any_version, set.handler());
    f.reply(f.request(), throttled);
    f.sim.run_for(40ms);
    f.client.with_timeout(20ms).sync("/", [](error_code) {});
    f.sim.run_for(10s);
    for (const auto& r : f.requests()) f.reply(r, throttled);
    f.sim.run_for(10s);
    CHECK(set.done());
    CHECK(set.ec() == boost::system::errc::timed_out);
}

TEST_CASE("a write that a server could not finish is not repeated; a guarded one looks what became of it") {
    fixture f;
    f.attach();
    outcome<zk::stat> set;
    f.client.set("/a", "x", zk::any_version, set.handler());
    f.reply(f.request(), operation_timeout);
    CHECK(set.ec() == server_errc::operation_timeout);
    CHECK(zk::outcome_of(set.ec()) == zk::outcome::unknown);

    outcome<zk::stat> guarded;
    f.client.set_guarded("/a", "second", 3, guarded.handler());
    f.reply(f.request(), operation_timeout);
    const auto sync = f.request();
    REQUIRE(sync.is(opcode::sync));
    f.reply(sync, operation_timeout);    // a read that is repeated
    f.sim.run_for(1s);
    const auto again = f.request();
    REQUIRE(again.is(opcode::sync));
    f.reply(again, 0, again.as<proto::path_request>());
    const auto look = f.request();
    REQUIRE(look.is(opcode::get_data));
    proto::get_data_response found;
    found.data = "second";
    found.stat = stat_of(7);
    found.stat.version = 4;
    f.reply(look, 0, found);
    CHECK(!guarded.ec());
    CHECK(guarded.value().version == 4);
}

TEST_CASE("a guarded write that was thrown back was not applied, unless an attempt before it may have been") {
    SUBCASE("it is sent again, and nobody has to look") {
        fixture f;
        f.attach();
        outcome<zk::stat> set;
        f.client.set_guarded("/a", "second", 3, set.handler());
        f.reply(f.request(), throttled);
        f.sim.run_for(1s);
        const auto again = f.request();
        REQUIRE(again.is(opcode::set_data));
        f.reply(again, 0, proto::stat_response{stat_of(7)});
        CHECK(!set.ec());
    }
    SUBCASE("the first attempt") {
        fixture f(without_retries());
        f.attach();
        outcome<zk::stat> set;
        f.client.set_guarded("/a", "second", 3, set.handler());
        f.reply(f.request(), throttled);
        CHECK(set.ec() == server_errc::throttled);
        CHECK(zk::outcome_of(set.ec()) == zk::outcome::rejected);
    }
    SUBCASE("one behind another whose reply was lost") {
        fixture f(without_retries());
        f.attach();
        outcome<zk::stat> set;
        f.client.set_guarded("/a", "second", zk::any_version, set.handler());
        CHECK(f.request().is(opcode::set_data));
        f.lose();
        f.attach();
        f.reply(f.request(), throttled);
        CHECK(set.ec() == client_errc::connection_lost);
        CHECK(zk::outcome_of(set.ec()) == zk::outcome::unknown);
    }
    SUBCASE("the look behind it: that tells nothing") {
        fixture f(without_retries());
        f.attach();
        outcome<zk::stat> set;
        f.client.set_guarded("/a", "second", 3, set.handler());
        CHECK(f.request().is(opcode::set_data));
        f.lose();
        f.attach();
        f.reply(f.request(), throttled);
        CHECK(set.ec() == client_errc::connection_lost);
    }
}

TEST_CASE("how often requests are repeated has a range") {
    for (const bool legal : {true, false}) {
        auto c = config_for_tests();
        c.max_retries = 2'147'483'647;
        if (!legal) ++c.max_retries;
        asio::io_context io;
        if (legal)
            CHECK_NOTHROW(zk::client(io, c));
        else
            CHECK_THROWS_AS(zk::client(io, c), boost::system::system_error);
    }
}

TEST_SUITE_END();
