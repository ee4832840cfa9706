// Part of muster. Boost Software License 1.0, see LICENSE.
//
// How instances come back: after a panic, on trial, all at once.
#include "balance/channel.hpp"
#include "balance/health.hpp"
#include "balance/service_description.hpp"
#include "fixtures.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <string>
#include <vector>

using namespace muster::balance;
using namespace muster::balance::test;
using muster::condition;
using muster::failure_class;
using muster::health_params;
using muster::lease;
using muster::policy;
using muster::pool;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

struct service : picked_service {
    using picked_service::picked_service;

    // Calls for so long, ten each second, of which those of `failing` fail.
    std::size_t call(seconds how_long, const std::string& failing = {}) {
        std::size_t failures = 0;
        for (const auto end = clock->at + how_long; clock->at < end; clock->at += milliseconds(100)) {
            lease l = take();
            if (!l || l->identity() != failing) {
                l.success();
                continue;
            }
            l.failure(failure_class::failed);
            ++failures;
        }
        return failures;
    }
};

std::string identity(std::size_t i) { return numbered(i).identity(); }

}    // namespace

TEST_CASE("a panic ends when those that were ejected are well again, and who is not is ejected anew") {
    service s(4);
    s.eject(0);
    s.eject(1);
    s.show(3);    // 2 of 3 are out
    REQUIRE(s.shared->health.in_panic(s.clock->ticks()));
    s.call(seconds(60));
    for (std::size_t i = 0; i < 3; ++i) CHECK(s.is(i, standing::fine));
    CHECK(s.call(seconds(600), identity(0)) < 100);    // of 6000 calls, 2000 of which would be its own
}

TEST_CASE("a key that is alone finds out that its instance is well again") {
    for (int k = 0; k < 50; ++k) {
        const std::string key = "session-" + std::to_string(k);
        service s(2, {}, policy::urlhash);
        const std::string owner = s.take(key)->identity();
        const std::size_t i = owner == identity(0) ? 0 : 1;
        s.eject(i);
        CHECK(s.take(key)->identity() != owner);
        s.clock->at += seconds(10);
        for (int calls = 0; calls < 500; ++calls) s.take(key).success();
        CHECK(s.is(i, standing::fine));
        CHECK(s.take(key)->identity() == owner);
    }
}

TEST_CASE("what is overloaded in between does not join two failures to a row") {
    service s(3);
    for (int k = 0; k < 100; ++k) {
        s.lend(0).success();
        s.fail(0, 1, failure_class::overloaded);
        s.fail(0, 1, failure_class::failed);
    }
    CHECK(s.is(0, standing::fine));
    s.fail(0, 2, failure_class::unreachable);
    s.lend(0).success();
    s.fail(0, 1, failure_class::overloaded);
    s.fail(0, 1, failure_class::unreachable);
    CHECK(s.is(0, standing::fine));
    s.fail(0, 2, failure_class::unreachable);
    CHECK(s.is(0, standing::ejected));
}

TEST_CASE("a call from before the ejection says nothing on trial") {
    service s(3);
    std::vector<lease> hung;
    for (int i = 0; i < 6; ++i) hung.push_back(s.lend(0));
    s.eject(0);
    s.clock->at += seconds(10);
    while (!s.is(0, standing::trial)) s.take().canceled();
    for (int i = 0; i < 3; ++i) hung[static_cast<std::size_t>(i)].failure(failure_class::unreachable);
    CHECK(s.is(0, standing::trial));
    for (int i = 3; i < 6; ++i) hung[static_cast<std::size_t>(i)].success();
    CHECK(s.is(0, standing::trial));
    for (int i = 0; i < 3; ++i) s.lend(0).success();
    CHECK(s.is(0, standing::fine));
}

TEST_CASE("a call of an earlier trial says nothing on the next one") {
    service s(3);
    s.eject(0);
    s.clock->at += seconds(10);
    while (!s.is(0, standing::trial)) s.take().canceled();
    std::vector<lease> hung;
    for (int i = 0; i < 6; ++i) hung.push_back(s.lend(0));
    s.fail(0, 1);
    REQUIRE(s.is(0, standing::ejected));
    s.clock->at += seconds(20);
    while (!s.is(0, standing::trial)) s.take().canceled();
    for (int i = 0; i < 3; ++i) hung[static_cast<std::size_t>(i)].success();
    CHECK(s.is(0, standing::trial));
    for (int i = 3; i < 6; ++i) hung[static_cast<std::size_t>(i)].failure(failure_class::unreachable);
    CHECK(s.is(0, standing::trial));
    s.fail(0, 1);
    CHECK(s.is(0, standing::ejected));
}

TEST_CASE("one that nobody asks for any more does not keep others from being ejected") {
    service s(0, {}, policy::roundrobin, pool::normals);
    auto seen = normals(2);
    seen.push_back(master(numbered(9), 9));
    s.show(std::move(seen));
    s.eject(9);
    s.fail(0, 5);
    CHECK(s.is(0, standing::fine));    // one of three may be out
    s.clock->at += seconds(20);        // and who asks for the master?
    s.fail(0, 5);
    CHECK(s.is(0, standing::ejected));
    CHECK(s.call(seconds(5), identity(0)) == 0);

    service pair(2);
    pair.eject(0);
    pair.clock->at += seconds(10);
    while (!pair.is(0, standing::trial)) pair.take().canceled();
    pair.lend(0).success();
    pair.clock->at += seconds(10);    // the trial is not over, and nobody goes on with it
    pair.eject(1);
    pair.fail(0, 1);    // not both of them
    CHECK(pair.is(0, standing::trial));
}

TEST_CASE("0 turns trials off") {
    health_params h;
    h.trial_percentage = 0;
    service s(2, h);
    s.eject(0);
    s.clock->at += seconds(10);
    CHECK(s.shared->health.condition_of(*s.of(0).state, s.clock->ticks()) == condition::healthy);
    s.take().success();
    s.take().success();
    CHECK(s.is(0, standing::fine));
}

TEST_CASE("where all start slowly, each has its share, under every policy") {
    health_params h;
    h.slow_start = seconds(30);
    const std::vector<double> weights{4, 1, 1, 1, 1};
    for (const policy p : muster::all_policies()) {
        CAPTURE(muster::to_string(p));
        const auto shares = [&](milliseconds at) {
            service s(1, h, p);
            std::vector<sighting> seen;
            for (std::size_t i = 0; i < weights.size(); ++i)
                seen.push_back(
                    normal(numbered(10 + i, static_cast<std::uint32_t>(weights[i])), static_cast<std::int64_t>(10 + i)));
            s.show(std::move(seen));
            for (std::size_t i = 10; i < 15; ++i) CHECK(s.is(i, standing::starting));
            s.clock->at += at;
            std::map<std::string, double> counts;
            for (int k = 0; k < 8000; ++k) {
                lease l = s.take("/key/" + std::to_string(k));
                ++counts[l->identity()];
                l.canceled();
            }
            return counts;
        };
        auto usual = shares(h.slow_start);
        for (const auto& [who, picks] : shares(seconds(1))) {
            CAPTURE(who);
            CHECK(picks == doctest::Approx(usual[who]).epsilon(0.15));
        }
    }
}

TEST_CASE("recovery is over when it is over, and does not concern who was never there") {
    health_params h;
    h.recovery_instances = 3;
    service s(3, h);
    s.show(std::vector<sighting>());
    s.show(1);
    const auto now = [&] { return s.shared->health.condition_of(*s.of(0).state, s.clock->ticks()); };
    CHECK(now() == condition::recovering);
    s.clock->at += hours(1);
    CHECK(now() == condition::healthy);

    service fresh(0, h);
    fresh.show(1);
    for (int k = 0; k < 100; ++k) CHECK(fresh.take());
}

TEST_CASE("who stands behind many that are out has no more than the others") {
    for (const policy p : {policy::roundrobin, policy::weightroundrobin}) {
        CAPTURE(muster::to_string(p));
        health_params h;
        h.percentage_instances = 1000;
        service s(0, h, p);
        std::vector<std::uint32_t> weights(200, 1);
        if (p == policy::weightroundrobin) weights[199] = 2;
        s.show(normals(weights));
        std::map<std::string, int> counts;
        std::size_t out = 0;
        for (const node_ref& n : s.members.nodes()) {    // the first 80 in the order of the rotation
            if (out++ == 80) break;
            for (int k = 0; k < 5; ++k) node::lend(*n).failure(failure_class::failed);
            REQUIRE(n->state->standing == standing::ejected);
            counts[std::string(n->seen.identity)] = 0;
        }
        for (int k = 0; k < 60'000; ++k) {
            lease l = s.take();
            ++counts[l->identity()];
            l.canceled();
        }
        int most = 0;
        for (const auto& [who, picks] : counts)
            if (who != identity(199)) most = std::max(most, picks);
        CHECK(most < 700);    // of 500
        for (const node_ref& n : s.members.nodes())
            if (n->state->standing == standing::ejected) CHECK(counts[std::string(n->seen.identity)] == 0);
    }
}

TEST_CASE("nobody inherits all keys of a heavy instance that is out") {
    for (const policy p : {policy::urlhash, policy::ringhash, policy::rendezvous, policy::boundedhash}) {
        CAPTURE(muster::to_string(p));
        service s(0, {}, p);
        s.show(normals(std::vector<std::uint32_t>{1, 1, 1, 1, 1000}));
        s.eject(4);
        std::map<std::string, int> counts;
        for (int k = 0; k < 8000; ++k) {
            lease l = s.take("/key/" + std::to_string(k));
            ++counts[l->identity()];
            l.canceled();
        }
        CHECK(counts.size() == 4);
        for (const auto& [who, picks] : counts) CHECK(picks == doctest::Approx(2000).epsilon(0.3));
    }
}
