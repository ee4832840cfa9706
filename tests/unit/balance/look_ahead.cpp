// Part of muster. Boost Software License 1.0, see LICENSE.
#include "balance/look_ahead.hpp"

#include "fixtures.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <vector>

using namespace muster::balance;
using namespace muster::balance::test;
using muster::policy;

// More turns than a cycle has: at its end the turns to come are those of its beginning.
TEST_CASE("who is picked from very many is the same with and without a shortcut") {
    std::vector<std::uint32_t> weights(look_ahead::from);
    for (std::size_t i = 0; i < weights.size(); ++i) weights[i] = static_cast<std::uint32_t>(1 + i % 7);
    const auto nodes = nodes_of(normals(weights));
    for (const policy p : {policy::random, policy::weightroundrobin}) {
        CAPTURE(to_string(p));
        const auto t = build_table(p, nodes);
        const shortcut s = t->in_short();
        REQUIRE(s.ahead);
        pick_state one(17), other(17);
        for (int i = 0; i < 10'000; ++i) {
            CAPTURE(i);
            REQUIRE(s.pick(one) == choose(*t, other));
        }
    }
}

TEST_CASE("what later picks draw is known in advance") {
    for (const std::uint32_t draws : {1U, 2U}) {
        pick_state s(23);
        const pick_state before = s;
        for (std::uint32_t i = 0; i < (look_ahead::distance - 1) * draws; ++i) s.random();
        pick_state then = before.later(draws);
        CHECK(then.random() == s.random());
    }
}

TEST_CASE("picks from few do not look ahead") {
    for (const policy p : {policy::random, policy::weightroundrobin}) {
        CAPTURE(to_string(p));
        std::vector<std::uint32_t> weights(look_ahead::from - 1, 1);
        weights.front() = 2;
        CHECK_FALSE(build_table(p, nodes_of(normals(weights)))->in_short().ahead);
    }
}
