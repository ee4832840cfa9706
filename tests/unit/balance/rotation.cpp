// Part of muster. Boost Software License 1.0, see LICENSE.
#include "fixtures.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <string>
#include <vector>

using namespace muster::balance;
using namespace muster::balance::test;
using muster::policy;

TEST_CASE("R48: round robin takes each in turn") {
    const auto t = build_table(policy::roundrobin, nodes_of(normals({9, 1, 1, 1, 1})));
    pick_state s(11);
    std::vector<node*> first, second;
    for (int i = 0; i < 5; ++i) first.push_back(choose(*t, s));
    for (int i = 0; i < 5; ++i) second.push_back(choose(*t, s));
    CHECK(std::set<node*>(first.begin(), first.end()).size() == 5);
    CHECK(first == second);
}

TEST_CASE("weighted round robin is smooth from wherever it starts") {
    const std::vector<std::uint32_t> weights{1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
    const auto nodes = nodes_of(normals(weights));
    const auto t = build_table(policy::weightroundrobin, nodes);
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        CAPTURE(seed);
        pick_state s(seed);
        std::map<node*, double> had;
        double worst = 0;
        for (int picks = 1; picks <= 1000; ++picks) {
            ++had[choose(*t, s)];
            for (const node_ref& n : nodes) worst = std::max(worst, std::abs(had[n.get()] - picks * (n->weight / 55.0)));
        }
        CHECK(worst < 2.0);
    }
}

TEST_CASE("clients start at different places") {
    for (const policy p : {policy::roundrobin, policy::weightroundrobin}) {
        const auto nodes = nodes_of(normals({1, 2, 3, 4, 5, 6, 7, 8, 9, 10}));
        const auto t = build_table(p, nodes);
        std::map<std::string, double> firsts;
        for (std::uint64_t seed = 0; seed < 10'000; ++seed) {
            pick_state s(seed);
            ++firsts[std::string(choose(*t, s)->seen.identity)];
        }
        const auto due = p == policy::roundrobin ? nodes_of(normals(10)) : nodes;
        CHECK(chi_square(firsts, due) < chi_square_9);
    }
}

TEST_CASE("right after a change clients are still spread, those that had stood evenly too") {
    const auto before = build_table(policy::roundrobin, nodes_of(normals(10)));
    const auto after = build_table(policy::roundrobin, nodes_of(normals(20)));
    std::map<std::string, double> firsts;
    for (std::uint64_t seed = 0; seed < 1000; ++seed) {
        pick_state s(seed);
        choose(*before, s);
        ++firsts[std::string(choose(*after, s)->seen.identity)];
    }
    CHECK(firsts.size() == 20);
    for (const auto& f : firsts) CHECK(f.second < 50 * 1.6);    // 50 each, standard deviation 7
}

TEST_CASE("a change continues the round instead of beginning again") {
    const auto ten = nodes_of(normals(10));
    const auto before = build_table(policy::roundrobin, ten);
    const auto after = build_table(policy::roundrobin, nodes_of(normals(11)));
    for (std::uint64_t seed = 0; seed < 100; ++seed) {
        CAPTURE(seed);
        pick_state s(seed);
        const auto position = [](const table& t, const node* n) {
            return std::find_if(t.nodes().begin(), t.nodes().end(), [&](const node_ref& r) { return r.get() == n; }) -
                   t.nodes().begin();
        };
        const auto was = position(*before, choose(*before, s));
        const auto is = position(*after, choose(*after, s));
        const auto step = (is - was + 11) % 11;
        CHECK(step >= 1);
        CHECK(step <= 3);    // 3: past the new one, at the end of the round
    }
}

TEST_CASE("hostile weights") {
    const auto nodes = nodes_of(normals({65535, 1, 65534, 0, 4'000'000'000}));
    const auto t = build_table(policy::weightroundrobin, nodes);
    pick_state s(1);
    const auto counts = count(*t, s, 100'000);
    CHECK(counts.size() == 5);
    CHECK(counts.at(numbered(4).identity()) == doctest::Approx(100'000 / 3.0).epsilon(0.01));
}
