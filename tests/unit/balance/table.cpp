// Part of muster. Boost Software License 1.0, see LICENSE.
#include "balance/plan.hpp"

#include "fixtures.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace muster::balance;
using namespace muster::balance::test;
using muster::error_code;
using muster::policy;
using muster::pool;
using muster::registry_errc;

namespace {

std::vector<std::string> selected(pool p, const node_list& all) {
    std::vector<std::string> r;
    for (const node_ref& n : select(p, all)) r.emplace_back(n->seen.identity);
    return r;
}

}    // namespace

TEST_CASE("pools") {
    using names = std::vector<std::string>;
    const std::string a = numbered(0).identity(), b = numbered(1).identity(), c = numbered(2).identity();
    const auto all = nodes_of({normal(numbered(0)), master(numbered(1)), normal(numbered(2))});
    CHECK(selected(pool::normals_then_master, all) == names{a, c});
    CHECK(selected(pool::normals, all) == names{a, c});
    CHECK(selected(pool::all, all) == names{a, b, c});
    CHECK(selected(pool::master, all) == names{b});

    const auto alone = nodes_of({master(numbered(1))});
    CHECK(selected(pool::normals_then_master, alone) == names{b});
    CHECK(selected(pool::normals, alone).empty());
}

TEST_CASE("an empty pool says why it is") {
    const auto only_normal = nodes_of({normal(numbered(0))});
    const auto only_master = nodes_of({master(numbered(0))});
    const auto why = [](policy p, pool q, const node_list& all) {
        pick_state s(1);
        error_code ec;
        CHECK(make_plan({p, q}, all)->first()->pick(s, "key", ec) == nullptr);
        return ec;
    };
    for (const policy p : muster::all_policies()) {
        CHECK(why(p, pool::master, only_normal) == registry_errc::no_master);
        CHECK(why(p, pool::normals, only_master) == registry_errc::no_instances);
        CHECK(why(p, pool::all, {}) == registry_errc::no_instances);
        CHECK(why(p, pool::normals_then_master, {}) == registry_errc::no_instances);
    }
}

TEST_CASE("every policy works with one instance and with hostile weights") {
    for (const policy p : muster::all_policies()) {
        CAPTURE(muster::to_string(p));
        pick_state s(1);
        const auto one = nodes_of({normal(numbered(0, 0))});
        CHECK(choose(*build_table(p, one), s, "key") == one.front().get());
        const auto hostile = build_table(p, nodes_of(normals({65535, 1, 0, 4'294'967'295, 1})));
        for (int i = 0; i < 1000; ++i) REQUIRE(choose(*hostile, s, "key" + std::to_string(i)) != nullptr);
    }
}

TEST_CASE("after a change nobody gets more than twice its share of the next 1000 picks") {
    for (const policy p : muster::all_policies()) {
        for (const auto& [from, to] : {std::pair{10U, 11U}, {10U, 9U}, {10U, 20U}, {20U, 10U}, {33U, 5U}}) {
            CAPTURE(muster::to_string(p));
            CAPTURE(from);
            CAPTURE(to);
            pick_state s(42);
            count(*build_table(p, nodes_of(normals(from))), s, 1003);
            const auto counts = count(*build_table(p, nodes_of(normals(to))), s, 1000);
            CHECK(counts.size() == to);
            for (const auto& c : counts) CHECK(c.second <= 2000.0 / to);
        }
    }
}

TEST_CASE("services of different size do not disturb each other") {
    const auto big = build_table(policy::roundrobin, nodes_of(normals(10)));
    const auto small = build_table(policy::roundrobin, nodes_of(normals(3)));
    pick_state of_big(1), of_small(2);
    std::map<std::string, double> b, s;
    for (int i = 0; i < 30; ++i) {
        ++b[std::string(choose(*big, of_big)->seen.identity)];
        ++s[std::string(choose(*small, of_small)->seen.identity)];
    }
    CHECK(b.size() == 10);
    CHECK(s.size() == 3);
    for (const auto& n : b) CHECK(n.second == 3);
    for (const auto& n : s) CHECK(n.second == 10);
}

TEST_CASE("a service that shrinks to one and grows again") {
    pick_state s(5);
    for (const std::size_t n : {10U, 1U, 2U, 100U, 3U}) {
        const auto t = build_table(policy::roundrobin, nodes_of(normals(n)));
        CHECK(count(*t, s, n).size() == n);
    }
}
