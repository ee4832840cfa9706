// Part of muster. Boost Software License 1.0, see LICENSE.
//
// Two registrations of one service on one session: its owner does not tell whose a znode is.
#include "registration_fixture.hpp"

namespace muster::registry::testing {
namespace {

/// Nobody else moves meanwhile.
template <class Member>
void become_master(cluster& c, Member& who) {
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

template <class Member>
void settle(cluster& c, Member& a, Member& b) {
    for (int n = 0; n != 200; ++n) {
        c.deliver();
        bool any = c.step(a);
        any = c.step(b) || any;
        if (!any) c.now += std::chrono::milliseconds(50);
    }
}

}    // namespace

TEST_SUITE_BEGIN("registration: shared sessions");

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
    settle(c, a, b);
    CHECK(!(a.m.role() == role::master && b.m.role() == role::master));
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
    settle(c, a, b);
    CHECK(!(a.m.role() == role::master && b.m.role() == role::master));
}

}    // namespace muster::registry::testing
