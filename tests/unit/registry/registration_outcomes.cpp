// Part of muster. Boost Software License 1.0, see LICENSE.
//
// A registration whose session ends, or that does not know what became of a request.
#include "registry/registration.hpp"

#include <muster/error.hpp>

#include "registration_fixture.hpp"

#include <doctest/doctest.h>

namespace muster::registry::testing {

TEST_CASE("R19: after expiry the znode of the old session is replaced, whichever it was") {
    cluster c;
    c.add("a");
    c.settle();
    c.add("b");
    c.settle();
    for (int i : {0, 1}) {
        auto& x = c.at(i);
        const auto old = x.session;
        const auto others = c.tree.owned_by(c.at(1 - i).session);
        x.expire_locally();    // the server still knows the old session
        CHECK_FALSE(x.m.registered());
        x.connect();
        c.settle();
        CHECK(c.tree.owned_by(old).empty());
        CHECK(c.tree.owned_by(x.session).size() == 1);
        CHECK(c.tree.owned_by(c.at(1 - i).session) == others);
        c.tree.end_session(old);
        c.settle();
        c.check_invariants();
    }
}

TEST_CASE("R14: what became of a create is found out by reading") {
    for (const bool applied : {false, true}) {
        for (const bool normal : {false, true}) {
            CAPTURE(applied);
            CAPTURE(normal);
            cluster c;
            c.tree.put("/p", "");
            c.tree.put("/p/s", "");
            if (normal) c.add("a");
            c.settle();
            auto& b = c.add("b");
            if (normal) {
                for (int i = 0; i < 2; ++i) c.step(b);    // NODEEXISTS, read the master
            }
            c.step(b, applied ? fault::lost_after : fault::lost_before);
            CHECK(b.m.last_error() == zk::client_errc::connection_lost);
            c.settle();
            CHECK(b.m.role() == (normal ? role::normal : role::master));
            CHECK(b.m.registrations() == 1);
            CHECK(b.m.published());
            CHECK(c.tree.owned_by(b.session).size() == 1);
            c.check_invariants();
        }
    }
}

TEST_CASE("R14: a create of unknown outcome, followed by expiry, leaves nothing behind") {
    cluster c;
    c.add("a");
    c.settle();
    auto& b = c.add("b");
    for (int i = 0; i < 2; ++i) c.step(b);
    c.step(b, fault::lost_after);
    const auto old = b.session;
    b.expire_locally();
    b.connect();
    c.settle();
    CHECK(c.tree.owned_by(old).empty());
    CHECK(c.tree.owned_by(b.session).size() == 1);
    c.check_invariants();
}

TEST_CASE("a promotion of unknown outcome is found out by reading") {
    for (const fault f : {fault::lost_before, fault::lost_after}) {
        cluster c;
        c.add("a");
        c.settle();
        auto& b = c.add("b");
        c.settle();
        c.at(0).kill();
        c.deliver();
        for (;;) {
            const auto s = b.m.next(c.now);
            REQUIRE(s.what == registration::step::kind::ask);
            const bool promote = s.ask.what == request::kind::multi;
            c.answer(b, s, promote ? f : fault::none);
            if (promote) break;
        }
        c.settle();
        CHECK(b.m.role() == role::master);
        CHECK(b.m.registrations() == 2);
        c.check_invariants();
    }
}

TEST_CASE("R16: an update of unknown outcome is written at most twice and ends right") {
    for (const fault f : {fault::lost_before, fault::lost_after}) {
        cluster c;
        auto& a = c.add("a");
        c.settle();
        const int written = c.tree.writes;
        a.what.weight = 9;
        a.m.update(a.what);
        c.step(a, f);
        c.settle();
        CHECK(a.m.published());
        CHECK(c.tree.writes == written + 1);
    }
}

TEST_CASE("a znode created in a session that is heard of only later is kept") {
    cluster c;
    c.tree.put("/p", "");
    c.tree.put("/p/s", "");
    auto& a = c.add("a");
    const auto s = a.m.next(c.now);
    const zk::session_id later = 1000;
    a.m.on_reply(c.tree.perform(s.ask, later), c.now, 0);
    a.m.on_session(zk::session_state::expired, a.session);
    a.session = later;
    a.m.on_session(zk::session_state::connected, later);
    c.settle();
    CHECK(a.m.role() == role::master);
    CHECK(a.m.registrations() == 1);
    c.check_invariants();
}

}    // namespace muster::registry::testing
