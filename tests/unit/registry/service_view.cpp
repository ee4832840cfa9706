// Part of muster. Boost Software License 1.0, see LICENSE.
//
// The machine of a service view against a tree in memory, by single steps and in random runs.
#include "registry/service_view.hpp"

#include <muster/error.hpp>

#include "fake_tree.hpp"

#include <doctest/doctest.h>

#include <deque>
#include <random>
#include <string>

namespace muster::registry::testing {
namespace {

using namespace std::chrono_literals;

std::string data(const std::string& code) { return R"({"serveruniquecode":")" + code + "\"}"; }

/// One view on a tree, connected by hand.
struct viewer {
    explicit viewer(bool recursive = true, std::size_t window = 8)
        : supports_recursive(recursive), m(make_micro_service_layout(), "/p/s", window, 50ms, 5'000ms, now) {
        tree.listen([this](zk::event_type t, const std::string& path) {
            if (watching && connected && (path == "/p/s" || path.starts_with("/p/s/"))) events.emplace_back(t, path);
        });
    }

    void connect() {
        connected = true;
        m.on_session(zk::session_state::connected, session, now);
        if (watching) events.emplace_back(zk::event_type::resync, "/p/s");
    }
    void disconnect() {
        connected = false;
        m.on_session(zk::session_state::suspended, session, now);
    }
    void expire() {
        tree.end_session(session);
        watching = false;
        connected = false;
        m.on_session(zk::session_state::expired, session, now);
        if (recursive_set) m.on_watch_end(now);
        ++session;
    }

    reply perform(const request& r) {
        if (r.what != request::kind::add_watch) return tree.perform(r, session);
        reply out;
        watching = recursive_set = supports_recursive;
        if (!supports_recursive) out.ec = zk::server_errc::unimplemented;
        return out;
    }

    void deliver() {
        for (const auto& f : tree.take_fired()) {
            if (f.session == session) events.emplace_back(f.type, f.path);
        }
        while (!events.empty()) {
            const auto [type, path] = events.front();
            events.pop_front();
            m.on_event(type, path, now);
        }
    }

    bool step() {
        deliver();
        const auto a = m.next(now);
        if (!a) return false;
        auto r = perform(a->what);
        deliver();
        m.on_reply(a->id, std::move(r), now, 0);
        return true;
    }

    void settle() {
        for (int i = 0;; ++i) {
            REQUIRE(i < 100'000);
            if (step()) continue;
            if (!m.wake_at()) return;
            now = *m.wake_at();
        }
    }

    std::string names() const {
        std::string out;
        for (const auto& p : m.state().instances) out += (out.empty() ? "" : " ") + p->identity;
        return out;
    }

    bool supports_recursive;
    bool watching = false;
    bool recursive_set = false;
    bool connected = false;
    zk::session_id session = 1;
    service_view::time_point now{std::chrono::hours(1)};
    fake_tree tree;
    std::deque<std::pair<zk::event_type, std::string>> events;
    service_view m;
};

void fill(fake_tree& t) {
    t.put("/p", "");
    t.put("/p/s", "");
    t.put("/p/s/master", data("m"));
    t.put("/p/s/normal0000000001", data("a"));
    t.put("/p/s/normal0000000002", data("b"));
}

}    // namespace

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
            v.deliver();
            const auto a = v.m.next(v.now);
            REQUIRE(a);
            auto r = v.perform(a->what);
            if (a->what.path == "/p/s/normal0000000001")
                v.tree.set("/p/s/normal0000000001", data("a" + std::to_string(++changes)));
            v.deliver();
            v.m.on_reply(a->id, std::move(r), v.now, 0);
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
    v.deliver();
    const auto a = v.m.next(v.now);
    REQUIRE(a);
    auto r = v.perform(a->what);
    v.tree.drop("/p/s/normal0000000001");
    v.deliver();
    CHECK(v.names() == "m b");
    v.m.on_reply(a->id, std::move(r), v.now, 0);
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
    const auto a = v.m.next(v.now);
    REQUIRE(a);
    reply r;
    r.ec = zk::server_errc::operation_timeout;
    v.m.on_reply(a->id, r, v.now, 0);
    CHECK(v.names() == "m b");
    v.settle();
    CHECK(v.names() == "m b c");
}

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

TEST_CASE("connected again, the view is stale until the watch told what may be missed and all was read") {
    viewer v;
    fill(v.tree);
    v.connect();
    v.settle();
    v.disconnect();
    v.connected = true;
    v.m.on_session(zk::session_state::connected, v.session, v.now);
    CHECK(v.m.state().stale);
    v.m.on_event(zk::event_type::resync, "/p/s", v.now);
    const auto unchanged = v.m.state().instances;
    while (v.m.state().stale) REQUIRE(v.step());
    CHECK(v.m.state().instances == unchanged);
}

TEST_CASE("a new session sets a new watch and reads everything") {
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

TEST_CASE("errors remove nothing; they are shown and retried") {
    viewer v;
    fill(v.tree);
    v.connect();
    v.settle();
    v.m.refresh();
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
    CHECK(v.m.state().rejected[0].reason == "weight is -1, expected 0 to 65535");
    v.tree.drop("/p/s/master");
    v.settle();
    CHECK(v.m.state().rejected.empty());
}

TEST_CASE("a child that nobody may read is reported, not retried for ever") {
    viewer v;
    fill(v.tree);
    v.connect();
    while (auto a = v.m.next(v.now)) {
        reply r = v.perform(a->what);
        if (a->what.path == "/p/s/master") {
            r = reply();
            r.ec = zk::server_errc::no_auth;
        }
        v.m.on_reply(a->id, std::move(r), v.now, 0);
    }
    CHECK(v.names() == "a b");
    CHECK_FALSE(v.m.state().stale);
    REQUIRE(v.m.state().rejected.size() == 1);
    CHECK(v.m.state().rejected[0].reason.starts_with("data cannot be read"));
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

TEST_CASE("what changes while it is read is read again") {
    viewer v;
    fill(v.tree);
    v.connect();
    v.settle();
    v.tree.set("/p/s/master", data("m2"));
    v.deliver();
    const auto a = v.m.next(v.now);
    REQUIRE(a.has_value());
    auto old = v.perform(a->what);
    v.tree.set("/p/s/master", data("m3"));
    v.deliver();
    v.m.on_reply(a->id, std::move(old), v.now, 0);
    v.settle();
    CHECK(v.names() == "m3 a b");

    v.tree.set("/p/s/master", data("m4"));
    v.deliver();
    const auto b = v.m.next(v.now);
    old = v.perform(b->what);
    v.tree.drop("/p/s/master");
    v.deliver();
    CHECK(v.names() == "a b");
    v.m.on_reply(b->id, std::move(old), v.now, 0);
    CHECK(v.names() == "a b");
    v.settle();
    CHECK(v.names() == "a b");
}

TEST_CASE("no more reads than the window are in flight") {
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
        v.m.on_event(zk::event_type::created, path, v.now);
        v.m.on_event(zk::event_type::deleted, path, v.now);
    }
    v.settle();
    CHECK(v.tree.requests == requests);
    CHECK(v.names() == "m a b");
}

TEST_CASE("whatever happens, in the end the view is the tree") {
    for (std::uint64_t seed = 1; seed <= 3000; ++seed) {
        CAPTURE(seed);
        std::mt19937_64 random(seed);
        const auto draw = [&](int n) { return static_cast<int>(random() % static_cast<std::uint64_t>(n)); };
        viewer v(draw(3) != 0, static_cast<std::size_t>(1 + draw(4)));
        if (draw(2) != 0) fill(v.tree);
        v.connect();
        std::deque<std::pair<service_view::ask, std::optional<reply>>> flying;
        const auto child = [&] {
            if (draw(12) == 0) return std::string("/p/s/odd");
            if (draw(4) == 0) return std::string("/p/s/master");
            return "/p/s/normal000000000" + std::to_string(draw(5));
        };
        const auto fail_all = [&] {
            while (!flying.empty()) {
                reply r;
                r.ec = zk::client_errc::session_expired;
                v.m.on_reply(flying.front().first.id, r, v.now, random());
                flying.pop_front();
            }
        };
        // Replies and events come in the order in which the server made them.
        const auto answer = [&] {
            if (flying.empty()) return;
            auto [a, r] = std::move(flying.front());
            flying.pop_front();
            v.deliver();
            v.m.on_reply(a.id, r ? std::move(*r) : v.perform(a.what), v.now, random());
        };
        for (int i = 0; i < 120; ++i) {
            switch (draw(14)) {
                case 0:
                    if (v.connected && !flying.empty()) break;
                    if (v.connected)
                        v.disconnect();
                    else
                        v.connect();
                    break;
                case 1:
                    if (draw(4) != 0) break;
                    v.expire();
                    fail_all();
                    v.events.clear();
                    v.connect();
                    break;
                case 2:
                    v.tree.put("/p", ""), v.tree.put("/p/s", "");
                    break;
                case 3:
                    v.tree.put(child(), data("x" + std::to_string(draw(100))));
                    break;
                case 4:
                    v.tree.put(child(), draw(6) == 0 ? "bad" : data("y" + std::to_string(draw(100))));
                    break;
                case 5:
                    v.tree.drop(child());
                    break;
                case 6:
                    v.tree.set(child(), draw(6) == 0 ? std::string(70'000, 'x') : data("z" + std::to_string(draw(100))));
                    break;
                case 7:
                    v.tree.drop("/p/s");
                    break;
                case 8:
                    v.now += std::chrono::milliseconds(draw(100));
                    break;
                case 9: {    // an error of the server
                    if (flying.empty()) break;
                    reply r;
                    r.ec = zk::server_errc::operation_timeout;
                    v.m.on_reply(flying.front().first.id, r, v.now, random());
                    flying.pop_front();
                    break;
                }
                case 10:
                    answer();
                    break;
                default: {
                    if (!v.connected) break;
                    auto a = v.m.next(v.now);
                    if (!a) break;
                    // Performed now, answered later: what happens in between reaches the view before the answer.
                    std::optional<reply> r;
                    r = v.perform(a->what);
                    flying.emplace_back(std::move(*a), std::move(r));
                    break;
                }
            }
        }
        if (!v.connected) v.connect();
        while (!flying.empty()) answer();
        v.settle();
        CHECK(v.m.state().known);
        CHECK_FALSE(v.m.state().stale);
        const auto layout = make_micro_service_layout();
        std::size_t good = 0;
        std::size_t bad = 0;
        for (const auto& [path, n] : v.tree.nodes()) {
            if (!path.starts_with("/p/s/")) continue;
            const auto p = layout->parse("/p/s", path.substr(5), n.data, n.stat);
            if (!p) {
                REQUIRE(bad < v.m.state().rejected.size());
                CHECK(v.m.state().rejected[bad].path == path);
                ++bad;
                continue;
            }
            REQUIRE(good < v.m.state().instances.size());
            CHECK(*v.m.state().instances[good] == *p);
            ++good;
        }
        CHECK(good == v.m.state().instances.size());
        CHECK(bad == v.m.state().rejected.size());
    }
}

}    // namespace muster::registry::testing
