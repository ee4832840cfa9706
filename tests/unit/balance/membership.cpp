// Part of muster. Boost Software License 1.0, see LICENSE.
#include "balance/membership.hpp"

#include "fixtures.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

using namespace muster::balance;
using namespace muster::balance::test;
using muster::instance;
using muster::lease;
using kind = difference::kind;

namespace {

struct what {
    kind k;
    std::string identity;
    friend bool operator==(const what&, const what&) = default;
};
using whats = std::vector<what>;

whats summary(const std::vector<difference>& changes) {
    whats r;
    for (const difference& d : changes) r.push_back({d.what, std::string(d.node->seen.identity)});
    return r;
}

instance coded(std::string code, std::uint16_t port, std::uint32_t weight = 1) {
    instance i("10.1.1.1", port, weight);
    i.unique_code = std::move(code);
    return i;
}

}    // namespace

TEST_CASE("the list is sorted by identity, whatever the order of the sightings") {
    listed_membership m(remember);
    m.apply({normal(coded("c", 1)), normal(coded("a", 2)), normal(coded("b", 3))}, start);
    REQUIRE(m.nodes().size() == 3);
    CHECK(m.nodes()[0]->seen.identity == "a");
    CHECK(m.nodes()[1]->seen.identity == "b");
    CHECK(m.nodes()[2]->seen.identity == "c");
}

TEST_CASE("differences") {
    listed_membership m(remember);
    CHECK(summary(m.apply({normal(coded("a", 1), 1), normal(coded("b", 2), 2)}, start)) ==
          whats{{kind::added, "a"}, {kind::added, "b"}});
    CHECK(summary(m.apply({normal(coded("b", 2, 7), 2), normal(coded("c", 3), 3)}, start)) ==
          whats{{kind::removed, "a"}, {kind::updated, "b"}, {kind::added, "c"}});
    CHECK(summary(m.apply({master(coded("b", 2, 7), 4), normal(coded("c", 3), 3)}, start)) == whats{{kind::role, "b"}});
    CHECK(summary(m.apply({normal(coded("b", 2, 8), 5), normal(coded("c", 3), 3)}, start)) ==
          whats{{kind::updated, "b"}, {kind::role, "b"}});
    CHECK(summary(m.apply({normal(coded("b", 2, 8), 5), normal(coded("c", 3), 9)}, start)) == whats{{kind::updated, "c"}});
    CHECK(m.nodes()[1]->seen.czxid == 9);
    CHECK(summary(m.apply({}, start)) == whats{{kind::removed, "b"}, {kind::removed, "c"}});
    CHECK(m.nodes().empty());
}

TEST_CASE("what did not change keeps its node, and nothing at all gives no difference") {
    listed_membership m(remember);
    m.apply({normal(coded("a", 1), 1), normal(coded("b", 2), 2)}, start);
    const node_list before = m.nodes();
    CHECK(m.apply({normal(coded("b", 2), 2), normal(coded("a", 1), 1)}, start).empty());
    CHECK(m.nodes() == before);
    m.apply({normal(coded("a", 1), 1), normal(coded("b", 3), 2)}, start);
    CHECK(m.nodes()[0] == before[0]);
    CHECK(m.nodes()[1] != before[1]);
}

TEST_CASE("who is sighted twice counts once") {
    listed_membership m(remember);
    SUBCASE("a seed server in mid-promotion is master") {
        m.apply({normal(coded("a", 1), 9), master(coded("a", 1), 5)}, start);
        REQUIRE(m.nodes().size() == 1);
        CHECK(m.nodes()[0]->role == muster::role::master);
    }
    SUBCASE("of two normals the younger counts") {
        m.apply({normal(coded("a", 1), 3), normal(coded("a", 2), 8), normal(coded("a", 3), 5)}, start);
        REQUIRE(m.nodes().size() == 1);
        CHECK(m.nodes()[0]->seen.czxid == 8);
        CHECK(m.nodes()[0]->seen.instance->port == 2);
        CHECK(summary(m.apply({normal(coded("a", 1), 3), normal(coded("a", 3), 5)}, start)) == whats{{kind::updated, "a"}});
    }
    SUBCASE("of two that one transaction has created it is the same one, in whatever order they are seen") {
        const sighting one(coded("a", 1), "/micro-service/svc/normal1", 7, muster::role::normal);
        const sighting other(coded("a", 2), "/micro-service/svc/normal2", 7, muster::role::normal);
        for (const auto& [first, second] : {std::pair(one, other), std::pair(other, one)}) {
            membership told(remember);
            told.apply({}, {first}, start);
            told.apply({}, {second}, start);
            REQUIRE(told.nodes().size() == 1);
            CHECK(told.nodes()[0]->seen.path == one.path);
        }
    }
    SUBCASE("and of those that go the others are forgotten, one by one") {
        constexpr int many = 500;
        std::vector<sighting> seen;
        for (int i = 1; i <= many; ++i) seen.push_back(normal(coded("a", 1), i));
        membership told(remember);
        told.apply({}, seen, start);
        for (int i = many; i > 1; --i) {
            CHECK(told.nodes()[0]->seen.czxid == i);
            // Not the youngest alone: one that did not count goes, too.
            std::vector<sighting> gone{seen[static_cast<std::size_t>(i - 1)]};
            if (i > 3) gone.push_back(seen[static_cast<std::size_t>(--i - 1)]);
            told.apply(std::move(gone), {}, start);
        }
        CHECK(told.nodes().size() == 1);
        told.apply({seen[0]}, {}, start);
        CHECK(told.nodes().empty());
    }
    SUBCASE("without a unique code the address is the identity") {
        m.apply({normal(instance("h", 1), 1), normal(instance("h", 2), 2), normal(instance("h", 1), 3)}, start);
        CHECK(m.nodes().size() == 2);
    }
}

TEST_CASE("open leases and counters survive promotion, change of weight, and both at once") {
    listed_membership m(remember);
    m.apply({normal(coded("a", 1), 1)}, start);
    std::vector<lease> out;
    for (int i = 0; i < 3; ++i) out.push_back(node::lend(*m.nodes()[0]));
    out.back().success();

    m.apply({master(coded("a", 1), 2)}, start);
    CHECK(m.nodes()[0]->open() == 2);
    out.push_back(node::lend(*m.nodes()[0]));
    CHECK(m.nodes()[0]->open() == 3);
    CHECK(m.nodes()[0]->own_open() == 1);

    m.apply({normal(coded("a", 1, 10), 3)}, start);
    CHECK(m.nodes()[0]->open() == 3);
    CHECK(m.nodes()[0]->state->successes() == 1);
    CHECK(out[0].role() == muster::role::normal);
    CHECK(out[0]->weight == 1);
    CHECK(out[0].czxid() == 1);
    CHECK(out[3].role() == muster::role::master);
    CHECK(out[3].czxid() == 2);

    out[0].failure({});
    CHECK(m.nodes()[0]->open() == 2);
    CHECK(m.nodes()[0]->state->failures() == 1);
    out.clear();
    CHECK(m.nodes()[0]->open() == 0);
    CHECK(m.nodes()[0]->state->abandoned() == 2);
}

TEST_CASE("and brief absence, but not a long one") {
    listed_membership m(remember);
    m.apply({normal(coded("a", 1), 1)}, start);
    lease l = node::lend(*m.nodes()[0]);
    const std::weak_ptr<const instance> kept = m.nodes()[0]->seen.instance;
    m.apply({}, start);
    CHECK(l->port == 1);

    SUBCASE("back in time") {
        CHECK(summary(m.apply({normal(coded("a", 2), 7)}, start + remember - std::chrono::nanoseconds(1))) ==
              whats{{kind::added, "a"}});
        CHECK(m.nodes()[0]->open() == 1);
        CHECK(m.nodes()[0]->seen.instance->port == 2);
        l.success();
        CHECK(m.nodes()[0]->open() == 0);
        CHECK(m.nodes()[0]->state->successes() == 1);
    }
    SUBCASE("back too late") {
        m.apply({normal(coded("a", 1), 7)}, start + remember);
        CHECK(m.nodes()[0]->open() == 0);
        l.success();
        CHECK(m.nodes()[0]->state->successes() == 0);
    }
    SUBCASE("never") {
        l = lease();    // which kept it, too
        m.forget(start + remember - std::chrono::nanoseconds(1));
        CHECK_FALSE(kept.expired());
        m.forget(start + remember);
        CHECK(kept.expired());
    }
}

TEST_CASE("earlier versions are freed once their leases are back and another change came") {
    listed_membership m(remember);
    std::vector<std::weak_ptr<const instance>> versions;
    std::vector<lease> out;
    for (std::uint32_t w = 1; w <= 5; ++w) {
        m.apply({normal(coded("a", 1, w), 1)}, start);
        versions.push_back(m.nodes()[0]->seen.instance);
        out.push_back(node::lend(*m.nodes()[0]));
    }
    CHECK(m.nodes()[0]->open() == 5);
    out[1].canceled();
    out[2] = lease();    // in the middle of the chain
    CHECK(m.nodes()[0]->open() == 3);

    m.apply({normal(coded("a", 1, 6), 1)}, start);
    m.apply({normal(coded("a", 1, 7), 1)}, start);
    CHECK(m.nodes()[0]->open() == 3);
    CHECK(!versions[0].expired());
    CHECK(!versions[1].expired());    // returned, but the lease still shows the instance
    CHECK(versions[2].expired());
    out.clear();
    CHECK(versions[1].expired());
    m.apply({normal(coded("a", 1, 8), 1)}, start);
    for (const auto& v : versions) CHECK(v.expired());
}

TEST_CASE("differences that are told have the same effect as lists that are compared") {
    std::mt19937 draw(5);
    membership told(remember);
    listed_membership compared(remember);
    std::vector<sighting> seen;
    std::int64_t czxid = 0;
    for (int step = 0; step < 2'000; ++step) {
        std::vector<sighting> gone;
        std::vector<sighting> come;
        for (auto n = draw() % 4; n > 0; --n) {
            // Few identities, so that many are sighted twice.
            const instance i =
                coded(std::string(1, static_cast<char>('a' + draw() % 8)), static_cast<std::uint16_t>(1 + draw() % 2));
            if (!seen.empty() && draw() % 2 == 0) {
                const auto out = seen.begin() + static_cast<std::ptrdiff_t>(draw() % seen.size());
                const bool is_new = std::any_of(come.begin(), come.end(), [&](const auto& s) { return s.czxid == out->czxid; });
                if (is_new) continue;
                gone.push_back(*out);
                const sighting changed(i, std::string(out->path), out->czxid, out->role);
                seen.erase(out);
                if (draw() % 2 == 0) continue;
                come.push_back(changed);    // other data in the same znode
                seen.push_back(changed);
            } else {
                come.push_back(draw() % 8 == 0 ? master(i, ++czxid) : normal(i, ++czxid));
                seen.push_back(come.back());
            }
        }
        const auto now = start + std::chrono::seconds(step);
        CHECK(summary(told.apply(std::move(gone), std::move(come), now)) == summary(compared.apply(seen, now)));
        REQUIRE(told.nodes().size() == compared.nodes().size());
        for (std::size_t i = 0; i < told.nodes().size(); ++i) {
            CHECK(told.nodes()[i]->seen.path == compared.nodes()[i]->seen.path);
            CHECK(*told.nodes()[i]->seen.instance == *compared.nodes()[i]->seen.instance);
        }
    }
}

TEST_CASE("the nodes of those that did not change are not touched by a change of others") {
    listed_membership m(remember);
    m.apply(normals(100), start);
    const node_list before = m.nodes();
    sighting other = before[50]->sighted();
    const sighting changed(numbered(200), std::string(other.path), other.czxid, other.role);
    CHECK(summary(m.apply({other}, {changed}, start)) ==
          whats{{kind::added, numbered(200).identity()}, {kind::removed, std::string(other.identity)}});
    CHECK(m.nodes().size() == 100);
    for (std::size_t i = 0; i < before.size(); ++i) {
        const bool there = std::find(m.nodes().begin(), m.nodes().end(), before[i]) != m.nodes().end();
        CHECK(there == (i != 50));
    }
}
