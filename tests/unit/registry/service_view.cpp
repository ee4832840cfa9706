// Part of muster. Boost Software License 1.0, see LICENSE.
//
// The machine of a service view against a tree in memory: what it reads, and what it shows.
#include "service_view_fixture.hpp"

#include <muster/error.hpp>

#include <doctest/doctest.h>

#include <random>
#include <string>
#include <utility>

namespace muster::registry::testing {

TEST_CASE("a service is read once, and then nothing is asked any more") {
    for (const bool recursive : {true, false}) {
        viewer v(recursive);
        fill(v.tree);
        CHECK_FALSE(v.m.next(v.now).has_value());
        v.connect();
        v.settle();
        CHECK(v.m.state().known);
        CHECK_FALSE(v.m.state().stale);
        CHECK(v.names() == "m a b");
        CHECK(v.m.state().instances[0]->role == role::master);
        CHECK(v.m.state().instances[1]->path == "/p/s/normal0000000001");
        CHECK(v.m.take_changed());
        CHECK_FALSE(v.m.take_changed());
        CHECK(v.tree.requests == 4);
    }
}

TEST_CASE("nothing is shown before all was read") {
    viewer v;
    fill(v.tree);
    v.connect();
    while (!v.m.state().known) {
        CHECK(v.m.state().instances.empty());
        REQUIRE(v.step());
    }
    CHECK(v.names() == "m a b");
}

TEST_CASE("a service that does not exist is known to be empty, and seen when it comes") {
    for (const bool recursive : {true, false}) {
        CAPTURE(recursive);
        viewer v(recursive);
        v.connect();
        v.settle();
        CHECK(v.m.state().known);
        CHECK_FALSE(v.m.state().stale);
        CHECK(v.names().empty());
        fill(v.tree);
        v.settle();
        CHECK(v.names() == "m a b");
    }
}

TEST_CASE("a change costs one read, a deletion none, and the others keep their pointers") {
    viewer v;
    fill(v.tree);
    v.connect();
    v.settle();
    const auto before = v.m.state().instances;
    const int requests = v.tree.requests;

    v.tree.set("/p/s/normal0000000001", data("a2"));
    v.settle();
    CHECK(v.names() == "m a2 b");
    CHECK(v.tree.requests == requests + 1);
    CHECK(v.m.state().instances[0] == before[0]);
    CHECK(v.m.state().instances[2] == before[2]);

    v.tree.drop("/p/s/normal0000000001");
    v.settle();
    CHECK(v.names() == "m b");
    CHECK(v.tree.requests == requests + 1);

    v.tree.put("/p/s/normal0000000007", data("c"));
    v.settle();
    CHECK(v.names() == "m b c");
    CHECK(v.tree.requests == requests + 2);
    CHECK_FALSE(v.m.state().stale);
}

TEST_CASE("changes are seen with one-shot watches as well") {
    viewer v(false);
    fill(v.tree);
    v.connect();
    v.settle();
    v.tree.set("/p/s/master", data("m2"));
    v.tree.drop("/p/s/normal0000000001");
    v.tree.put("/p/s/normal0000000003", data("c"));
    v.settle();
    CHECK(v.names() == "m2 b c");
    for (const char* path : {"/p/s/master", "/p/s/normal0000000002", "/p/s/normal0000000003", "/p/s"}) v.tree.drop(path);
    v.settle();
    CHECK(v.names().empty());
    v.tree.put("/p/s", "");
    v.tree.put("/p/s/master", data("x"));
    v.settle();
    CHECK(v.names() == "x");
}

TEST_CASE("children that are no instances are left out and reported, the others serve on") {
    viewer v;
    fill(v.tree);
    v.tree.put("/p/s/lock", "x");
    v.tree.put("/p/s/normal0000000003", "not json");
    v.tree.put("/p/s/normal0000000004", std::string(900 * 1024, 'x'));
    v.connect();
    v.settle();
    CHECK(v.names() == "m a b");
    REQUIRE(v.m.state().rejected.size() == 3);
    CHECK(v.m.state().rejected[0].path == "/p/s/lock");
    CHECK(v.m.state().rejected[0].reason.find("'lock' is odd") != std::string::npos);
    CHECK(v.m.state().rejected[1].path == "/p/s/normal0000000003");
    CHECK(v.m.state().rejected[2].reason == "data has 921600 bytes, expected at most 65536");

    // The large one is not fetched again before it has shrunk; what is put right is taken in; what turns bad is taken out.
    v.tree.set("/p/s/normal0000000004", std::string(800 * 1024, 'x'));
    v.deliver();
    const auto a = v.m.next(v.now);
    REQUIRE(a.has_value());
    CHECK(a->what.what == request::kind::exists);
    v.m.on_reply(a->id, v.perform(a->what), v.now, 0);
    v.tree.set("/p/s/normal0000000004", data("d"));
    v.tree.set("/p/s/normal0000000003", data("c"));
    v.tree.set("/p/s/master", R"({"weight":-1})");
    v.tree.drop("/p/s/lock");
    v.settle();
    CHECK(v.names() == "a b c d");
    REQUIRE(v.m.state().rejected.size() == 1);
    CHECK(v.m.state().rejected[0].reason == "weight is -1, expected 0 or more");
    v.tree.drop("/p/s/master");
    v.settle();
    CHECK(v.m.state().rejected.empty());
}

TEST_CASE("a child that we may not read is reported, and read as soon as we may, though no event tells of that") {
    for (const bool recursive : {true, false}) {
        CAPTURE(recursive);
        viewer v(recursive, 2);
        fill(v.tree);
        v.forbidden = [](const request& r) { return r.what == request::kind::get && r.path != "/p/s/normal0000000001"; };
        std::mt19937_64 random(7);
        v.random_of_replies = random();
        v.connect();
        v.work();
        CHECK(v.names() == "a");
        CHECK_FALSE(v.m.state().stale);    // nobody may read it: that is known
        REQUIRE(v.m.state().rejected.size() == 2);
        CHECK(v.m.state().rejected[0].reason ==
              "data cannot be read (the znode's ACL does not permit this), expected a znode that this session may read");

        // Less and less often, once a minute in the end.
        int asked = 0;
        for (const auto end = v.now + 1h; v.m.wake_at().has_value() && *v.m.wake_at() < end; ++asked) {
            v.now = *v.m.wake_at();
            v.random_of_replies = random();
            v.work();
        }
        CHECK(asked > 60);
        CHECK(asked < 250);

        v.forbidden = {};
        REQUIRE(v.m.wake_at().has_value());
        CHECK(*v.m.wake_at() - v.now <= 1min);
        v.now = *v.m.wake_at();
        v.work();
        CHECK(v.names() == "m a b");
        CHECK(v.m.state().rejected.empty());
        CHECK_FALSE(v.m.wake_at().has_value());
    }
}

TEST_CASE("of more children that we may not read than are asked at a time, all are read once we may") {
    for (const bool one_goes : {false, true}) {
        CAPTURE(one_goes);
        viewer v(true, 1);
        fill(v.tree);
        v.forbidden = [](const request& r) { return r.what == request::kind::get; };
        v.random_of_replies = 1'000'003;
        v.connect();
        v.work();
        CHECK(v.m.state().rejected.size() == 3);
        if (one_goes) {    // the one that is being asked
            v.now = *v.m.wake_at();
            auto f = v.ask();
            REQUIRE(f.has_value());
            v.tree.drop(f->path);
            v.answer(std::move(*f));
        }
        v.forbidden = {};
        v.settle();
        CHECK(v.m.state().rejected.empty());
        CHECK(v.m.state().instances.size() == (one_goes ? 2 : 3));
    }
}

TEST_CASE("an instance that we may not read any more stays as it was known, until we may or it goes") {
    for (const bool recursive : {true, false}) {
        CAPTURE(recursive);
        viewer v(recursive);
        fill(v.tree);
        v.connect();
        v.work();
        REQUIRE(v.names() == "m a b");
        v.forbidden = [](const request& r) { return r.what == request::kind::get && r.path == "/p/s/master"; };
        v.random_of_replies = 1'000'003;
        v.tree.set("/p/s/master", data("other"));
        v.work();
        CHECK(v.names() == "m a b");
        CHECK_FALSE(v.m.state().stale);
        REQUIRE(v.m.state().rejected.size() == 1);
        CHECK(v.m.state().rejected[0].path == "/p/s/master");
        REQUIRE(v.m.wake_at().has_value());
        SUBCASE("we may") {
            v.forbidden = {};
            v.now = *v.m.wake_at();
            v.work();
            CHECK(v.names() == "other a b");
        }
        SUBCASE("it goes") {
            v.tree.drop("/p/s/master");
            v.work();
            CHECK(v.names() == "a b");
        }
        SUBCASE("it goes, and nobody tells") {
            if (!recursive) continue;    // the list tells
            v.hides_forbidden = true;
            v.tree.drop("/p/s/master");
            v.work();
            CHECK(v.names() == "m a b");
            v.forbidden = {};    // there is nothing that could be forbidden
            v.now = *v.m.wake_at();
            v.work();
            CHECK(v.names() == "a b");
        }
        SUBCASE("we may when the connection comes back") {
            v.disconnect();
            CHECK_FALSE(v.m.wake_at().has_value());
            v.now += 10min;
            v.forbidden = {};
            v.connect();
            v.work();
            CHECK(v.names() == "other a b");
        }
        CHECK(v.m.state().rejected.empty());
        CHECK_FALSE(v.m.wake_at().has_value());
    }
}

TEST_CASE("R32: after an outage nobody asks for what it may not read before the moment that is drawn for all") {
    for (const bool expired : {false, true}) {
        CAPTURE(expired);
        viewer v(true, 8, false, 1s);
        fill(v.tree);
        v.forbidden = [](const request& r) { return r.what == request::kind::get && r.path == "/p/s/master"; };
        v.random_of_replies = 1'000'003;
        v.connect();
        v.work();
        REQUIRE(v.names() == "a b");
        v.tree.set("/p/s/normal0000000001", data("a"));
        auto lost = v.ask();
        REQUIRE(lost.has_value());
        v.random = 700'000;    // microseconds
        if (expired)
            v.expire();
        else
            v.disconnect();
        lost->told.ec = zk::client_errc::connection_lost;
        v.answer(std::move(*lost));
        CHECK_FALSE(v.m.wake_at().has_value());
        v.now += 10min;
        v.connect();
        int asked = 0;
        while (auto f = v.ask()) {
            asked += f->path == "/p/s/master";
            v.answer(std::move(*f));
        }
        CHECK(asked == 0);
        CHECK(v.m.wake_at() == v.now + 700ms);
        v.now += 700ms;
        v.forbidden = {};
        v.settle();
        CHECK(v.names() == "m a b");
    }
}

TEST_CASE("R41: a child that no reply can bring is reported, and read again when it is smaller") {
    for (const bool recursive : {true, false}) {
        CAPTURE(recursive);
        auto p = viewer::params();
        p.max_data = 1'000;
        viewer v(recursive, std::move(p));
        fill(v.tree);
        v.tree.set("/p/s/master", std::string(2'000, 'x'));
        v.connect();
        int refused = 0;
        v.too_large = [&refused](const request& r) {
            const bool large = r.what == request::kind::get && r.path == "/p/s/master";
            refused += large;
            return large;
        };
        v.work();
        CHECK(v.names() == "a b");
        CHECK_FALSE(v.m.state().stale);
        CHECK_FALSE(v.m.wake_at().has_value());    // not asked for again and again
        REQUIRE(v.m.state().rejected.size() == 1);
        CHECK(v.m.state().rejected[0].reason ==
              "data cannot be read (a frame is larger than the limit (jute.maxbuffer)), expected at most 1000 bytes");
        CHECK(refused == 1);
        v.tree.set("/p/s/master", std::string(3'000, 'x'));
        v.work();
        CHECK(refused == 1);
        v.tree.set("/p/s/master", data("m"));
        v.too_large = {};
        v.work();
        CHECK(v.names() == "m a b");
        CHECK(v.m.state().rejected.empty());
        CHECK(refused == 1);
    }
}

TEST_CASE("R41: a child that only a batch of reads could bring is left out as well, and not asked for again and again") {
    auto p = viewer::params();
    p.max_data = 1'000;
    viewer v(true, std::move(p));
    fill(v.tree);
    v.connect();
    v.settle();
    const auto large = [](const char* state) {
        return R"({"serveruniquecode":"m","state":")" + std::string(state) + R"(","zone":")" + std::string(2'000, 'z') + "\"}";
    };
    for (const char* state : {"", "draining"}) {
        v.tree.set("/p/s/master", large(state));
        v.settle();
        CHECK(v.names() == "a b");
        REQUIRE(v.m.state().rejected.size() == 1);
        CHECK(v.m.state().rejected[0].reason.ends_with(" bytes, expected at most 1000"));
        CHECK_FALSE(v.m.state().stale);
    }
    // Deleted while it is read, and there again.
    v.tree.set("/p/s/master", data("m"));
    v.tree.set("/p/s/master", large(""));
    auto f = v.ask();
    REQUIRE(f.has_value());
    v.tree.drop("/p/s/master");
    v.deliver();
    v.tree.put("/p/s/master", large(""));
    v.answer(std::move(*f));
    v.settle();
    CHECK(v.names() == "a b");
    CHECK(v.m.state().rejected.size() == 1);
}

TEST_CASE("R32: no more reads than the window are in flight") {
    viewer v(true, 3);
    v.tree.put("/p", "");
    v.tree.put("/p/s", "");
    for (int i = 10; i < 60; ++i) v.tree.put("/p/s/normal00000000" + std::to_string(i), data("i" + std::to_string(i)));
    v.connect();
    v.step();
    v.step();
    std::deque<service_view::ask> flying;
    while (auto a = v.m.next(v.now)) flying.push_back(*a);
    CHECK(flying.size() == 3);
    while (!flying.empty()) {
        v.m.on_reply(flying.front().id, v.perform(flying.front().what), v.now, 0);
        flying.pop_front();
        while (auto a = v.m.next(v.now)) flying.push_back(*a);
        CHECK(flying.size() <= 3);
    }
    CHECK(v.m.state().instances.size() == 50);
}

TEST_CASE("a path that begins like the service's is not the service's") {
    viewer v;
    fill(v.tree);
    v.connect();
    v.settle();
    const int requests = v.tree.requests;
    for (const char* path : {"/p/s2", "/p/s2/master", "/p", "/p/s/master/below", "/p/"}) {
        v.m.on_event(zk::event_type::created, path, v.now, 0);
        v.m.on_event(zk::event_type::deleted, path, v.now, 0);
    }
    v.settle();
    CHECK(v.tree.requests == requests);
    CHECK(v.names() == "m a b");
}

}    // namespace muster::registry::testing
