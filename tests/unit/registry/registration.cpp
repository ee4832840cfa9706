// Part of muster. Boost Software License 1.0, see LICENSE.
//
// The registration machine, stepped against a tree in memory: registering, the election, and repair.
#include "registry/registration.hpp"

#include <muster/error.hpp>

#include "registration_fixture.hpp"

#include <doctest/doctest.h>

namespace muster::registry::testing {

TEST_CASE("the first instance becomes master, with parents and data as they should be") {
    cluster c;
    auto& a = c.add("a");
    c.settle();
    CHECK(a.m.role() == role::master);
    CHECK(a.m.path() == "/p/s/master");
    CHECK(a.m.published());
    CHECK(a.m.registrations() == 1);
    CHECK(a.m.czxid() == c.tree.find("/p/s/master")->stat.czxid);
    CHECK(c.tree.find("/p/s/master")->stat.ephemeral_owner == a.session);
    CHECK(c.tree.find("/p/s/master")->data == c.layout->encode(a.what));
    CHECK(c.tree.find("/p/s")->stat.ephemeral_owner == 0);
    CHECK_FALSE(a.m.last_error());
}

TEST_CASE("where the parents stand nothing but one create is written") {
    cluster c;
    c.tree.put("/p", "");
    c.tree.put("/p/s", "");
    c.tree.writes = 0;
    c.add("a");
    c.settle();
    CHECK(c.tree.writes == 1);
}

TEST_CASE("the second instance becomes a normal and stays it") {
    cluster c;
    c.add("a");
    c.settle();
    auto& b = c.add("b");
    c.settle();
    CHECK(b.m.role() == role::normal);
    CHECK(b.m.path() == "/p/s/normal0000000001");
    CHECK(c.tree.find(b.m.path())->stat.ephemeral_owner == b.session);
    c.check_invariants();
}

TEST_CASE("R20: settled, nothing is asked any more, also after a reconnect") {
    cluster c;
    c.add("a");
    auto& b = c.add("b");
    c.settle();
    const int requests = c.tree.requests;
    for (auto* x : {&c.at(0), &b}) {
        x->m.on_session(zk::session_state::suspended, x->session);
        c.settle();
        x->m.on_session(zk::session_state::connected, x->session);
        c.settle();
    }
    CHECK(c.tree.requests == requests);
}

TEST_CASE("the normal that was registered first takes over, by rank") {
    cluster c;
    c.add("a");
    c.settle();
    for (const char* name : {"b", "c", "d"}) {
        c.add(name);
        c.settle();
    }
    const int written = c.tree.writes;
    c.at(0).kill();
    c.settle();
    CHECK(c.at(1).m.role() == role::master);
    CHECK(c.at(2).m.role() == role::normal);
    CHECK(c.at(1).m.registrations() == 2);
    // The master's znode went, and one transaction of two operations was applied: nobody else tried.
    CHECK(c.tree.writes == written + 3);
    c.check_invariants();
}

TEST_CASE("a normal of rank n waits n steps and looks again before it tries") {
    cluster c;
    c.add("a");
    c.settle();
    c.add("b");
    c.settle();
    auto& third = c.add("c");
    c.settle();
    c.tree.drop("/p/s/master");
    c.at(0).dead = true;    // neither the old master nor the first normal reacts
    c.at(1).dead = true;
    c.settle_at(c.now);
    const auto s = third.m.next(c.now);
    CHECK(s.what == registration::step::kind::wait);
    CHECK(s.at == c.now + std::chrono::milliseconds(30));
    c.tree.put("/p/s/master", R"({"serveruniquecode":"x"})", 99);
    c.settle();
    CHECK(third.m.role() == role::normal);
    CHECK(c.tree.find("/p/s/master")->stat.ephemeral_owner == 99);
}

TEST_CASE("where the normals cannot be listed, chance takes the place of rank") {
    error_code why;
    SUBCASE("forbidden") { why = zk::server_errc::no_auth; }
    SUBCASE("too many") { why = zk::protocol_errc::frame_too_large; }
    cluster c;
    for (const char* name : {"a", "b", "c"}) {
        c.add(name);
        c.settle();
    }
    c.at(0).kill();
    std::uint64_t random = 4;
    bool elected = false;
    for (int rounds = 0; !elected; ++rounds) {
        REQUIRE(rounds < 10'000);    // most of them take 1 ms
        bool asked = false;
        for (auto& x : c.members()) {
            if (x.dead) continue;
            c.deliver();
            const auto s = x.m.next(c.now);
            if (s.what != registration::step::kind::ask) continue;
            asked = true;
            if (s.ask.what != request::kind::children) {
                c.answer(x, s, fault::none);
                continue;
            }
            reply r;
            r.ec = why;
            x.m.on_reply(std::move(r), c.now, random++);
            if (why != zk::protocol_errc::frame_too_large) continue;
            x.m.on_session(zk::session_state::suspended, x.session);    // it costs the connection
            x.m.on_session(zk::session_state::connected, x.session);
        }
        elected = c.at(1).m.role() == role::master || c.at(2).m.role() == role::master;
        if (!asked) c.now += std::chrono::milliseconds(1);
    }
    CHECK(random == 6);    // each has asked once
    c.settle();
    c.check_invariants();
}

TEST_CASE("the master dies between the failed create and the watch") {
    cluster c;
    c.add("a");
    c.settle();
    auto& b = c.add("b");
    auto s = b.m.next(c.now);
    CHECK(s.ask.what == request::kind::create);
    b.m.on_reply(c.tree.perform(s.ask, b.session), c.now, 0);
    c.at(0).kill();
    c.settle();
    CHECK(b.m.role() == role::master);
    c.check_invariants();
}

TEST_CASE("a change of the master's data does not end the election") {
    cluster c;
    c.add("a");
    c.settle();
    auto& b = c.add("b");
    c.settle();
    c.at(0).dead = true;
    c.tree.set("/p/s/master", R"({"serveruniquecode":"x"})");
    c.settle();
    CHECK(b.m.role() == role::normal);
    c.at(0).kill();
    c.settle();
    CHECK(b.m.role() == role::master);
}

TEST_CASE("a znode deleted by hand comes back") {
    cluster c;
    auto& a = c.add("a");
    c.settle();
    auto& b = c.add("b");
    c.settle();
    c.tree.drop(b.m.path());
    c.settle();
    CHECK(b.m.role() == role::normal);
    CHECK(b.m.registrations() == 2);
    c.check_invariants();
    c.tree.drop("/p/s/master");
    c.settle();
    CHECK(a.m.registered());
    c.check_invariants();
}

TEST_CASE("the whole service deleted by hand comes back") {
    cluster c;
    auto& a = c.add("a");
    c.settle();
    c.tree.drop("/p/s/master");
    c.tree.drop("/p/s");
    c.tree.drop("/p");
    c.settle();
    CHECK(a.m.role() == role::master);
    c.check_invariants();
}

TEST_CASE("a normal that registers anew is there before its former znode goes") {
    cluster c;
    c.add("a");
    auto& b = c.add("b");
    c.settle();
    REQUIRE(b.m.role() == role::normal);
    const std::string before = b.m.path();
    std::vector<std::string> seen;
    c.tree.listen(
        [&](zk::event_type type, const std::string& path) { seen.push_back(std::string(to_string(type)) + " " + path); });
    b.expire_locally();
    b.connect();
    c.settle();
    c.tree.listen({});
    CHECK(b.m.path() != before);
    CHECK(seen == std::vector<std::string>{"created " + b.m.path(), "deleted " + before});
    c.check_invariants();
}

TEST_CASE("a master that is there to stay is not ours, whatever it says: we become a normal and leave it alone") {
    cluster c;
    for (const char* parent : {"/p", "/p/s"}) c.tree.put(parent, "");
    const std::string data = R"({"serverip":"10.0.0.1","serverport":80,"serveruniquecode":"a"})";
    c.tree.put("/p/s/master", data);
    auto& a = c.add("a");
    c.settle();
    CHECK(a.m.role() == role::normal);
    CHECK(c.tree.find("/p/s/master")->data == data);
    CHECK(c.tree.find("/p/s/master")->stat.version == 0);
    CHECK(c.tree.owned_by(a.session).size() == 1);
}

TEST_CASE("R19: a restarted master takes over the znode that its former start left, at once") {
    cluster c;
    auto& a = c.add("a");
    c.settle();
    a.dead = true;    // its session lives on for a while
    auto& again = c.add("a");
    const auto before = c.now;
    c.settle();
    CHECK(c.now == before);
    CHECK(again.m.role() == role::master);
    CHECK(c.tree.find("/p/s/master")->stat.ephemeral_owner == again.session);
    c.tree.end_session(a.session);
    c.settle();
    CHECK(again.m.role() == role::master);
    CHECK(again.m.registrations() == 1);
}

TEST_CASE("data is updated in place, and only where it differs") {
    cluster c;
    auto& a = c.add("a");
    c.settle();
    const auto czxid = a.m.czxid();
    int written = c.tree.writes;
    a.m.update(a.what);
    c.settle();
    CHECK(c.tree.writes == written);
    a.what.weight = 9;
    a.m.update(a.what);
    CHECK_FALSE(a.m.published());
    c.settle();
    CHECK(a.m.published());
    CHECK(c.tree.writes == written + 1);
    CHECK(a.m.czxid() == czxid);
    CHECK(c.tree.find("/p/s/master")->data == c.layout->encode(a.what));

    // Somebody else writes in between: the version does not match, and is read again.
    a.what.weight = 10;
    a.m.update(a.what);
    c.tree.set("/p/s/master", "other");
    c.settle();
    CHECK(c.tree.find("/p/s/master")->data == c.layout->encode(a.what));

    // Somebody else changes it afterwards, or writes what stands there anyway.
    c.tree.set("/p/s/master", "other");
    c.settle();
    CHECK(c.tree.find("/p/s/master")->data == c.layout->encode(a.what));
    written = c.tree.writes;
    c.tree.set("/p/s/master", c.layout->encode(a.what));
    c.settle();
    CHECK(c.tree.writes == written + 1);
}

TEST_CASE("failures are retried with a back-off that grows, and shown") {
    cluster c;
    auto& a = c.add("a");
    std::chrono::nanoseconds waited{};
    for (int i = 0; i < 12; ++i) {
        auto s = a.m.next(c.now);
        if (s.what == registration::step::kind::wait) {
            waited = s.at - c.now;
            c.now = s.at;
            s = a.m.next(c.now);
        }
        REQUIRE(s.what == registration::step::kind::ask);
        reply r;
        r.ec = zk::server_errc::no_auth;
        a.m.on_reply(r, c.now, 5'000'000 + 4'999'999);    // the most that the last bound allows
    }
    CHECK(waited > std::chrono::milliseconds(4'900));
    CHECK(waited <= std::chrono::milliseconds(5'000));
    CHECK(a.m.last_error() == zk::server_errc::no_auth);
    c.settle();
    CHECK(a.m.role() == role::master);
    CHECK_FALSE(a.m.last_error());
}

TEST_CASE("R17: ranks survive the wrap of ZooKeeper's counter") {
    cluster c;
    c.add("a");
    c.settle();
    c.tree.find("/p/s")->stat.cversion = 2147483647;
    auto& old = c.add("b");
    c.settle();
    CHECK(old.m.path() == "/p/s/normal2147483647");
    c.tree.find("/p/s")->stat.cversion = -2147483647 - 1;
    auto& young = c.add("c");
    c.settle();
    CHECK(young.m.path() == "/p/s/normal-2147483648");
    c.at(0).kill();
    c.settle();
    CHECK(old.m.role() == role::master);
}

}    // namespace muster::registry::testing
