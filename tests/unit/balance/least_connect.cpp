// Part of muster. Boost Software License 1.0, see LICENSE.
#include "fixtures.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <utility>
#include <vector>

using namespace muster::balance;
using namespace muster::balance::test;
using muster::lease;
using muster::policy;

namespace {

struct client {
    table_ptr t;
    pick_state s{7};
    lease take() { return node::lend(*choose(*t, s)); }
};

}    // namespace

TEST_CASE("open leases differ by one at most") {
    const auto nodes = nodes_of(normals(10));
    client c{build_table(policy::leastconnect, nodes)};
    std::vector<lease> out;
    for (int i = 0; i < 1000; ++i) {
        out.push_back(c.take());
        const auto [least, most] =
            std::minmax_element(nodes.begin(), nodes.end(), [](auto& a, auto& b) { return a->open() < b->open(); });
        REQUIRE((*most)->open() - (*least)->open() <= 1);
    }
}

TEST_CASE("the one that returned its leases is next") {
    const auto nodes = nodes_of(normals(5));
    client c{build_table(policy::leastconnect, nodes)};
    std::vector<lease> out;
    for (int i = 0; i < 20; ++i) out.push_back(c.take());
    const auto* idle = &*out[3];
    lease first = std::move(out[3]);
    first.success();
    CHECK(&*c.take() == idle);
}

TEST_CASE("weights count") {
    const auto nodes = nodes_of(normals({1, 2, 3, 4}));
    client c{build_table(policy::leastconnect, nodes)};
    std::vector<lease> out;
    for (int i = 0; i < 1000; ++i) out.push_back(c.take());
    for (const node_ref& n : nodes) CHECK(std::abs(static_cast<double>(n->open()) - 100.0 * n->weight) <= 1);
}

TEST_CASE("a caller that has one lease at a time still reaches all, by weight") {
    for (const auto& weights : {std::vector<std::uint32_t>(10, 1), std::vector<std::uint32_t>{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}}) {
        const auto nodes = nodes_of(normals(weights));
        pick_state s(3);
        CHECK(chi_square(count(*build_table(policy::leastconnect, nodes), s, 100'000), nodes) < chi_square_9);
    }
}

TEST_CASE("ties between busy ones do not always go to the same") {
    const auto nodes = nodes_of(normals(10));
    std::vector<lease> out;
    for (const node_ref& n : nodes) out.push_back(node::lend(*n));
    pick_state s(3);
    CHECK(chi_square(count(*build_table(policy::leastconnect, nodes), s, 100'000), nodes) < chi_square_9);
}

TEST_CASE("where one is out, ties between the others go by weight") {
    picked_service s(0, {}, policy::leastconnect);
    s.show(normals({100, 90, 10}));
    s.eject(0);
    std::map<std::string, int> picks;
    for (int i = 0; i < 10'000; ++i) ++picks[s.take()->identity()];
    CHECK(picks.size() == 2);
    CHECK(picks[numbered(1).identity()] == doctest::Approx(9'000).epsilon(0.03));
}

TEST_CASE("ties among very many go to all of them alike") {
    constexpr std::size_t many = 300;
    const auto nodes = nodes_of(normals(many));
    std::vector<lease> out;
    for (const node_ref& n : nodes) out.push_back(node::lend(*n));
    pick_state s(3);
    const double share = 1'000;
    const auto counts = count(*build_table(policy::leastconnect, nodes), s, many * 1'000);
    CHECK(counts.size() == many);
    for (const auto& c : counts) CHECK(std::abs(c.second - share) < 5 * std::sqrt(share));
}

TEST_CASE("who is next to busy ones does not inherit all their picks") {
    const auto nodes = nodes_of(normals(10));
    std::vector<lease> out;
    for (std::size_t i = 0; i < 5; ++i) out.push_back(node::lend(*nodes[i]));
    pick_state s(3);
    const auto counts = count(*build_table(policy::leastconnect, nodes), s, 10'000);
    CHECK(counts.size() == 5);
    for (const auto& c : counts) CHECK(c.second < 1.5 * 10'000 / 5);
}

TEST_CASE("where the least loaded is out, the next one takes its place, and all others have the same") {
    for (const std::size_t many : {6U, 300U}) {
        CAPTURE(many);
        picked_service s(many, {}, policy::leastconnect);
        std::vector<lease> out;
        for (std::size_t i = 0; i < many; ++i) {
            for (int k = 0; k < (i == 0 ? 0 : 5); ++k) out.push_back(s.lend(i));
        }
        s.eject(0);
        std::map<std::string, int> picks;
        for (int i = 0; i < 4'000; ++i) {
            lease l = s.take();
            ++picks[l->identity()];
            l.canceled();
        }
        CHECK(!picks.contains(numbered(0).identity()));
        CHECK(picks.size() == many - 1);
        const double share = 4'000 / static_cast<double>(many - 1);
        for (const auto& p : picks) CHECK(p.second < share + 5 * std::sqrt(share));
    }
}

TEST_CASE("among very many it finds one of the least loaded") {
    const auto nodes = nodes_of(normals(1000));
    client c{build_table(policy::leastconnect, nodes)};
    std::vector<lease> out;
    for (int i = 0; i < 10'000; ++i) out.push_back(c.take());
    for (const node_ref& n : nodes) {
        CHECK(n->open() >= 8);
        CHECK(n->open() <= 11);
    }
}

TEST_CASE("a new version counts the leases of the earlier ones") {
    listed_membership m(remember);
    m.apply(normals({1, 1}), start);
    std::vector<lease> out;
    for (int i = 0; i < 3; ++i) out.push_back(node::lend(*m.nodes()[0]));
    out.push_back(node::lend(*m.nodes()[1]));
    m.apply(normals({2, 2}), start);
    client c{build_table(policy::leastconnect, m.nodes())};
    const lease l = c.take();
    CHECK(l->identity() == m.nodes()[1]->seen.identity);
}

TEST_CASE("who joins busy ones gets no more than twice its share of the next 1000 picks, and then as much as the others") {
    for (const bool held : {true, false}) {
        CAPTURE(held);
        picked_service s(10, {}, policy::leastconnect);
        auto out = s.lend_each(0, 10, 500);
        s.show(11);
        std::map<std::string, int> picks;
        for (int i = 0; i < 1000; ++i) {
            lease l = s.take();
            ++picks[l->identity()];
            if (held) out.push_back(std::move(l));
        }
        CHECK(picks[numbered(10).identity()] >= 45);
        for (const auto& [who, n] : picks) CHECK(n <= 2000 / 11);
        if (!held) continue;
        for (int i = 0; i < 4000; ++i) out.push_back(s.take());
        for (std::size_t i = 0; i < 10; ++i) CHECK(s.of(i).open() <= s.of(10).open() + 2);
    }
}
