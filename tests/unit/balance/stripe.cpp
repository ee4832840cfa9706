// Part of muster. Boost Software License 1.0, see LICENSE.
//
// Counters that are kept apart for several threads: together they say what one would.
#include "balance/stripe.hpp"

#include "balance/service_description.hpp"
#include "fixtures.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <utility>
#include <vector>

using namespace muster::balance;
using namespace muster::balance::test;
using muster::error_code;
using muster::lease;
using muster::policy;
using muster::pool;

namespace {

lease pick_with(hot_picker& p) {
    error_code ec;
    lease l = p.pick("key", ec);
    REQUIRE(l);
    return l;
}

}    // namespace

TEST_CASE("there are stripes for so many threads, a power of two, and none for one") {
    CHECK(stripes_for(0) == 0);
    CHECK(stripes_for(1) == 0);
    CHECK(stripes_for(2) == 2);
    CHECK(stripes_for(3) == 4);
    CHECK(stripes_for(64) == 64);
    CHECK(stripes_for(1'000'000) == 64);
}

TEST_CASE("pickers count in stripes of their own, and take turns") {
    published s({}, 2);
    s.show(normals(1));
    node& n = s.of(0);
    REQUIRE(n.stripes == 2);
    const hot_picker never_picks(s.pub.get(policy::roundrobin, pool::all));
    std::vector<lease> out;
    for (int i = 0; i < 3; ++i) {
        const hot_picker passed_on = never_picks;
        hot_picker p = passed_on;
        for (int k = 0; k <= i; ++k) out.push_back(pick_with(p));    // one, two and three
    }
    CHECK(n.own.open() == 0);
    CHECK(n.others[0].open() == 4);
    CHECK(n.others[1].open() == 2);
    for (lease& l : out) l.success();
    CHECK(n.own_open() == 0);
    CHECK(n.state->lines[0].successes == 4);
    CHECK(n.state->lines[1].successes == 2);
    CHECK(n.state->successes() == 6);
    CHECK(n.state->abandoned() == 0);
    node::lend(n, 0, 0);
    node::lend(n, 0, 1);
    CHECK(n.state->abandoned() == 2);
}

TEST_CASE("who waits for an instance takes no stripe from those who pick") {
    published s({}, 2);
    const channel_ptr c = s.pub.get(policy::roundrobin, pool::all);
    hot_picker a(c), waits(c, 0), b(c);
    for (hot_picker* p : {&a, &waits, &b}) {    // nobody is there yet
        error_code ec;
        CHECK_FALSE(p->pick("", ec));
    }
    s.show(normals(1));
    const lease by_a = pick_with(a), by_b = pick_with(b);
    CHECK(s.of(0).others[0].open() == 1);
    CHECK(s.of(0).others[1].open() == 1);
}

TEST_CASE("policies that ask for load see what all stripes have lent") {
    for (const policy p : {policy::leastconnect, policy::p2c}) {
        for (std::uint32_t elsewhere = 0; elsewhere < 4; ++elsewhere) {
            CAPTURE(muster::to_string(p));
            CAPTURE(elsewhere);
            published s({}, 4);
            s.show(normals(2));
            std::vector<lease> out;
            for (int i = 0; i < 10; ++i) out.push_back(node::lend(s.of(0), 0, elsewhere));
            hot_picker idle(s.pub.get(p, pool::all));
            for (int i = 0; i < 10; ++i) {
                out.push_back(pick_with(idle));
                CHECK(out.back()->ip == s.of(1).seen.instance->ip);
            }
        }
    }
}

TEST_CASE("a new version counts what was lent of the one before, and sums outcomes over both") {
    published s({}, 2);
    s.show(normals(1));
    hot_picker a(s.pub.get(policy::random, pool::all)), b = a;
    lease before_a = pick_with(a), before_b = pick_with(b);
    s.show({normal(numbered(0, 5))});
    lease after = pick_with(b);
    CHECK(after->weight == 5);
    CHECK(before_a->weight == 1);
    CHECK(s.of(0).open() == 3);
    CHECK(s.of(0).own_open() == 1);
    before_a.success();
    before_b.success();
    after.success();
    CHECK(s.of(0).open() == 0);
    CHECK(s.of(0).state->successes() == 3);
}

TEST_CASE("an instance lives exactly as long as somebody owns it or has a lease of it, in whichever order these go") {
    pick_state random(20261129);
    for (int turn = 0; turn < 500; ++turn) {
        CAPTURE(turn);
        const std::size_t threads = std::size_t{1} << random.random_below(4);
        auto shared = std::make_shared<service_state>(std::make_shared<hand_clock>(), muster::health_params(), threads);
        const std::weak_ptr<service_state> alive = shared;    // each state of an instance keeps it
        auto members = std::make_unique<listed_membership>(remember, std::exchange(shared, nullptr));
        members->apply(normals(1), start);
        std::vector<std::pair<lease, std::uint32_t>> out;    // with the weight of the version it was taken of
        const auto take = [&](std::uint32_t leases) {
            node& n = *members->nodes().front();
            for (std::uint32_t i = 0; i != leases; ++i) out.emplace_back(node::lend(n, 0, random.random_below(16)), n.weight);
        };
        take(random.random_below(5));
        const std::uint32_t changes = random.random_below(4);
        for (std::uint32_t i = 0; i != changes; ++i) {
            members->apply({normal(numbered(0, 2 + i))}, start);
            take(random.random_below(5));
        }
        const std::size_t gone_after = random.random_below(static_cast<std::uint32_t>(out.size() + 1));
        for (std::size_t i = 0;; ++i) {
            if (i == gone_after) members.reset();
            CHECK(alive.expired() == (!members && out.empty()));
            if (out.empty()) break;
            const std::size_t which = random.random_below(static_cast<std::uint32_t>(out.size()));
            CHECK(out[which].first->weight == out[which].second);
            if (random.random_below(2) == 1) out[which].first.success();
            std::swap(out[which], out.back());
            out.pop_back();
        }
    }
}
