// Part of muster. Boost Software License 1.0, see LICENSE.
#include "fixtures.hpp"

#include <doctest/doctest.h>

using namespace muster::balance;
using namespace muster::balance::test;
using muster::policy;

TEST_CASE("random is uniform, weightrandom follows the weights") {
    const auto weighted = nodes_of(normals({1, 2, 3, 4, 5, 6, 7, 8, 9, 10}));
    const auto equal = nodes_of(normals(10));
    for (const std::uint64_t seed : {1U, 2U, 3U}) {
        CAPTURE(seed);
        pick_state s(seed);
        CHECK(chi_square(count(*build_table(policy::random, weighted), s, 100'000), equal) < chi_square_9);
        CHECK(chi_square(count(*build_table(policy::weightrandom, weighted), s, 100'000), weighted) < chi_square_9);
        CHECK(chi_square(count(*build_table(policy::weightrandom, equal), s, 100'000), equal) < chi_square_9);
    }
}

TEST_CASE("two seeds draw different instances, one seed the same") {
    const auto t = build_table(policy::random, nodes_of(normals(10)));
    const auto drawn = [&](std::uint64_t seed) {
        pick_state s(seed);
        std::vector<node*> r;
        for (int i = 0; i < 50; ++i) r.push_back(choose(*t, s));
        return r;
    };
    CHECK(drawn(1) == drawn(1));
    CHECK(drawn(1) != drawn(2));
}
