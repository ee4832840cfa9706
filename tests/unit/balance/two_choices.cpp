// Part of muster. Boost Software License 1.0, see LICENSE.
#include "fixtures.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

using namespace muster::balance;
using namespace muster::balance::test;
using muster::lease;
using muster::policy;
using std::chrono::milliseconds;

namespace {

struct client {
    explicit client(policy p, const std::vector<std::uint32_t>& weights, std::uint64_t seed = 7)
        : shared(std::make_shared<service_state>(clock)),
          members(remember, shared),
          nodes(joined(members, normals(weights))),
          t(build_table(p, nodes)),
          s(seed) {}

    lease take() {
        node* n = choose(*t, s);
        return node::lend(*n, s.loan);
    }
    // One call to each, which takes so long.
    void warm_up(milliseconds took) {
        for (const node_ref& n : nodes) {
            lease l = node::lend(*n, loan::taken_at(clock->ticks()));
            clock->at += took;
            l.success();
        }
    }
    std::size_t picks_of(std::size_t i, std::size_t picks) {
        std::size_t n = 0;
        for (std::size_t k = 0; k < picks; ++k) n += choose(*t, s) == nodes[i].get();
        return n;
    }

    std::shared_ptr<hand_clock> clock = std::make_shared<hand_clock>();
    service_state_ptr shared;
    listed_membership members;
    node_list nodes;
    table_ptr t;
    pick_state s;
};

}    // namespace

TEST_CASE("p2c: 100 000 leases on 100, and the fullest has at most 4 more than the mean") {
    for (const std::uint64_t seed : {1U, 2U, 3U}) {
        CAPTURE(seed);
        client c(policy::p2c, std::vector<std::uint32_t>(100, 1), seed);
        std::vector<lease> out;
        for (int i = 0; i < 100'000; ++i) out.push_back(c.take());
        for (const node_ref& n : c.nodes) CHECK(n->open() <= 1004);
    }
}

TEST_CASE("p2c: open leases follow the weights") {
    client c(policy::p2c, {1, 2, 3, 4});
    std::vector<lease> out;
    for (int i = 0; i < 10'000; ++i) out.push_back(c.take());
    for (const node_ref& n : c.nodes) CHECK(n->open() == doctest::Approx(1000.0 * n->weight).epsilon(0.02));
}

TEST_CASE("callers with one lease at a time reach all, by weight") {
    for (const policy p : {policy::p2c, policy::peakewma}) {
        for (const auto& weights :
             {std::vector<std::uint32_t>(10, 1), std::vector<std::uint32_t>{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}}) {
            CAPTURE(muster::to_string(p));
            client c(p, weights);
            if (p == policy::peakewma) c.warm_up(milliseconds(0));
            CHECK(chi_square(count(*c.t, c.s, 100'000), c.nodes) < chi_square_9);
        }
    }
}

TEST_CASE("the pair is never twice the same, and each pair as likely as any other") {
    client c(policy::p2c, std::vector<std::uint32_t>(2, 1));
    const lease busy = node::lend(*c.nodes[0]);
    CHECK(c.picks_of(0, 1000) == 0);
}

TEST_CASE("peakewma asks one that it does not know at once, but one caller only") {
    client c(policy::peakewma, std::vector<std::uint32_t>(5, 1));
    c.warm_up(milliseconds(1));
    auto seen = normals(5);
    seen.push_back(normal(numbered(9), 9));
    c.nodes = joined(c.members, seen);
    for (std::size_t i = 0; i < 5; ++i) {
        c.nodes[i]->state->latency = 1e6F;
        c.nodes[i]->state->latency_at = c.clock->ticks();
    }
    c.t = build_table(policy::peakewma, c.nodes);
    CHECK(c.picks_of(5, 300) == doctest::Approx(100).epsilon(0.3));    // whenever it is drawn: one time in three
    const lease asked = node::lend(*c.nodes[5]);
    CHECK(c.picks_of(5, 300) == 0);
}

TEST_CASE("peakewma sheds all that it can after one slow response, and forgets it with time") {
    client c(policy::peakewma, std::vector<std::uint32_t>(5, 1));
    c.warm_up(milliseconds(1));
    CHECK(c.picks_of(0, 1000) > 100);
    lease slow = node::lend(*c.nodes[0], loan::taken_at(c.clock->ticks()));
    c.clock->at += milliseconds(10);
    slow.success();
    CHECK(c.picks_of(0, 1000) <= 20);
    c.clock->at += std::chrono::seconds(30);
    for (std::size_t i = 1; i < 5; ++i) {
        lease l = node::lend(*c.nodes[i], loan::taken_at(c.clock->ticks()));
        c.clock->at += milliseconds(1);
        l.success();
    }
    CHECK(c.picks_of(0, 1000) > 100);
}

TEST_CASE("a fast failure makes nobody look fast") {
    client c(policy::peakewma, std::vector<std::uint32_t>(2, 1));
    c.warm_up(milliseconds(10));
    const float before = c.nodes[0]->state->latency;
    lease l = node::lend(*c.nodes[0], loan::taken_at(c.clock->ticks()));
    c.clock->at += milliseconds(1);
    l.failure(muster::failure_class::failed);
    CHECK(c.nodes[0]->state->latency == before);
    CHECK(c.picks_of(0, 1000) < 100);
}

TEST_CASE("an instance that reports its load is spared in that proportion") {
    for (const policy p : {policy::p2c, policy::peakewma}) {
        for (const double load : {0.1, 0.2, 0.3, 0.5, 0.75}) {
            CAPTURE(muster::to_string(p));
            CAPTURE(load);
            client c(p, std::vector<std::uint32_t>(2, 1));
            c.warm_up(milliseconds(1));
            for (const node_ref& n : c.nodes) n->state->latency = 1e6F;
            node::lend(*c.nodes[0]).success(load);
            const double due = (1 - load) / (2 - load);
            std::vector<lease> out;
            for (int i = 0; i < 1000; ++i) out.push_back(c.take());
            CHECK(static_cast<double>(c.nodes[0]->open()) == doctest::Approx(1000 * due).epsilon(0.1));
            out.clear();
            // One call at a time: no more than that, and enough to learn of another load. (peakewma compares nothing but costs.)
            if (p == policy::p2c) {
                const auto picks = static_cast<double>(c.picks_of(0, 10'000));
                CHECK(picks < 10'000 * due * 1.05);
                CHECK(picks > 10'000 / 64.0);
            }
            node::lend(*c.nodes[0]).success(0);
            for (int i = 0; i < 1000; ++i) out.push_back(c.take());
            CHECK(static_cast<double>(c.nodes[0]->open()) == doctest::Approx(500).epsilon(0.1));
        }
    }
}

TEST_CASE("p2c does not take the noise of the clock for slowness") {
    client c(policy::p2c, std::vector<std::uint32_t>(2, 1));
    for (const node_ref& n : c.nodes) {
        lease l = node::lend(*n, loan::taken_at(c.clock->ticks()));
        c.clock->at += std::chrono::microseconds(n == c.nodes[0] ? 40 : 1);
        l.success();
    }
    CHECK(c.picks_of(0, 1000) == doctest::Approx(500).epsilon(0.15));
}

TEST_CASE("loads that make no sense") {
    client c(policy::p2c, std::vector<std::uint32_t>(2, 1));
    for (const double load : {-1.0, std::nan(""), 1e300, 1.0}) {
        node::lend(*c.nodes[0]).success(load);
        CHECK(c.nodes[0]->state->handicap >= 1);
        CHECK(c.nodes[0]->state->handicap <= 8);
    }
}
