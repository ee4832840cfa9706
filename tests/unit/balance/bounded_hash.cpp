// Part of muster. Boost Software License 1.0, see LICENSE.
#include "fixtures.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <vector>

using namespace muster::balance;
using namespace muster::balance::test;
using muster::lease;
using muster::policy;

namespace {

struct client {
    explicit client(const std::vector<std::uint32_t>& weights)
        : shared(std::make_shared<service_state>(std::make_shared<hand_clock>())),
          members(remember, shared),
          nodes(joined(members, normals(weights))),
          t(build_table(policy::boundedhash, nodes)) {}

    lease take(std::string_view key) {
        node* n = choose(*t, s, key);
        return node::lend(*n, s.loan);
    }
    // No instance may have more than ceil(1.25 * its share) of the leases.
    void check_bound(std::size_t leases) const {
        double total = 0;
        for (const node_ref& n : nodes) total += n->weight;
        for (const node_ref& n : nodes) {
            const double bound = std::ceil(1.25 * static_cast<double>(leases) * n->weight / total);
            REQUIRE(n->open() <= bound);
        }
    }

    service_state_ptr shared;
    listed_membership members;
    node_list nodes;
    table_ptr t;
    pick_state s{7};
};

}    // namespace

TEST_CASE("nobody ever has more than 1.25 times its share, rounded up, whatever the keys") {
    for (const auto& weights :
         {std::vector<std::uint32_t>(10, 1), std::vector<std::uint32_t>(3, 1), std::vector<std::uint32_t>{1, 2, 3, 4}}) {
        for (const bool one_key : {false, true}) {
            client c(weights);
            std::vector<lease> out;
            for (std::size_t i = 1; i <= 2000; ++i) {
                out.push_back(c.take(one_key ? "/hot" : "/key/" + std::to_string(i)));
                c.check_bound(i);
            }
            pick_state order(3);
            while (out.size() > 1000) {
                std::swap(out[order.random_below(static_cast<std::uint32_t>(out.size()))], out.back());
                out.pop_back();
            }
            for (std::size_t i = 1; i <= 200; ++i) {
                const lease l = c.take("/hot");
                REQUIRE(l);
            }
        }
    }
}

TEST_CASE("without load a key stays where maglev puts it") {
    client c(std::vector<std::uint32_t>(10, 1));
    const auto plain = build_table(policy::maglev, c.nodes);
    for (int i = 0; i < 1000; ++i) {
        const std::string key = "/key/" + std::to_string(i);
        CHECK(c.take(key)->identity() == choose(*plain, c.s, key)->seen.identity);
    }
}

TEST_CASE("what counts is given back, in every way") {
    client c(std::vector<std::uint32_t>(4, 1));
    lease a = c.take("a"), b = c.take("b"), d = c.take("d"), e = c.take("e");
    CHECK(bounded_load::open(c.shared->bounded) == 4);
    a.success();
    b.failure(muster::failure_class::failed);
    d.canceled();
    e = lease();
    a = lease();
    CHECK(bounded_load::open(c.shared->bounded) == 0);
    for (const node_ref& n : c.nodes) CHECK(n->state->bounded_leases() == 0);
}

TEST_CASE("leases of other policies do not count") {
    client c(std::vector<std::uint32_t>(2, 1));
    std::vector<lease> others;
    for (int i = 0; i < 100; ++i) others.push_back(node::lend(*c.nodes[0]));
    CHECK(bounded_load::open(c.shared->bounded) == 0);
    std::vector<lease> out;
    for (int i = 0; i < 100; ++i) out.push_back(c.take("/key/" + std::to_string(i)));
    CHECK(c.nodes[0]->state->bounded_leases() > 30);
}

TEST_CASE("leases that came back give no room, also where the count of a part of the service is old") {
    published s;
    auto seen = normals(1000);
    seen.push_back(master(numbered(1000), 1001));
    s.show(std::move(seen));
    hot_picker picker(s.pub.get(policy::boundedhash, muster::pool::normals_then_master));
    muster::error_code ec;
    std::vector<lease> out;
    for (int i = 0; i < 10'100; ++i) out.push_back(picker.pick("/key/" + std::to_string(i), ec));
    out.clear();
    std::map<std::string, int> open;
    for (int i = 1; i <= 40; ++i) {
        out.push_back(picker.pick("/hot", ec));
        REQUIRE(++open[out.back()->identity()] <= std::ceil(1.25 * i / 1000));
    }
}

TEST_CASE("leases of those that went give no room, and count again when they are back") {
    published s;
    s.show(normals(10));
    hot_picker picker(s.pub.get(policy::boundedhash, muster::pool::all));
    muster::error_code ec;
    std::vector<lease> out;
    const auto check_bound = [&s] {
        std::uint32_t open = 0;
        for (const node_ref& n : s.members.nodes()) open += n->open();
        CHECK(bounded_load::open(s.shared->bounded) == open);
        for (const node_ref& n : s.members.nodes())
            REQUIRE(n->open() <= std::max(20.0, std::ceil(1.25 * open / static_cast<double>(s.members.nodes().size()))));
    };
    for (int i = 0; i < 100; ++i) out.push_back(picker.pick("/key/" + std::to_string(i), ec));    // at most 13 each
    s.show(normals(4));
    check_bound();
    std::vector<lease> later;
    for (int i = 0; i < 40; ++i) {
        later.push_back(picker.pick("/hot", ec));
        check_bound();
    }
    later.clear();
    out.erase(out.begin(), out.begin() + 50);    // some of those that went, some of the others
    check_bound();
    s.show(normals(8));
    check_bound();
    out.clear();
    check_bound();
    CHECK(bounded_load::open(s.shared->bounded) == 0);
    s.show(normals(10));
    check_bound();
}

TEST_CASE("leases that others of the service have give no room to a part of it") {
    auto seen = normals(1000);
    for (std::size_t i = 0; i < seen.size(); ++i) {
        auto of = *seen[i].instance;
        of.zone = i % 2 == 0 ? "a" : "b";
        seen[i] = normal(std::move(of), static_cast<std::int64_t>(i + 1));
    }
    published s;
    s.show(std::move(seen));
    const auto picker_in = [&s](const char* zone) {
        return hot_picker(
            s.pub.get(selection{policy::boundedhash, muster::pool::all, {}, muster::filter_chain{muster::filter().zone(zone)}}));
    };
    hot_picker in_a = picker_in("a");
    hot_picker in_b = picker_in("b");
    muster::error_code ec;
    std::vector<lease> of_a, of_b;
    for (int i = 0; i < 5'000; ++i) {
        of_a.push_back(in_a.pick("/key/" + std::to_string(i), ec));
        of_b.push_back(in_b.pick("/key/" + std::to_string(i), ec));
    }
    of_a.clear();
    std::map<std::string, int> open;
    for (int i = 1; i <= 40; ++i) {
        of_a.push_back(in_a.pick("/hot", ec));
        REQUIRE(++open[of_a.back()->identity()] <= std::ceil(1.25 * i / 500));
    }
}
