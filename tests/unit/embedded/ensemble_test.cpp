// Part of muster. Boost Software License 1.0, see LICENSE.
#include "unit/embedded/fixture.hpp"

using namespace muster::test;

namespace {

struct three : world {
    explicit three(muster::embedded::settings s = {}) : world(std::move(s), 3) {}
};

}    // namespace

TEST_CASE("what is written at one server is read, and seen, at the others") {
    three w;
    auto a = w.connect(0);
    auto b = w.connect(1);
    CHECK((static_cast<std::uint64_t>(b->session) >> 56) == 2);
    CHECK(w.exists(*b, "/n", true).err == no_node);
    CHECK(w.create(*a, "/n") == 0);
    CHECK(w.told(*b) == lines{"created /n"});
    CHECK(w.get(*b, "/n").as<proto::get_data_response>().stat.czxid == 0x100000003);
    w.e.expire_session(a->session, w.now);
    CHECK(a->closed);
    CHECK_FALSE(b->closed);
}

TEST_CASE("a server that lags answers with what it has, and orders its replies") {
    three w;
    auto a = w.connect(0);
    auto b = w.connect(1);
    w.e.set_lag(1, 100ms);
    CHECK(w.create(*a, "/n") == 0);
    CHECK(w.exists(*b, "/n").err == no_node);
    const auto made = w.ask(*b, opcode::create, world::node("/m"));
    const auto read = w.ask(*b, opcode::exists, proto::path_watch_request{"/m", false});
    const auto clash = w.ask(*b, opcode::create, world::node("/n"));
    CHECK(w.exists(*a, "/m").err == 0);    // committed, and not there yet
    CHECK(b->in.empty());
    CHECK(w.e.deadline() == w.now + 100ms);
    w.pass(99ms);
    CHECK(b->in.empty());
    w.pass(1ms);
    CHECK(w.reply(*b, made).err == 0);
    CHECK(w.reply(*b, read).err == 0);
    CHECK(w.reply(*b, clash).err == node_exists);
    CHECK(w.e.deadline() != w.now);
}

TEST_CASE("transactions stay in order when a lag ends, and a client that leaves gets its reply") {
    three w;
    auto a = w.connect(0);
    auto b = w.connect(1);
    w.e.set_lag(1, 100ms);
    CHECK(w.create(*a, "/n") == 0);
    w.e.set_lag(1, 0ms);
    const auto set = w.ask(*b, opcode::set_data, proto::set_data_request{"/n", "x", -1});
    const auto leave = w.ask(*b, opcode::close_session);
    CHECK(b->in.empty());
    CHECK_FALSE(b->closed);
    CHECK(w.e.session_ids() == std::vector<std::int64_t>{a->session});
    w.pass(100ms);
    CHECK(w.reply(*b, set).err == 0);
    CHECK(w.reply(*b, leave).err == 0);
    CHECK(b->closed);
    CHECK(w.e.at(1).data().size() == w.e.leader_tree().size());
}

TEST_CASE("sync waits for everything that was committed") {
    three w;
    auto a = w.connect(0);
    auto b = w.connect(1);
    w.e.set_lag(1, 100ms);
    CHECK(w.create(*a, "/n") == 0);
    w.pass(50ms);
    CHECK(w.create(*a, "/m") == 0);
    const auto sync = w.ask(*b, opcode::sync, proto::path_request{"/"});
    const auto read = w.ask(*b, opcode::exists, proto::path_watch_request{"/m", false});
    w.pass(50ms);
    CHECK(b->in.empty());
    w.pass(50ms);
    CHECK(w.reply(*b, sync).err == 0);
    CHECK(w.reply(*b, read).err == 0);
}

TEST_CASE("a session is opened when its server knows of it") {
    three w;
    w.e.set_lag(1, 100ms);
    auto c = w.open(1);
    proto::connect_request r;
    r.timeout_ms = 10000;
    w.give(*c, frame_of(r) + frame_of(proto::request_header{1, to_wire(opcode::exists)}, proto::path_watch_request{"/", false}));
    w.give(*c, frame_of(proto::request_header{2, to_wire(opcode::exists)}, proto::path_watch_request{"/", false}));
    CHECK(c->in.empty());
    w.pass(100ms);
    REQUIRE(w.greet(*c));
    CHECK(w.hear(*c)->xid == 1);
    CHECK(w.hear(*c)->xid == 2);
}

TEST_CASE("a lagging server sends those away who know more") {
    three w;
    auto a = w.connect(0);
    w.e.set_lag(1, 100ms);
    CHECK(w.create(*a, "/n") == 0);
    auto b = w.resume(*a, 1, w.get(*a, "/").zxid);
    CHECK(b->closed);
    w.pass(100ms);
    auto c = w.resume(*a, 1, w.get(*a, "/").zxid);
    CHECK(w.greet(*c));
}

TEST_CASE("a session that moved is none at its old server") {
    three w;
    auto a = w.connect(0);
    auto b = w.resume(*a, 1);
    REQUIRE(w.greet(*b));
    CHECK_FALSE(a->closed);
    SUBCASE("a write") { w.ask(*a, opcode::create, world::node("/x")); }
    SUBCASE("a read") { w.ask(*a, opcode::exists, proto::path_watch_request{"/", false}); }
    SUBCASE("closing") { w.ask(*a, opcode::close_session); }
    CHECK(a->in.empty());
    CHECK(a->closed);
    CHECK(w.exists(*b, "/x").err == no_node);
    CHECK(w.e.session_ids().size() == 1);
}

TEST_CASE("an election closes all connections and begins an epoch; sessions and data stay") {
    three w;
    auto a = w.connect(0, 4000);
    auto b = w.connect(1);
    w.e.set_lag(2, 1000ms);
    CHECK(w.create(*a, "/e", 1) == 0);
    w.pass(3000ms);
    w.e.elect(2, w.now);
    CHECK(a->closed);
    CHECK(b->closed);
    CHECK(w.e.leader() == 2);
    CHECK(w.e.at(2).data().find("/e") != nullptr);    // it caught up
    CHECK(w.e.at(2).data().last_zxid() == 0x200000000);
    w.pass(3000ms);    // the timeout began anew
    auto c = w.resume(*a, 1);
    REQUIRE(w.greet(*c));
    CHECK(w.exists(*c, "/e").err == 0);
    CHECK(w.call(*c, opcode::create, world::node("/x")).zxid == 0x200000001);
}

TEST_CASE("without a leader nobody serves, and no session expires") {
    three w;
    auto a = w.connect(0, 4000);
    w.e.elect(std::nullopt, w.now);
    CHECK(a->closed);
    auto b = w.open(1);
    CHECK(b->closed);
    CHECK_FALSE(w.e.deadline().has_value());
    CHECK_FALSE(w.e.expire_session(a->session, w.now));
    w.pass(100000ms);
    CHECK(w.e.session_ids().size() == 1);
    w.e.elect(0, w.now);
    auto c = w.resume(*a, 1);
    CHECK(w.greet(*c));
}

TEST_CASE("a lost majority or a lost leader ends the service") {
    three w;
    auto a = w.connect(0);
    auto b = w.connect(1);
    w.e.crash(2, w.now);
    CHECK_FALSE(a->closed);
    SUBCASE("the majority") { w.e.isolate(1, true, w.now); }
    SUBCASE("the leader") { w.e.crash(0, w.now); }
    CHECK(a->closed);
    CHECK(b->closed);
    CHECK_FALSE(w.e.leader().has_value());
    w.e.restart(2, w.now);
    w.e.elect(2, w.now);
    CHECK(w.e.leader() == 2);
    w.e.isolate(2, true, w.now);
    w.e.elect(2, w.now);
    CHECK_FALSE(w.e.leader().has_value());
}

TEST_CASE("a server that comes back knows what it missed") {
    three w;
    auto a = w.connect(0);
    w.e.set_lag(2, 50ms);
    CHECK(w.create(*a, "/early") == 0);
    auto c = w.connect(1);
    SUBCASE("crashed") {
        w.e.crash(2, w.now);
        CHECK(w.create(*a, "/late") == 0);
        w.pass(1000ms);
        w.e.restart(2, w.now);
    }
    SUBCASE("isolated") {
        w.e.isolate(2, true, w.now);
        CHECK(w.create(*a, "/late") == 0);
        w.pass(1000ms);
        CHECK(w.e.at(2).data().find("/early") == nullptr);
        w.e.isolate(2, false, w.now);
    }
    CHECK(w.e.at(2).data().find("/early") != nullptr);
    CHECK(w.e.at(2).data().find("/late") != nullptr);
    CHECK_FALSE(a->closed);
    w.e.set_lag(2, 0ms);
    auto d = w.connect(2);
    CHECK(w.set(*a, "/late") == 0);
    CHECK(w.stat(*d, "/late").version == 1);
}

TEST_CASE("a single server that restarts goes on") {
    world w;
    auto a = w.connect();
    CHECK(w.create(*a, "/e", 1) == 0);
    w.e.crash(0, w.now);
    CHECK(a->closed);
    auto refused = w.open();
    CHECK(refused->closed);
    w.pass(60000ms);
    w.e.restart(0, w.now);
    auto b = w.resume(*a);
    REQUIRE(w.greet(*b));
    CHECK(w.call(*b, opcode::create, world::node("/x")).zxid == 3);
    w.e.isolate(0, true, w.now);
    CHECK(b->closed);
    w.e.isolate(0, false, w.now);
    auto c = w.resume(*a);
    CHECK(w.greet(*c));
}

TEST_CASE("a session can be ended while the only server is down, or alone") {
    world w;
    auto a = w.connect();
    auto other = w.connect();
    CHECK(w.create(*a, "/e", 1) == 0);
    CHECK(w.create(*other, "/f", 1) == 0);
    SUBCASE("down") { w.e.crash(0, w.now); }
    SUBCASE("alone") { w.e.isolate(0, true, w.now); }
    SUBCASE("without a leader, and late with what was decided") {
        w.e.set_lag(0, 1000ms);
        w.ask(*a, opcode::create, world::node("/late", "", 1));
        w.e.elect(std::nullopt, w.now);
    }
    w.pass(100000ms);
    CHECK(w.e.session_ids().size() == 2);    // by itself none expires
    CHECK(w.e.expire_session(a->session, w.now));
    CHECK_FALSE(w.e.expire_session(a->session, w.now));
    CHECK(w.e.session_ids() == std::vector<std::int64_t>{other->session});
    w.pass(100000ms);
    w.e.set_lag(0, 0ms);
    w.e.isolate(0, false, w.now);
    w.e.restart(0, w.now);
    auto again = w.resume(*a);
    CHECK_FALSE(w.greet(*again));
    CHECK(again->closed);
    auto b = w.resume(*other);
    REQUIRE(w.greet(*b));
    for (const char* path : {"/e", "/late"}) CHECK(w.exists(*b, path).err == no_node);
    CHECK(w.exists(*b, "/f").err == 0);
}
