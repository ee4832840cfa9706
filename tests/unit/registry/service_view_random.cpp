// Part of muster. Boost Software License 1.0, see LICENSE.
//
// A service view in random runs: changes, lost connections and errors at any moment.
#include "service_view_fixture.hpp"

#include <muster/error.hpp>

#include <doctest/doctest.h>

#include <random>
#include <string>

namespace muster::registry::testing {

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
