// Part of muster. Boost Software License 1.0, see LICENSE.
//
// Picks that pass over instances which were tried.
#include "balance/channel.hpp"
#include "fixtures.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

using namespace muster::balance;
using namespace muster::balance::test;
using muster::error_code;
using muster::lease;
using muster::policy;
using muster::pool;
using muster::tried_set;

namespace {

struct service {
    service(std::size_t n, policy p) : picker(pub.get(p, pool::all)) { publish(pub, nodes_of(normals(n))); }
    lease take(std::string_view key, const tried_set& tried) {
        error_code ec;
        lease l = picker.pick(key, tried, ec);
        CHECK(!ec);
        return l;
    }
    publisher pub{3};
    hot_picker picker;
};

// The instances that a request reaches which is never answered, in their order.
std::vector<std::string> attempts(service& s, std::string_view key, std::size_t n) {
    tried_set tried;
    std::vector<std::string> r;
    for (std::size_t i = 0; i < n; ++i) {
        const lease l = s.take(key, tried);
        CHECK_FALSE(l.last_chance());
        r.push_back(l->identity());
        tried.insert(l);
    }
    CHECK(s.take(key, tried).last_chance() == (n == s.picker.source()->current().first->first()->nodes().size()));
    return r;
}

}    // namespace

TEST_CASE("every attempt reaches another instance, under every policy, and then there is a last chance") {
    for (const policy p : muster::all_policies()) {
        for (const std::size_t n : {1U, 2U, 5U, 8U, 50U, 1000U}) {
            CAPTURE(muster::to_string(p));
            CAPTURE(n);
            service s(n, p);
            for (int k = 0; k < 20; ++k) {
                const auto reached = attempts(s, "/key/" + std::to_string(k), std::min<std::size_t>(n, 8));
                CHECK(std::set<std::string>(reached.begin(), reached.end()).size() == reached.size());
            }
        }
    }
}

TEST_CASE("the first choice after all, when nobody else is left, is lent as its policy lends") {
    published s;
    s.show({normal(numbered(0)), normal(numbered(1)), master(numbered(2))});
    hot_picker picker(s.pub.get(policy::boundedhash, pool::normals_then_master));
    error_code ec;
    tried_set tried;
    std::vector<lease> out;
    for (int i = 0; i < 5; ++i) {
        out.push_back(picker.pick("key", tried, ec));
        REQUIRE(out.back());
        tried.insert(out.back());
    }
    CHECK(out.back().last_chance());
    // The master is alone in its table, where no bound is needed.
    const auto bounded = std::count_if(out.begin(), out.end(), [](const lease& l) { return l.role() == muster::role::normal; });
    CHECK(bounded_load::open(s.shared->bounded) == static_cast<std::uint32_t>(bounded));
    out.clear();
    CHECK(bounded_load::open(s.shared->bounded) == 0);
}

TEST_CASE("two clients whose picks go by a key retry in the same order") {
    for (const policy p : muster::all_policies()) {
        if (!muster::needs_key(p)) continue;
        CAPTURE(muster::to_string(p));
        service a(10, p), b(10, p);
        for (int k = 0; k < 50; ++k) {
            const std::string key = "/key/" + std::to_string(k);
            CHECK(attempts(a, key, 5) == attempts(b, key, 5));
        }
    }
}

TEST_CASE("what one that was tried had goes to all others") {
    for (const policy p : {policy::roundrobin, policy::weightroundrobin, policy::random, policy::p2c, policy::leastconnect}) {
        CAPTURE(muster::to_string(p));
        service s(5, p);
        tried_set tried;
        tried.insert(s.take("", {}));
        std::map<std::string, int> counts;
        for (int i = 0; i < 4000; ++i) ++counts[s.take("", tried)->identity()];
        CHECK(counts.size() == 4);
        for (const auto& c : counts) CHECK(c.second < 1150);
    }
}

TEST_CASE("a set knows eight, the latest, and each once") {
    const auto nodes = nodes_of(normals(10));
    tried_set tried;
    CHECK(tried.empty());
    tried.insert(lease());
    CHECK(tried.empty());
    for (const node_ref& n : nodes) {
        tried.insert(node::lend(*n));
        tried.insert(node::lend(*n));
    }
    CHECK(tried.size() == tried_set::capacity);
    for (std::size_t i = 0; i < 10; ++i) CHECK(tried.contains(nodes[i]->id) == (i >= 2));
    tried.clear();
    CHECK(tried.empty());
    CHECK_FALSE(tried.contains(nodes[9]->id));
}
