// Part of muster. Boost Software License 1.0, see LICENSE.
//
// Two registrations of one service on one session: its owner does not tell whose a znode is.
#include "registration_fixture.hpp"

namespace muster::registry::testing {
namespace {

/// Nobody else moves meanwhile.
void become_master(cluster& c, cluster::member& who) {
    for (int n = 0; n != 10 && who.m.role() != role::master; ++n) {
        const auto s = who.m.next(c.now);
        if (s.what == registration::step::kind::wait) {
            c.now = s.at;
            continue;
        }
        if (s.what != registration::step::kind::ask) break;
        who.m.on_reply(c.tree.perform(s.ask, who.session), c.now, 0);
        c.tree.take_fired();
    }
}

/// Two that share a session, and what must hold of them once nobody wants anything.
void check_pair(cluster& c, const cluster::member& a, const cluster::member& b) {
    CHECK(c.tree.owned_by(a.session).size() == 2);
    for (const cluster::member* each : {&a, &b}) {
        REQUIRE(each->m.published());
        CHECK(c.tree.find(each->m.path())->stat.czxid == each->m.czxid());
        CHECK(c.tree.find(each->m.path())->data.find(each->what.unique_code) != std::string::npos);
    }
    CHECK(a.m.path() != b.m.path());
}

}    // namespace

TEST_SUITE_BEGIN("registration: shared sessions");

TEST_CASE("an unknown outcome takes nothing from the others, and closing leaves theirs") {
    for (const fault f : {fault::lost_before, fault::lost_after}) {
        CAPTURE(static_cast<int>(f));
        cluster c;
        c.add("first");
        c.settle();
        auto& a = c.add("code-a", true);
        c.settle();
        auto& b = c.add("code-b", true);
        b.join(a);
        for (bool asked = false; !asked;) {
            const auto s = b.m.next(c.now);
            REQUIRE(s.what == registration::step::kind::ask);
            asked = s.ask.what == request::kind::create && s.ask.mode == zk::create_mode::ephemeral_sequential;
            c.answer(b, s, asked ? f : fault::none);
        }
        c.settle();
        check_pair(c, a, b);
        CHECK(a.m.registrations() == 1);

        b.m.close();
        c.settle();
        CHECK(c.tree.owned_by(a.session) == std::vector<std::string>{a.m.path()});
    }
}

TEST_CASE("whoever is quicker takes the place of a master that was deleted by hand") {
    cluster c;
    auto& a = c.add("code-a", true);
    c.settle();
    auto& b = c.add("code-b", true);
    b.join(a);
    c.settle();
    check_pair(c, a, b);
    REQUIRE(a.m.role() == role::master);
    c.tree.drop("/p/s/master");
    c.deliver();
    while (c.step(b)) {}
    REQUIRE(b.m.role() == role::master);
    c.settle();
    CHECK(a.m.role() == role::normal);
    CHECK(b.m.role() == role::master);
    check_pair(c, a, b);
}

TEST_CASE("data that others wrote does not keep a znode from being removed by its registrar") {
    cluster c;
    auto& a = c.add("code-a", true);
    c.settle();
    c.tree.set("/p/s/master", "{}");
    a.m.close();
    c.settle();
    CHECK(c.tree.owned_by(a.session).empty());
}

TEST_CASE("own data that was written into the master of another registrar does not make it one's own") {
    cluster c;
    auto& a = c.add("code-a", true);
    c.settle();
    auto& b = c.add("code-b", true);
    b.join(a);
    c.settle();
    REQUIRE(a.m.role() == role::master);
    c.tree.drop("/p/s/master");
    c.tree.take_fired();
    b.m.on_watch(registration::watch::master);    // only b has heard of it
    become_master(c, b);
    REQUIRE(b.m.role() == role::master);
    a.what.weight = 9;
    a.m.update(a.what);
    while (c.step(a)) {}    // b has heard of it, but is slower
    c.settle();
    CHECK(a.m.role() == role::normal);
    CHECK(b.m.role() == role::master);
    check_pair(c, a, b);
}

TEST_CASE("an identity that a registrar had before may be another's now") {
    cluster c;
    auto& first = c.add("first");
    c.settle();
    auto& a = c.add("x", true);
    c.settle();
    a.what.unique_code = "y";
    a.m.update(a.what);
    c.settle();
    auto& b = c.add("x", true);
    b.join(a);
    c.settle();
    REQUIRE(a.m.role() == role::normal);
    REQUIRE(b.m.role() == role::normal);
    first.kill();
    b.m.on_watch(registration::watch::master);
    become_master(c, b);
    REQUIRE(b.m.role() == role::master);
    c.settle();
    CHECK(a.m.role() == role::normal);
    CHECK(b.m.role() == role::master);
    check_pair(c, a, b);
}

}    // namespace muster::registry::testing
