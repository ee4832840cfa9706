// Part of muster. Boost Software License 1.0, see LICENSE.
//
// A service view while instances change: what changes between two steps, or while it is read.
#include "service_view_fixture.hpp"

#include <muster/error.hpp>

#include <doctest/doctest.h>

#include <string>

namespace muster::registry::testing {

TEST_CASE("an instance that changes its znode is in the view all the while") {
    for (const bool recursive : {true, false}) {
        CAPTURE(recursive);
        viewer v(recursive);
        fill(v.tree);
        v.connect();
        v.settle();
        v.tree.drop("/p/s/master");
        v.tree.drop("/p/s/normal0000000002");
        v.settle();
        CHECK(v.names() == "a");
        // It becomes master.
        v.tree.put("/p/s/master", data("a"));
        v.tree.drop("/p/s/normal0000000001");
        do {
            CHECK(v.names().find('a') != std::string::npos);
        } while (v.step());
        CHECK(v.names() == "a");
        CHECK(v.m.state().instances[0]->role == role::master);
    }
}

TEST_CASE("a promotion that was missed while the connection was lost is one change, too") {
    for (const bool recursive : {true, false}) {
        CAPTURE(recursive);
        viewer v(recursive);
        v.tree.put("/p", "");
        v.tree.put("/p/s", "");
        v.tree.put("/p/s/normal0000000001", data("a"));
        v.connect();
        v.settle();
        v.disconnect();
        v.tree.put("/p/s/master", data("a"));
        v.tree.drop("/p/s/normal0000000001");
        v.connect();
        while (v.step()) CHECK(v.names().find('a') != std::string::npos);
        CHECK(v.names() == "a");
        CHECK(v.m.state().instances.at(0)->role == role::master);
    }
}

TEST_CASE("an instance that changes during every read of it keeps nobody from being seen, nor its own changes") {
    for (const bool recursive : {true, false}) {
        CAPTURE(recursive);
        viewer v(recursive);
        fill(v.tree);
        v.connect();
        int changes = 0;
        // Each read of "a" is followed by a change before its reply arrives.
        const auto restless_step = [&] {
            auto read = v.ask();
            REQUIRE(read);
            if (read->path == "/p/s/normal0000000001") v.tree.set(read->path, data("a" + std::to_string(++changes)));
            v.answer(std::move(*read));
        };
        for (int i = 0; i < 20 && !v.m.state().known; ++i) restless_step();
        REQUIRE(v.m.state().known);
        CHECK_FALSE(v.m.state().stale);
        for (int i = 0; i < 20; ++i) restless_step();
        CHECK(changes > 10);
        CHECK(v.names() == "m a" + std::to_string(changes - 1) + " b");    // one read behind
        v.settle();
        CHECK(v.names() == "m a" + std::to_string(changes) + " b");
    }
}

TEST_CASE("an instance that is deleted while it is read is not shown by that read") {
    viewer v;
    fill(v.tree);
    v.connect();
    v.settle();
    v.tree.set("/p/s/normal0000000001", data("a2"));
    auto read = v.ask();
    REQUIRE(read);
    v.tree.drop("/p/s/normal0000000001");
    v.deliver();
    CHECK(v.names() == "m b");
    v.answer(std::move(*read));
    CHECK(v.names() == "m b");
    v.settle();
    CHECK(v.names() == "m b");
}

TEST_CASE("a newcomer that cannot be read does not keep in the view who went") {
    viewer v;
    fill(v.tree);
    v.connect();
    v.settle();
    v.tree.put("/p/s/normal0000000003", data("c"));
    v.tree.drop("/p/s/normal0000000001");
    v.deliver();
    CHECK(v.names() == "m a b");    // c may be who a was
    auto read = v.ask();
    REQUIRE(read);
    read->told = reply();
    read->told.ec = zk::server_errc::operation_timeout;
    v.answer(std::move(*read));
    CHECK(v.names() == "m b");
    v.settle();
    CHECK(v.names() == "m b c");
}

TEST_CASE("a child that vanishes between list and read is simply gone") {
    viewer v;
    fill(v.tree);
    v.connect();
    v.step();              // watch
    v.step();              // list
    v.watching = false;    // its event is not what removes it
    v.tree.drop("/p/s/normal0000000001");
    v.watching = true;
    v.settle();
    CHECK(v.names() == "m b");
    CHECK(v.m.state().rejected.empty());
}

TEST_CASE("R5: what changes while it is read is read again") {
    viewer v;
    fill(v.tree);
    v.connect();
    v.settle();
    v.tree.set("/p/s/master", data("m2"));
    auto read = v.ask();
    REQUIRE(read);
    v.tree.set("/p/s/master", data("m3"));
    v.answer(std::move(*read));
    v.settle();
    CHECK(v.names() == "m3 a b");

    v.tree.set("/p/s/master", data("m4"));
    read = v.ask();
    REQUIRE(read);
    v.tree.drop("/p/s/master");
    v.deliver();
    CHECK(v.names() == "a b");
    v.answer(std::move(*read));
    CHECK(v.names() == "a b");
    v.settle();
    CHECK(v.names() == "a b");
}

TEST_CASE("who writes to the service's own znode all the time keeps nobody from seeing what changes") {
    viewer v;
    fill(v.tree);
    v.connect();
    int writes = 0;
    const auto restless_step = [&] {
        v.tree.set("/p/s", std::to_string(++writes));
        return v.step();
    };
    for (int i = 0; i < 20 && !v.m.state().known; ++i) restless_step();
    REQUIRE(v.m.state().known);
    v.tree.drop("/p/s/normal0000000001");
    restless_step();
    CHECK(v.names() == "m b");
    CHECK_FALSE(v.m.next(v.now));    // a write there is no reason to ask for anything
}

TEST_CASE("odd children that come and go all the time do not keep the list from being taken for complete") {
    viewer v;
    fill(v.tree);
    v.connect();
    for (int i = 0; i < 20 && !v.m.state().known; ++i) {
        v.tree.put("/p/s/lock" + std::to_string(i), "");
        auto read = v.ask();
        REQUIRE(read);
        v.tree.drop("/p/s/lock" + std::to_string(i));
        v.answer(std::move(*read));
    }
    REQUIRE(v.m.state().known);
    CHECK(v.names() == "m a b");
    CHECK(v.m.state().rejected.empty());
}

TEST_CASE("an instance that comes and goes faster than it is read keeps nobody in the view who went, and nobody out of it") {
    viewer v;
    fill(v.tree);
    v.connect();
    v.settle();
    const std::string restless = "/p/s/normal0000000007";
    const auto restless_step = [&] {
        v.tree.put(restless, data("r"));
        auto read = v.ask();
        REQUIRE(read);
        v.tree.drop(restless);
        v.tree.put(restless, data("r"));
        v.tree.drop(restless);
        v.answer(std::move(*read));
    };
    restless_step();
    v.tree.put(restless, data("r"));
    v.tree.drop("/p/s/normal0000000001");
    v.deliver();
    CHECK(v.names() == "m a b");    // r may be who a was
    v.tree.drop(restless);
    v.deliver();
    CHECK(v.names() == "m b");
    v.tree.put("/p/s/normal0000000009", data("i"));
    for (int i = 0; i < 5; ++i) restless_step();
    CHECK(v.names() == "m b i");
}

TEST_CASE("a master that is replaced while its znode is read is not missing when the new one's old znode goes") {
    viewer v;
    fill(v.tree);
    v.connect();
    v.settle();
    v.tree.set("/p/s/master", data("m2"));
    auto read = v.ask();
    REQUIRE(read);
    v.tree.drop("/p/s/master");
    v.tree.put("/p/s/master", data("a"));
    v.tree.drop("/p/s/normal0000000001");
    v.deliver();
    CHECK(v.names() == "a b");    // by the znode that it had
    v.answer(std::move(*read));
    CHECK(v.names() == "a b");
    v.settle();
    CHECK(v.names() == "a b");
}

TEST_CASE("a master that goes and comes faster than it is read does not keep the view stale") {
    for (const bool watch_ended : {false, true}) {
        CAPTURE(watch_ended);
        viewer v;
        fill(v.tree);
        v.connect();
        v.settle();
        if (watch_ended) {
            v.m.on_watch_end(v.now, 0);
        } else {
            v.disconnect();
            v.connect();
        }
        v.deliver();
        REQUIRE(v.m.state().stale);
        v.tree.drop("/p/s/normal0000000002");
        for (int i = 0; i < 20 && v.m.state().stale; ++i) {
            auto read = v.ask();
            REQUIRE(read);
            if (read->path == "/p/s/master") {
                v.tree.drop("/p/s/master");
                v.tree.put("/p/s/master", data("m" + std::to_string(i)));
            }
            v.answer(std::move(*read));
        }
        CHECK_FALSE(v.m.state().stale);
    }
}

}    // namespace muster::registry::testing
