// Part of muster. Boost Software License 1.0, see LICENSE.
#include "unit/embedded/fixture.hpp"

using namespace muster::test;

namespace {

// The answer to a connect request with this timeout.
std::int32_t granted(world& w, std::int32_t timeout) {
    auto c = w.connect(0, timeout);
    return c->timeout;
}

}    // namespace

TEST_CASE("timeouts are granted within limits") {
    world w;
    CHECK(granted(w, 10000) == 10000);
    CHECK(granted(w, 0) == 4000);
    CHECK(granted(w, -5) == 4000);
    CHECK(granted(w, 1000000) == 40000);
    muster::embedded::settings s;
    s.min_session_timeout = 10ms;
    s.max_session_timeout = 20ms;
    world x(s);
    CHECK(granted(x, 15) == 15);
    CHECK(granted(x, 1) == 10);
    CHECK(granted(x, 100) == 20);
}

TEST_CASE("the flag for read-only servers is sent to those who sent it") {
    world w;
    for (const bool flag : {false, true}) {
        auto c = w.open();
        proto::connect_request r;
        r.has_read_only = flag;
        const auto bytes = frame_of(r);
        CHECK(bytes.size() == (flag ? 49U : 48U));
        w.give(*c, bytes);
        CHECK(c->in.size() == (flag ? 41U : 40U));
    }
}

TEST_CASE("ids differ, and follow from the seed") {
    world w;
    world same;
    auto a = w.connect();
    auto b = w.connect();
    auto c = same.connect();
    CHECK(a->session != b->session);
    CHECK(a->password != b->password);
    CHECK(a->session == c->session);
    CHECK(a->password == c->password);
    CHECK((static_cast<std::uint64_t>(a->session) >> 56) == 1);
    CHECK(w.e.session_ids() == std::vector<std::int64_t>{a->session, b->session});
}

TEST_CASE("a session expires at the tick behind its timeout, not before") {
    world w;    // it is 1000.5 s, ticks are 2 s
    auto c = w.connect(0, 5000);
    auto other = w.connect(0, 40000);
    CHECK(w.create(*c, "/e", 1) == 0);
    CHECK(w.exists(*other, "/e", true).err == 0);
    CHECK(w.e.deadline() == muster::embedded::time_point(1006s));
    w.pass(5499ms);
    CHECK_FALSE(c->closed);
    CHECK(w.exists(*other, "/e").err == 0);
    w.pass(1ms);
    CHECK(c->closed);
    CHECK(w.told(*other) == lines{"deleted /e"});
    CHECK(w.e.session_ids() == std::vector<std::int64_t>{other->session});
    CHECK(w.e.at(0).connections() == 1);
}

TEST_CASE("every request and every ping lets a session live, authentication does not") {
    world w;
    auto c = w.connect(0, 5000);
    w.pass(4000ms);
    SUBCASE("a ping") { w.give(*c, frame_of(proto::request_header{-2, 11})); }
    SUBCASE("a request that fails") { CHECK(w.exists(*c, "/none").err == no_node); }
    SUBCASE("authentication") {
        CHECK(w.call(*c, opcode::sasl, proto::sasl_packet{""}).err == 0);
        w.pass(1500ms);
        CHECK(c->closed);
        return;
    }
    w.pass(5499ms);
    CHECK_FALSE(c->closed);
    w.pass(1ms);
    CHECK(c->closed);
}

TEST_CASE("a closed session takes its ephemerals along, and its client hears of it before the reply") {
    world w;
    auto c = w.connect();
    auto other = w.connect();
    for (const char* path : {"/c", "/a", "/b"}) CHECK(w.create(*c, path, 1) == 0);
    CHECK(w.exists(*c, "/b", true).err == 0);
    for (const char* path : {"/a", "/b", "/c"}) CHECK(w.exists(*other, path, true).err == 0);
    const auto h = w.call(*c, opcode::close_session);
    CHECK(h.err == 0);
    CHECK(c->closed);
    CHECK(w.told(*c) == lines{"deleted /b"});
    CHECK(w.told(*other) == lines{"deleted /a", "deleted /b", "deleted /c"});
    const auto root = w.stat(*other, "/");
    CHECK(root.pzxid == h.zxid);
    CHECK(root.cversion == 5);    // six changes, less /zookeeper, which is there and was never created
    CHECK(w.e.session_ids().size() == 1);
}

TEST_CASE("a session is resumed with its password, and the old connection is closed") {
    world w;
    auto c = w.connect();
    CHECK(w.create(*c, "/e", 1) == 0);
    auto again = w.resume(*c);
    CHECK(c->closed);
    REQUIRE(w.greet(*again));
    CHECK(again->session == c->session);
    CHECK(again->password == c->password);
    CHECK(w.exists(*again, "/e").err == 0);
    CHECK(w.get(*again, "/").zxid == 2);    // no transaction for that
    CHECK(w.e.at(0).connections() == 1);
}

TEST_CASE("who cannot resume a session gets zeros, and is closed") {
    world w;
    auto c = w.connect();
    SUBCASE("another password") { c->password[3] ^= 1; }
    SUBCASE("no password") { c->password.clear(); }
    SUBCASE("unknown") { ++c->session; }
    SUBCASE("expired") { w.e.expire_session(c->session, w.now); }
    SUBCASE("closed") { w.call(*c, opcode::close_session); }
    auto again = w.resume(*c);
    CHECK_FALSE(w.greet(*again));
    CHECK(again->session == 0);
    CHECK(again->timeout == 0);
    CHECK(again->password == std::string(16, '\0'));
    CHECK(again->closed);
}

TEST_CASE("who has seen more than the server knows is closed without a word") {
    world w;
    auto c = w.connect();
    auto same = w.resume(*c, 0, 1);
    CHECK(w.greet(*same));
    auto more = w.resume(*c, 0, 2);
    CHECK(more->closed);
    CHECK(more->in.empty());
    CHECK_FALSE(same->closed);
}

TEST_CASE("resuming can change the timeout") {
    world w;
    auto c = w.connect(0, 40000);
    c->timeout = 4000;
    auto again = w.resume(*c);
    CHECK(w.greet(*again));
    CHECK(again->timeout == 4000);
    w.pass(5500ms);
    CHECK(again->closed);
}

TEST_CASE("connections are limited where that is asked for") {
    muster::embedded::settings s;
    s.max_connections = 2;
    world w(s);
    auto a = w.connect();
    auto b = w.connect();
    auto c = w.open();
    CHECK(c->closed);
    w.e.at(0).closed(a->id, w.now);
    auto d = w.connect();
    CHECK_FALSE(d->closed);
}

TEST_CASE("four letter words") {
    world w;
    const auto answer = [&](std::string_view word) {
        auto c = w.open();
        w.give(*c, word.substr(0, 3));
        CHECK_FALSE(c->closed);
        w.give(*c, word.substr(3));
        CHECK(c->closed);
        return c->in;
    };
    auto c = w.connect();
    CHECK(w.create(*c, "/e", 1) == 0);
    CHECK(w.exists(*c, "/e", true).err == 0);
    CHECK(answer("ruok") == "imok");
    CHECK(answer("isro") == "rw");
    CHECK(answer("conf") == "conf is not executed because it is not in the whitelist.\n");
    CHECK(answer("\xff\xf4\xff\xfd") == "telnet close is not executed because it is not in the whitelist.\n");
    const auto srvr = answer("srvr\r\n");
    CHECK(srvr.starts_with("Zookeeper version: 3.8.0-"));
    CHECK(srvr.find("\nZxid: 0x2\nMode: standalone\nNode count: 6\n") != srvr.npos);
    const auto mntr = answer("mntr");
    for (const char* line : {"zk_server_state\tstandalone\n", "zk_ephemerals_count\t1\n", "zk_watch_count\t1\n",
                             "zk_znode_count\t6\n", "zk_approximate_data_size\t46\n", "zk_global_sessions\t1\n"})
        CHECK_MESSAGE(mntr.find(line) != mntr.npos, line);
    CHECK_FALSE(c->closed);

    // The handshake, two requests, six words.
    CHECK(w.e.at(0).requests() == 9);
    CHECK(mntr.find("zk_packets_received\t9\n") != mntr.npos);
}
