// Part of muster. Boost Software License 1.0, see LICENSE.
#include "fixtures.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

using namespace muster::balance;
using namespace muster::balance::test;
using muster::policy;

namespace {

std::vector<std::string> owners(std::vector<sighting> seen) {
    const auto t = build_table(policy::rendezvous, nodes_of(std::move(seen)));
    pick_state s(1);
    std::vector<std::string> r;
    for (int i = 0; i < 100'000; ++i) r.emplace_back(choose(*t, s, "/key/" + std::to_string(i))->seen.identity);
    return r;
}

}    // namespace

TEST_CASE("no key moves that need not, with and without weights") {
    for (const auto& weights : {std::vector<std::uint32_t>(10, 1), std::vector<std::uint32_t>{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}}) {
        auto seen = normals(weights);
        const auto before = owners(seen);
        const std::string gone(seen[4].identity);
        seen.erase(seen.begin() + 4);
        const auto after = owners(seen);
        CHECK(std::count(before.begin(), before.end(), gone) > 0);
        for (std::size_t i = 0; i < before.size(); ++i) {
            if (before[i] != gone) REQUIRE(after[i] == before[i]);
        }
    }
}

TEST_CASE("a weight that grows only draws keys to itself") {
    const auto before = owners(normals({1, 2, 3, 4}));
    const auto after = owners(normals({1, 2, 6, 4}));
    const std::string grown = numbered(2).identity();
    for (std::size_t i = 0; i < before.size(); ++i) {
        if (after[i] != before[i]) REQUIRE(after[i] == grown);
    }
}

TEST_CASE("equal weights choose as weight 1 does, whatever they are") {
    CHECK(owners(normals(7)) == owners(normals(std::vector<std::uint32_t>(7, 9))));
}

TEST_CASE("a million keys on ten are spread within 2 %") {
    const auto nodes = nodes_of(normals(10));
    pick_state s(1);
    double most = 0;
    for (const auto& c : count(*build_table(policy::rendezvous, nodes), s, 1'000'000)) most = std::max(most, c.second);
    CHECK(most / 100'000 <= 1.02);
}

TEST_CASE("keys are spread by weight") {
    const auto nodes = nodes_of(normals({1, 2, 3, 4, 5, 6, 7, 8, 9, 10}));
    pick_state s(1);
    CHECK(chi_square(count(*build_table(policy::rendezvous, nodes), s, 100'000), nodes) < chi_square_9);
}
