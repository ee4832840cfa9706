// Part of muster. Boost Software License 1.0, see LICENSE.
//
// A registration that closes, and one whose place somebody else takes.
#include "registry/registration.hpp"

#include <muster/error.hpp>

#include "registration_fixture.hpp"

#include <doctest/doctest.h>

namespace muster::registry::testing {

TEST_CASE("a znode of somebody else in our place is neither deleted nor adopted") {
    cluster c;
    c.add("a");
    c.settle();
    auto& b = c.add("b");
    c.settle();
    const std::string path = b.m.path();
    c.tree.drop(path);
    c.tree.put(path, "foreign", 99);
    c.settle();
    CHECK(c.tree.find(path)->stat.ephemeral_owner == 99);
    CHECK(b.m.path() != path);
    CHECK(b.m.role() == role::normal);
    b.m.close();
    c.settle();
    CHECK(c.tree.find(path)->stat.ephemeral_owner == 99);
}

TEST_CASE("R22: two processes with one identity slow down and say so") {
    cluster c;
    auto& a = c.add("twin");
    c.settle();
    auto& b = c.add("twin");
    const auto begin = c.now;
    bool conflict = false;
    int changes = 0;
    zk::session_id owner = 0;
    while (c.now - begin < std::chrono::minutes(5)) {
        if (!c.settle_at(c.now)) c.now += std::chrono::milliseconds(10);
        conflict = conflict || a.m.last_error() == registry_errc::conflict || b.m.last_error() == registry_errc::conflict;
        const auto* n = c.tree.find("/p/s/master");
        if (n && n->stat.ephemeral_owner != owner) {
            owner = n->stat.ephemeral_owner;
            ++changes;
        }
    }
    CHECK(conflict);
    CHECK(changes > 3);
    CHECK(changes < 40);
}

TEST_CASE("closing removes the own znode and nothing else, whatever is under way") {
    // Closes after k answers, with each kind of fault on the answer that is outstanding then.
    for (int k = 0; k < 12; ++k) {
        for (const fault f : {fault::none, fault::lost_before, fault::lost_after}) {
            CAPTURE(k);
            cluster c;
            c.add("a");
            c.settle();
            auto& b = c.add("b");
            bool asked = true;
            for (int i = 0; i < k && asked; ++i) asked = c.step(b);
            const auto s = b.m.next(c.now);
            b.m.close();
            if (s.what == registration::step::kind::ask) c.answer(b, s, f);
            c.settle();
            CHECK(b.m.next(c.now).what == registration::step::kind::done);
            CHECK(c.tree.owned_by(b.session).empty());
            CHECK(c.at(0).m.role() == role::master);
            c.check_invariants();
        }
    }
}

TEST_CASE("closing waits for a connection only if there is something to remove") {
    cluster c;
    auto& a = c.add("a");
    a.m.on_session(zk::session_state::suspended, a.session);
    a.m.close();
    CHECK(a.m.next(c.now).what == registration::step::kind::done);

    auto& b = c.add("b");
    c.settle();
    b.m.on_session(zk::session_state::suspended, b.session);
    b.m.close();
    CHECK(b.m.next(c.now).what == registration::step::kind::idle);
    b.m.on_session(zk::session_state::closed, 0);
    CHECK(b.m.next(c.now).what == registration::step::kind::done);
}

TEST_CASE("R23: a closing registrar does not delete the znode of who took its place") {
    cluster c;
    auto& a = c.add("a");
    c.settle();
    a.m.close();
    // Behind a sync: a server that is behind would show our own znode where another's stands already.
    for (const auto kind : {request::kind::sync, request::kind::exists}) {
        const auto s = a.m.next(c.now);
        CHECK(s.ask.what == kind);
        a.m.on_reply(c.tree.perform(s.ask, a.session), c.now, 0);
    }
    c.tree.drop("/p/s/master");
    c.tree.put("/p/s/master", "{}", 99);
    c.tree.set("/p/s/master", "x");    // version 1
    c.settle();
    CHECK(a.m.next(c.now).what == registration::step::kind::done);
    CHECK(c.tree.find("/p/s/master")->stat.ephemeral_owner == 99);
}

TEST_CASE("of what stands, only that goes which does not go with the session") {
    cluster c;
    auto& a = c.add("a");
    c.settle();
    auto& b = c.add("b");
    c.settle();
    CHECK_FALSE(b.m.former_left());
    b.expire_locally();
    CHECK(b.m.former_left());
    const auto former = b.session;
    b.connect();
    CHECK(b.m.former_left());
    b.m.close(registration::removal::former);
    c.settle();
    CHECK(b.m.next(c.now).what == registration::step::kind::done);
    CHECK_FALSE(b.m.former_left());
    CHECK(c.tree.owned_by(former).empty());
    CHECK(c.tree.owned_by(b.session).empty());
    // The present one's is left to its end.
    a.m.close(registration::removal::former);
    CHECK(a.m.next(c.now).what == registration::step::kind::done);
    CHECK(c.tree.owned_by(a.session).size() == 1);
}

TEST_CASE("what came of a create in a former session is looked for before that counts as closed") {
    for (const fault f : {fault::lost_before, fault::lost_after}) {
        CAPTURE(static_cast<int>(f));
        cluster c;
        c.add("a");
        c.settle();
        auto& b = c.add("b");
        for (bool asked = false; !asked;) {
            const auto s = b.m.next(c.now);
            REQUIRE(s.what == registration::step::kind::ask);
            asked = s.ask.what == request::kind::create && s.ask.mode == zk::create_mode::ephemeral_sequential;
            c.answer(b, s, asked ? f : fault::none);
        }
        CHECK_FALSE(b.m.former_left());
        const auto former = b.session;
        b.expire_locally();
        CHECK(b.m.former_left());
        b.connect();
        b.m.close(registration::removal::former);
        c.settle();
        CHECK_FALSE(b.m.former_left());
        CHECK(c.tree.owned_by(former).empty());
        CHECK(c.tree.owned_by(b.session).empty());
    }
}

}    // namespace muster::registry::testing
