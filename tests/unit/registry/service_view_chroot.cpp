// Part of muster. Boost Software License 1.0, see LICENSE.
//
// A service view below a chroot that may not exist.
#include "service_view_fixture.hpp"

#include <muster/error.hpp>

#include <doctest/doctest.h>

#include <string>

namespace muster::registry::testing {
namespace {

/// A view whose paths are below a chroot. While the root is missing, so is everything below it.
struct below_chroot : viewer {
    explicit below_chroot(bool recursive) : viewer(recursive, 8, true) {}

    /// A step; false if there was nothing to do.
    bool step() {
        deliver();
        const auto a = m.next(now);
        if (!a) return false;
        reply r;
        if (a->what.path == "/") ++roots;
        if (root || a->what.path != "/") r = perform(a->what);
        deliver();
        m.on_reply(a->id, std::move(r), now, 0x9E37'79B9'7F4A'7C15);    // some chance for the back-off
        return true;
    }
    /// All that is to be done within a time.
    void pass(std::chrono::milliseconds time) {
        const auto end = now + time;
        for (;;) {
            while (step()) {}
            const auto at = m.wake_at();
            if (!at || *at > end) break;
            now = *at;
        }
        now = end;
    }

    bool root = true;
    int roots = 0;    ///< Times the root was looked for.
};

}    // namespace

TEST_CASE("a chroot that is missing is an error, not an empty service, and is noticed when it comes") {
    for (const bool recursive : {true, false}) {
        CAPTURE(recursive);
        below_chroot v(recursive);
        v.root = false;
        v.connect();
        v.pass(60s);
        CHECK_FALSE(v.m.state().known);
        CHECK(v.m.state().stale);
        CHECK(v.m.state().last_error == registry_errc::no_chroot);
        CHECK(v.roots > 5);
        CHECK(v.roots < 100);    // with a back-off

        v.root = true;
        v.pass(10s);
        CHECK(v.m.state().known);
        CHECK_FALSE(v.m.state().stale);
        CHECK_FALSE(v.m.state().last_error);
        CHECK(v.names().empty());
        CHECK_FALSE(v.m.wake_at());

        fill(v.tree);
        v.pass(1s);
        CHECK(v.names() == "m a b");
    }
}

TEST_CASE("the root is looked for only where the service is not there") {
    for (const bool recursive : {true, false}) {
        CAPTURE(recursive);
        below_chroot v(recursive);
        fill(v.tree);
        v.connect();
        v.pass(1s);
        CHECK(v.names() == "m a b");
        CHECK(v.roots == 0);
    }
    viewer without(true);
    without.connect();
    without.settle();
    CHECK(without.m.state().known);
    CHECK(without.tree.requests == 1);    // the list; nobody looked for the root
}

TEST_CASE("a read of the root that fails is repeated, and says nothing of the chroot") {
    below_chroot v(true);
    v.connect();
    int failures = 3;
    for (int i = 0; i < 100 && !v.m.state().known; ++i) {
        const auto a = v.m.next(v.now);
        if (!a) {
            REQUIRE(v.m.wake_at());
            v.now = *v.m.wake_at();
            continue;
        }
        auto r = v.perform(a->what);
        if (a->what.path == "/" && failures-- > 0) {
            r = reply();
            r.ec = zk::client_errc::session_expired;
        }
        v.m.on_reply(a->id, std::move(r), v.now, 0);
        CHECK(v.m.state().last_error != registry_errc::no_chroot);
    }
    CHECK(failures < 0);
    CHECK(v.m.state().known);
    CHECK(v.names().empty());
}

}    // namespace muster::registry::testing
