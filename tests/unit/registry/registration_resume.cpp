// Part of muster. Boost Software License 1.0, see LICENSE.
//
// What happened while the connection was lost, and is heard of only after the next request.
#include "registration_fixture.hpp"

namespace muster::registry::testing {
namespace {

/// Somebody else's znode takes the master's place while `x` is away; it does not hear of it before it is back.
void replace_master_while_away(cluster& c, cluster::member& x) {
    x.m.on_session(zk::session_state::suspended, x.session);
    c.tree.drop("/p/s/master");
    c.tree.put("/p/s/master", "another", 99);
    c.tree.take_fired();
}

/// One that has just read the master's znode, which it left there at an earlier start.
cluster::member& add_beside_own_ghost(cluster& c) {
    instance i("10.0.0.1", 80);
    i.unique_code = "a";
    c.tree.put("/p", "", 0);
    c.tree.put("/p/s", "", 0);
    c.tree.put("/p/s/master", c.layout->encode(i), 77);
    auto& a = c.add("a");
    REQUIRE(c.step(a));    // create: it exists
    REQUIRE(c.step(a));    // read
    return a;
}

void check_untouched(cluster& c) {
    REQUIRE(c.tree.find("/p/s/master") != nullptr);
    CHECK(c.tree.find("/p/s/master")->stat.ephemeral_owner == 99);
    CHECK(c.tree.find("/p/s/master")->data == "another");
}

}    // namespace

TEST_CASE("an update that waited for the connection is not written to the znode of who took our place") {
    cluster c;
    auto& a = c.add("a");
    c.settle();
    replace_master_while_away(c, a);
    a.what.weight = 9;
    a.m.update(a.what);
    a.m.on_session(zk::session_state::connected, a.session);
    c.settle();
    check_untouched(c);
    CHECK(a.m.role() == role::normal);
    CHECK(a.m.published());
}

TEST_CASE("a takeover that waited for the connection does not remove the znode of who came meanwhile") {
    cluster c;
    auto& a = add_beside_own_ghost(c);
    replace_master_while_away(c, a);
    a.m.on_session(zk::session_state::connected, a.session);
    c.settle();
    check_untouched(c);
    CHECK(a.m.role() == role::normal);
}

TEST_CASE("a takeover removes the master that was read, and none that was written to since") {
    cluster c;
    auto& a = add_beside_own_ghost(c);
    c.tree.drop("/p/s/master");
    c.tree.put("/p/s/master", "new", 99);
    c.tree.set("/p/s/master", "another");
    c.tree.take_fired();    // the event is on its way
    c.settle();
    check_untouched(c);
    CHECK(a.m.role() == role::normal);
}

TEST_CASE("who has written to another's znode unknowingly does not take it for its own") {
    cluster c;
    auto& a = c.add("a");
    c.settle();
    // The connection is dead, and nobody has noticed: the event does not come, the update waits on the way.
    c.tree.drop("/p/s/master");
    c.tree.put("/p/s/master", "another", 99);
    c.tree.take_fired();
    a.what.weight = 9;
    a.m.update(a.what);
    c.settle();
    REQUIRE(c.tree.find("/p/s/master") != nullptr);
    CHECK(c.tree.find("/p/s/master")->stat.ephemeral_owner == 99);
    CHECK(a.m.role() == role::normal);
    CHECK(a.m.published());
}

TEST_CASE("a takeover never removes the znode that came on the way of any of its requests") {
    /// Replaces the ghost on the way of request `at`; false if the takeover was complete before.
    const auto replaced_on_the_way = [](cluster& c, bool session_known, int at) {
        cluster::member* a = nullptr;
        if (session_known) {    // the client's own clock ended it; the server is about to
            a = &c.add("a");
            c.settle();
            a->expire_locally();
            a->connect();
        } else {
            a = &add_beside_own_ghost(c);
        }
        for (int n = 0; a->m.role() != role::master || n == 0; ++n) {
            const auto s = a->m.next(c.now);
            REQUIRE(s.what == registration::step::kind::ask);
            if (n == at) {
                c.tree.drop("/p/s/master");
                c.tree.put("/p/s/master", "another", 99);
                c.tree.take_fired();    // the event is on its way
                c.answer(*a, s, fault::none);
                c.settle();
                return true;
            }
            c.answer(*a, s, fault::none);
        }
        return false;
    };
    for (const bool session_known : {false, true}) {
        int at = 0;
        for (bool more = true; more; ++at) {
            CAPTURE(session_known);
            CAPTURE(at);
            cluster c;
            more = replaced_on_the_way(c, session_known, at);
            if (!more) continue;
            REQUIRE(c.tree.find("/p/s/master") != nullptr);
            CHECK(c.tree.find("/p/s/master")->stat.ephemeral_owner == 99);
            CHECK(c.at(0).m.role() == role::normal);
        }
        CHECK(at > 4);    // sync, look, mark, replace
    }
}

TEST_CASE("a master that says it is ours and cannot be written to is left where it is") {
    cluster c;
    auto& a = add_beside_own_ghost(c);
    bool refused = false;
    for (int n = 0; n != 50 && a.m.role() == role::none; ++n) {
        const auto s = a.m.next(c.now);
        if (s.what == registration::step::kind::wait) c.now = s.at;
        if (s.what != registration::step::kind::ask) continue;
        if (s.ask.what == request::kind::multi) {
            reply r;
            r.ec = zk::server_errc::no_auth;
            r.results.resize(s.ask.ops.operations().size());
            a.m.on_reply(std::move(r), c.now, 0);
            refused = true;
        } else {
            c.answer(a, s, fault::none);
        }
    }
    CHECK(refused);
    CHECK(a.m.role() == role::normal);
    CHECK(c.tree.find("/p/s/master")->stat.ephemeral_owner == 77);
}

TEST_CASE("a resumed connection alone asks for nothing") {
    cluster c;
    auto& a = c.add("a");
    c.settle();
    a.m.on_session(zk::session_state::suspended, a.session);
    a.m.on_session(zk::session_state::connected, a.session);
    CHECK(a.m.next(c.now).what == registration::step::kind::idle);
}

TEST_CASE("a connection that was lost unnoticed makes a version worthless, too") {
    cluster c;
    auto& a = add_beside_own_ghost(c);
    c.tree.drop("/p/s/master");
    c.tree.put("/p/s/master", "another", 99);
    c.tree.take_fired();
    a.m.on_session(zk::session_state::connected, a.session);
    c.settle();
    CHECK(c.tree.find("/p/s/master")->stat.ephemeral_owner == 99);
}

}    // namespace muster::registry::testing
