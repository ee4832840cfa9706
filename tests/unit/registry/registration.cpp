// Part of muster. Boost Software License 1.0, see LICENSE.
//
// Each path through the registration machine, stepped against a tree in memory.
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

TEST_CASE("settled, nothing is asked any more, also after a reconnect") {
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

TEST_CASE("a restarted master takes over the znode that its former start left, at once") {
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

TEST_CASE("after expiry the znode of the old session is replaced, whichever it was") {
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

TEST_CASE("what became of a create is found out by reading") {
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

TEST_CASE("a create of unknown outcome, followed by expiry, leaves nothing behind") {
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

TEST_CASE("an update of unknown outcome is written at most twice and ends right") {
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

TEST_CASE("two processes with one identity slow down and say so") {
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

TEST_CASE("a closing registrar does not delete the znode of who took its place") {
    cluster c;
    auto& a = c.add("a");
    c.settle();
    a.m.close();
    const auto s = a.m.next(c.now);
    CHECK(s.ask.what == request::kind::exists);
    a.m.on_reply(c.tree.perform(s.ask, a.session), c.now, 0);
    c.tree.drop("/p/s/master");
    c.tree.put("/p/s/master", "{}", 99);
    c.tree.set("/p/s/master", "x");    // version 1
    c.settle();
    CHECK(a.m.next(c.now).what == registration::step::kind::done);
    CHECK(c.tree.find("/p/s/master")->stat.ephemeral_owner == 99);
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

TEST_CASE("ranks survive the wrap of ZooKeeper's counter") {
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
