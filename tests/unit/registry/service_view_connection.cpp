// Part of muster. Boost Software License 1.0, see LICENSE.
//
// A service view without a connection, with another session, and with errors.
#include "service_view_fixture.hpp"

#include <muster/error.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>

namespace muster::registry::testing {

TEST_CASE("without a connection the view is kept and ages") {
    viewer v;
    fill(v.tree);
    v.connect();
    v.settle();
    v.m.take_changed();
    v.now += 1s;
    v.disconnect();
    const auto lost = v.now;
    CHECK(v.m.take_changed());
    CHECK(v.m.state().stale);
    CHECK(v.m.state().since == lost);
    CHECK(v.names() == "m a b");
    CHECK_FALSE(v.m.next(v.now).has_value());

    v.tree.drop("/p/s/master");
    v.tree.set("/p/s/normal0000000001", data("a2"));
    v.tree.put("/p/s/normal0000000003", data("c"));
    v.now += 1s;
    v.connect();
    CHECK(v.m.state().stale);
    CHECK(v.m.state().since == lost);
    v.settle();
    CHECK_FALSE(v.m.state().stale);
    CHECK(v.names() == "a2 b c");
}

TEST_CASE("R5: connected again, the view is stale until the watch told what may be missed and all was read") {
    viewer v;
    fill(v.tree);
    v.connect();
    v.settle();
    v.disconnect();
    v.connected = true;
    v.m.on_session(zk::session_state::connected, v.session, v.now, 0);
    CHECK(v.m.state().stale);
    v.m.on_event(zk::event_type::resync, "/p/s", v.now, 0);
    const auto unchanged = v.m.state().instances;
    while (v.m.state().stale) REQUIRE(v.step());
    CHECK(v.m.state().instances == unchanged);
}

TEST_CASE("a view that hears of the lost connection after the watch has told what may be missed becomes fresh") {
    // On other threads than the client's, what the session does and what the watch tells come by different ways.
    viewer v;
    fill(v.tree);
    v.connect();
    v.settle();
    v.tree.listen({});    // missed
    v.tree.drop("/p/s/master");
    v.m.on_event(zk::event_type::resync, "/p/s", v.now, 0);
    v.disconnect();
    v.connected = true;
    v.m.on_session(zk::session_state::connected, v.session, v.now, 0);
    v.settle();
    CHECK_FALSE(v.m.state().stale);
    CHECK(v.names() == "a b");
}

TEST_CASE("a list that is too large is asked for ever more seldom, however often there is a connection") {
    viewer v;
    fill(v.tree);
    v.connect();
    int lists = 0;
    v.too_large = [&lists](const request& r) {
        lists += is_list(r);
        return is_list(r);
    };
    v.random_of_replies = ~std::uint64_t{0};
    const auto too_large = [&] {
        const int before = lists;
        v.work();
        v.disconnect();
        v.connect();
        v.deliver();
        return lists == before + 1;
    };
    REQUIRE(too_large());
    CHECK(v.m.state().last_error == zk::protocol_errc::frame_too_large);
    auto before = 0ms;
    for (int i = 0; i != 4; ++i) {
        CHECK_FALSE(v.m.next(v.now).has_value());
        REQUIRE(v.m.wake_at());
        const auto delay = std::chrono::duration_cast<std::chrono::milliseconds>(*v.m.wake_at() - v.now);
        CHECK(delay >= before);
        CHECK(delay > 0ms);
        before = delay;
        v.now = *v.m.wake_at();
        REQUIRE(too_large());
    }
    for (int i = 0; i != 10; ++i) {
        v.now = *v.m.wake_at();
        REQUIRE(too_large());
    }
    CHECK(*v.m.wake_at() - v.now > 30s);
    CHECK(*v.m.wake_at() - v.now <= 1min);    // and never less often than that
    CHECK_FALSE(v.m.next(v.now).has_value());
    v.too_large = {};
    v.now = *v.m.wake_at();
    v.settle();
    CHECK_FALSE(v.m.state().stale);
    CHECK(v.names() == "m a b");
    v.disconnect();
    v.connect();
    v.deliver();
    CHECK(v.m.next(v.now).has_value());    // that is over
}

TEST_CASE("a list that is put off is not due as long as the window is full") {
    viewer v(true, 1);
    fill(v.tree);
    v.connect();
    v.too_large = is_list;
    v.random_of_replies = ~std::uint64_t{0};
    v.work();
    REQUIRE(v.m.wake_at().has_value());
    v.tree.put("/p/s/normal0000000007", data("new"));
    auto child = v.ask();
    REQUIRE(child.has_value());
    v.now += 1min;
    CHECK_FALSE(v.m.next(v.now).has_value());
    CHECK_FALSE(v.m.wake_at().has_value());    // its alarm would ring again and again
    v.too_large = {};
    v.answer(std::move(*child));
    v.work();
    CHECK_FALSE(v.m.state().stale);
    CHECK(v.names() == "m a b new");
}

TEST_CASE("while the list is too large all else goes on: what events tell, and a new session's watch and reads") {
    viewer v;
    fill(v.tree);
    v.connect();
    v.settle();
    v.too_large = is_list;
    v.random_of_replies = ~std::uint64_t{0};
    v.disconnect();
    v.tree.set("/p/s/normal0000000001", data("changed"));
    v.tree.drop("/p/s/normal0000000002");
    v.connect();
    v.work();
    CHECK(v.m.state().stale);
    CHECK(v.m.state().last_error == zk::protocol_errc::frame_too_large);
    CHECK(v.names() == "m changed");
    v.tree.put("/p/s/normal0000000003", data("new"));
    v.work();
    CHECK(v.names() == "m changed new");

    v.expire();
    v.connect();
    v.work();
    CHECK(v.watching);
    v.tree.drop("/p/s/normal0000000003");
    v.work();
    CHECK(v.names() == "m changed");

    v.too_large = {};
    v.work();
    CHECK(v.m.state().stale);
    v.now = *v.m.wake_at();
    v.work();
    CHECK_FALSE(v.m.state().stale);
    CHECK_FALSE(v.m.wake_at().has_value());
}

TEST_CASE("R13: a new session sets a new watch and reads everything") {
    for (const bool recursive : {true, false}) {
        viewer v(recursive);
        fill(v.tree);
        v.connect();
        v.settle();
        v.expire();
        CHECK(v.m.state().stale);
        CHECK(v.names() == "m a b");
        v.tree.drop("/p/s/master");
        v.connect();
        v.settle();
        CHECK_FALSE(v.m.state().stale);
        CHECK(v.names() == "a b");
        v.tree.drop("/p/s/normal0000000001");
        v.settle();
        CHECK(v.names() == "b");
    }
}

TEST_CASE("an odd child that went unseen and was created again behind a list that lacks it stays rejected") {
    viewer v;
    fill(v.tree);
    v.tree.put("/p/s/odd", "");
    v.connect();
    v.settle();
    REQUIRE(v.m.state().rejected.size() == 1);
    v.expire();
    v.tree.drop("/p/s/odd");
    v.connect();
    REQUIRE(v.step());    // the watch
    const auto list = v.m.next(v.now);
    REQUIRE(list);
    REQUIRE(list->what.what == request::kind::children);
    auto r = v.perform(list->what);
    v.tree.put("/p/s/odd", "");
    v.deliver();
    v.m.on_reply(list->id, std::move(r), v.now, 0);
    v.settle();
    CHECK(v.m.state().rejected.size() == 1);
}

TEST_CASE("R5: errors remove nothing; they are shown and retried") {
    viewer v;
    fill(v.tree);
    v.connect();
    v.settle();
    v.m.on_event(zk::event_type::resync, "/p/s", v.now, 0);
    std::chrono::nanoseconds waited{};
    for (int i = 0; i < 30; ++i) {
        auto a = v.m.next(v.now);
        if (!a) {
            REQUIRE(v.m.wake_at());
            waited = std::max<std::chrono::nanoseconds>(waited, *v.m.wake_at() - v.now);
            v.now = *v.m.wake_at();
            continue;
        }
        reply r;
        r.ec = zk::server_errc::operation_timeout;
        v.m.on_reply(a->id, r, v.now, 4'999'999);
        CHECK(v.names() == "m a b");
        CHECK(v.m.state().stale);
        CHECK(v.m.state().last_error == zk::server_errc::operation_timeout);
    }
    CHECK(waited > 1s);
    v.settle();
    CHECK_FALSE(v.m.state().stale);
    CHECK_FALSE(v.m.state().last_error);
    CHECK(v.names() == "m a b");
}

TEST_CASE("connected again, what is shown is read again after a while, and not fresh before") {
    for (const bool recursive : {true, false}) {
        CAPTURE(recursive);
        viewer v(recursive, 8, false, 1'000ms);
        fill(v.tree);
        v.random = 700'000;    // us
        v.connect();
        v.settle();
        CHECK_FALSE(v.m.state().stale);    // nothing was shown yet: nobody waited
        const auto begun = v.now;
        v.disconnect();
        if (recursive) v.tree.drop("/p/s/master");    // of which one-shot watches would tell as soon as they are armed again
        v.connect();
        const int requests = v.tree.requests;
        while (v.step()) {}
        CHECK(v.tree.requests == requests);
        CHECK(v.m.state().stale);
        CHECK(v.names() == "m a b");
        CHECK(v.m.wake_at() == begun + 700ms);

        // What the watches tell of meanwhile does not wait.
        v.tree.set("/p/s/normal0000000001", data("a2"));
        while (v.step()) {}
        CHECK(v.names() == "m a2 b");
        CHECK(v.tree.requests == requests + 1);
        CHECK(v.m.state().stale);

        v.now = begun + 700ms;
        while (v.step()) {}
        CHECK_FALSE(v.m.state().stale);
        CHECK(v.names() == (recursive ? "a2 b" : "m a2 b"));
        CHECK_FALSE(v.m.wake_at());
    }
}

TEST_CASE("a new session sets its watch at once, and reads later") {
    viewer v(true, 8, false, 1'000ms);
    fill(v.tree);
    v.connect();
    v.settle();
    v.random = 400'000;
    v.expire();
    const auto begun = v.now;
    v.connect();
    const int requests = v.tree.requests;
    while (v.step()) {}
    CHECK(v.watching);
    CHECK(v.tree.requests == requests);    // which counts no watches
    v.tree.drop("/p/s/normal0000000002");
    while (v.step()) {}
    CHECK(v.names() == "m a");
    CHECK(v.m.state().stale);
    v.settle();
    CHECK(v.now == begun + 400ms);
    CHECK_FALSE(v.m.state().stale);
}

TEST_CASE("a connection that breaks before everything was read again draws another moment") {
    viewer v(true, 8, false, 1'000ms);
    fill(v.tree);
    v.connect();
    v.settle();
    v.random = 100'000;
    v.disconnect();
    v.connect();
    while (v.step()) {}
    v.disconnect();
    CHECK_FALSE(v.m.wake_at());
    v.now += 10s;
    v.random = 900'000;
    v.connect();
    while (v.step()) {}
    CHECK(v.m.wake_at() == v.now + 900ms);
    v.settle();
    CHECK_FALSE(v.m.state().stale);
}

TEST_CASE("whoever has no instance to show reads at once") {
    viewer v(true, 8, false, 1'000ms);
    v.random = 900'000;
    v.connect();
    v.settle();
    const auto begun = v.now;
    v.disconnect();
    fill(v.tree);
    v.connect();
    v.settle();
    CHECK(v.now == begun);
    CHECK(v.names() == "m a b");
}

}    // namespace muster::registry::testing
