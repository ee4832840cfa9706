// Part of muster. Boost Software License 1.0, see LICENSE.
#include "balance/health.hpp"

#include "balance/channel.hpp"
#include "fixtures.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

using namespace muster::balance;
using namespace muster::balance::test;
using muster::error_code;
using muster::failure_class;
using muster::health_params;
using muster::lease;
using muster::policy;
using muster::pool;
using muster::registry_errc;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

struct service : picked_service {
    using picked_service::picked_service;

    void succeed(std::size_t i, int times) {
        for (int k = 0; k < times; ++k) lend(i).success();
    }
    // Of so many picks, those of instance i.
    int picks_of(std::size_t i, int picks) {
        int n = 0;
        for (int k = 0; k < picks; ++k) {
            lease l = take("key" + std::to_string(k));
            n += l && l->identity() == numbered(i).identity();
            l.canceled();
        }
        return n;
    }
};

health_params without_percentage() {
    health_params h;
    h.failure_percentage = 0;
    return h;
}

}    // namespace

TEST_CASE("failures in a row eject, a success in between does not let them") {
    service s(3);
    s.fail(0, 4);
    s.succeed(0, 1);
    s.fail(0, 4);
    CHECK(s.is(0, standing::fine));
    s.fail(0, 1);
    CHECK(s.is(0, standing::ejected));
    CHECK(s.picks_of(0, 300) == 0);
}

TEST_CASE("leases that outlive their service tell of failures, although who was ejected there is gone") {
    for (const bool both_ejected : {false, true}) {
        CAPTURE(both_ejected);
        auto s = std::make_unique<service>(5, without_percentage());
        s->fail(0, 3, failure_class::unreachable);
        REQUIRE(s->is(0, standing::ejected));
        if (both_ejected) s->fail(1, 3, failure_class::unreachable);
        const auto clock = s->clock;
        const auto shared = s->shared;
        std::vector<lease> held;
        for (std::size_t i = 0; i != 6; ++i) held.push_back(s->lend(2 + i / 3));
        s.reset();
        clock->at += std::chrono::minutes(10);    // nobody has asked for them in all that time
        for (lease& l : held) l.failure(failure_class::unreachable);
        CHECK(shared->health.present() == 0);
        for (const lease& l : held) CHECK(l->port != 0);
    }
}

TEST_CASE("each class counts as it says") {
    service s(5);
    s.fail(0, 3, failure_class::unreachable);
    CHECK(s.is(0, standing::ejected));
    s.fail(1, 100, failure_class::overloaded);
    CHECK(s.is(1, standing::fine));
    s.fail(2, 100, failure_class::cancelled);
    CHECK(s.is(2, standing::fine));
    s.fail(3, 2, failure_class::unreachable);
    s.fail(3, 1, failure_class::failed);
    s.fail(3, 1, failure_class::unreachable);
    CHECK(s.is(3, standing::fine));
    s.fail(3, 1, failure_class::failed);
    CHECK(s.is(3, standing::ejected));
}

TEST_CASE("what an ejected instance had is spread over all others, under every policy") {
    for (const policy p : muster::all_policies()) {
        CAPTURE(muster::to_string(p));
        service s(5, {}, p);
        s.fail(2, 5);
        std::map<std::string, int> counts;
        for (int i = 0; i < 4000; ++i) {
            lease l = s.take("/key/" + std::to_string(i));
            REQUIRE(l);
            ++counts[l->identity()];
            l.canceled();
        }
        CHECK(counts.size() == 4);
        for (const auto& c : counts) CHECK(c.second < 1300);    // 1000 each; the ring's shares differ most
    }
}

TEST_CASE("the time out grows, is capped, and shrinks again") {
    service s(3, without_percentage());
    const auto out_for = [&](seconds expected) {
        s.clock->at += expected - milliseconds(1);
        CHECK(s.picks_of(0, 100) == 0);
        CHECK(s.is(0, standing::ejected));
        s.clock->at += milliseconds(1);
        s.picks_of(0, 100);
        CHECK(s.is(0, standing::trial));
    };
    s.fail(0, 5);
    for (int k = 1; k <= 35; ++k) {
        out_for(seconds(std::min(10 * k, 300)));
        s.fail(0, 1);    // one is enough on trial
    }
    out_for(seconds(300));
    s.succeed(0, 3);
    CHECK(s.is(0, standing::fine));
    s.clock->at += seconds(340);    // 34 clean intervals
    s.fail(0, 5);
    out_for(seconds(30));    // it was out 36 times
}

TEST_CASE("the trial begins soon, and gives the picks that it is to give, under every policy") {
    for (const policy p : muster::all_policies()) {
        CAPTURE(muster::to_string(p));
        service s(5, without_percentage(), p);
        std::vector<lease> late;
        // Where one has leases and others are idle, leastconnect has no reason to choose it.
        for (int k = 0; k < 5 && p != policy::leastconnect; ++k) late.push_back(s.lend(2));
        s.fail(2, 5);
        s.clock->at += seconds(10);
        for (int k = 0; k < 2'000 && !s.is(2, standing::trial); k += 10) s.picks_of(2, 10);
        REQUIRE(s.is(2, standing::trial));
        for (lease& l : late) l.failure(failure_class::failed);
        const int picks = s.picks_of(2, 5'000);    // of 1000 one in ten
        CHECK(picks > 50);
        CHECK(picks < 250);
    }
}

TEST_CASE("on trial it gets few picks until some in a row succeed") {
    service s(2, without_percentage());
    s.fail(0, 5);
    s.clock->at += seconds(10);
    s.picks_of(0, 10);
    REQUIRE(s.is(0, standing::trial));
    const int picks = s.picks_of(0, 4000);
    CHECK(picks > 100);    // of 2000 one in ten; what goes elsewhere may draw it again
    CHECK(picks < 600);
    s.succeed(0, 2);
    CHECK(s.is(0, standing::trial));
    s.succeed(0, 1);
    CHECK(s.is(0, standing::fine));
    CHECK(s.picks_of(0, 100) == 50);

    health_params none = without_percentage();
    none.trial_successes = 0;
    service t(2, none);
    t.fail(0, 5);
    t.clock->at += seconds(10);
    CHECK(t.picks_of(0, 100) >= 49);
}

TEST_CASE("calls from before an ejection, that fail while it is out, are not held against it afterwards") {
    for (const std::uint32_t successes : {0U, 3U}) {    // 0: no trial
        CAPTURE(successes);
        health_params h;
        h.trial_successes = successes;
        service s(3, h);
        std::vector<lease> late;
        for (int k = 0; k < 30; ++k) late.push_back(s.lend(0));
        s.fail(0, 5);
        s.clock->at += milliseconds(9'900);
        for (lease& l : late) l.failure(failure_class::failed);
        s.clock->at += milliseconds(100);
        for (int k = 0; k < 1'000 && s.is(0, standing::ejected); ++k) s.picks_of(0, 1);
        if (successes != 0) s.succeed(0, 3);
        REQUIRE(s.is(0, standing::fine));
        s.fail(0, 1);
        CHECK(s.is(0, standing::fine));
    }
}

TEST_CASE("a percentage of failures ejects where there is enough to judge by") {
    const auto alternate = [](service& s, int calls) {
        for (int k = 0; k < calls && s.is(0, standing::fine); ++k) {
            if (k % 10 == 9) {
                s.succeed(0, 1);
            } else {
                s.fail(0, 1);
            }
        }
    };
    health_params h;
    h.consecutive_failures = 0;
    h.consecutive_unreachable = 0;
    service three(3, h);
    alternate(three, 19);
    CHECK(three.is(0, standing::fine));
    alternate(three, 20);
    CHECK(three.is(0, standing::ejected));

    service two(2, h);
    alternate(two, 1000);
    CHECK(two.is(0, standing::fine));

    service slow(3, h);    // never so many within an interval
    for (int k = 0; k < 100; ++k) {
        slow.fail(0, 1);
        slow.clock->at += seconds(1);
    }
    CHECK(slow.is(0, standing::fine));

    service half(3, h);
    for (int k = 0; k < 200; ++k) {
        half.succeed(0, 1);
        half.fail(0, 1);
    }
    CHECK(half.is(0, standing::fine));
}

TEST_CASE("one of two may go, never all, never more than half of many") {
    const auto out = [](std::size_t n) {
        service s(n);
        std::size_t ejected = 0;
        for (std::size_t i = 0; i < n; ++i) {
            s.fail(i, 5);
            ejected += s.is(i, standing::ejected);
        }
        return ejected;
    };
    CHECK(out(1) == 0);
    CHECK(out(2) == 1);
    CHECK(out(3) == 1);
    CHECK(out(4) == 2);
    CHECK(out(5) == 2);
    CHECK(out(10) == 5);

    health_params few;
    few.max_ejected_percentage = 10;
    service five(5, few);
    five.fail(0, 5);
    five.fail(1, 5);
    CHECK(five.is(0, standing::ejected));    // 20 %, but one may always
    CHECK(five.is(1, standing::fine));

    health_params off;
    off.max_ejected_percentage = 0;
    service s(4, off);
    s.shared->health.hold(*s.of(1).state, true, s.clock->ticks());
    for (std::size_t i = 0; i < 4; ++i) {
        s.fail(i, 1000);
        CHECK(s.is(i, standing::fine));    // also the one that is held back
    }
}

TEST_CASE("below the panic threshold health is ignored") {
    health_params h;
    h.max_ejected_percentage = 90;
    service s(10, h);
    for (std::size_t i = 0; i < 5; ++i) s.fail(i, 5);
    CHECK(s.picks_of(0, 100) == 0);
    s.fail(5, 5);    // 4 of 10 are left
    for (std::size_t i = 0; i < 10; ++i) CHECK(s.picks_of(i, 1000) >= 99);
}

TEST_CASE("with panic off nobody gets a pick where all of a pool are out") {
    health_params h;
    h.panic_percentage = 0;
    service s(0, h);
    auto seen = normals(2);
    seen.push_back(master(numbered(9), 9));
    s.members.apply(seen, s.clock->at);
    publish(s.pub, s.members.nodes());
    s.fail(9, 5);
    hot_picker of_master(s.pub.get(policy::random, pool::master));
    error_code ec;
    CHECK(!of_master.pick("", ec));
    CHECK(ec == registry_errc::all_ejected);

    service with_panic(0);
    with_panic.members.apply(seen, with_panic.clock->at);
    publish(with_panic.pub, with_panic.members.nodes());
    with_panic.fail(9, 5);
    hot_picker same(with_panic.pub.get(policy::random, pool::master));
    CHECK(same.pick("", ec));
}

TEST_CASE("an ejection survives a brief absence and a promotion, and who is gone is not counted") {
    service s(4);
    s.fail(3, 5);
    s.show(3);
    s.fail(0, 5);    // may go: of three, none is out
    CHECK(s.is(0, standing::ejected));
    s.show(4);
    CHECK(s.is(3, standing::ejected));
    s.fail(1, 5);    // two of four are out
    CHECK(s.is(1, standing::fine));

    auto promoted = normals(4);
    promoted[3] = master(numbered(3), 77);
    s.members.apply(promoted, s.clock->at);
    CHECK(s.is(3, standing::ejected));
}

TEST_CASE("slow start: the share of one that joins grows with time, that of the first does not") {
    health_params h;
    h.slow_start = seconds(100);
    for (const policy p : muster::all_policies()) {
        CAPTURE(muster::to_string(p));
        service s(3, h, p);
        for (std::size_t i = 0; i < 3; ++i) CHECK(s.is(i, standing::fine));
        s.show(4);
        CHECK(s.is(3, standing::starting));
        const int at_first = s.picks_of(3, 8000);
        CHECK(at_first > 50);    // 10 % of 2000, and what others' picks that drew it drew again
        CHECK(at_first < 600);
        s.clock->at += seconds(50);
        const int half = s.picks_of(3, 8000);
        CHECK(half > 2 * at_first);
        CHECK(half < 1800);
        s.clock->at += seconds(50);
        const int full = s.picks_of(3, 8000);
        CHECK(full == doctest::Approx(2000).epsilon(0.25));
        CHECK(s.is(3, standing::fine));
    }
}

TEST_CASE("slow start moves each key once") {
    health_params h;
    h.slow_start = seconds(100);
    service s(3, h, policy::rendezvous);
    s.show(4);
    std::map<std::string, bool> moved;
    for (int step = 0; step <= 100; step += 10) {
        for (int k = 0; k < 1000; ++k) {
            const std::string key = "/key/" + std::to_string(k);
            const bool there = s.take(key)->identity() == numbered(3).identity();
            REQUIRE((there || !moved[key]));
            moved[key] = there;
        }
        s.clock->at += seconds(10);
    }
}

TEST_CASE("after all were gone, few take few picks until enough are back or nobody else comes") {
    health_params h;
    h.recovery_instances = 4;
    const auto refused = [](service& s) {
        int n = 0;
        for (int k = 0; k < 1000; ++k) {
            const lease l = s.take("key" + std::to_string(k));
            n += !l;
            CHECK((l || s.last == registry_errc::recovering));
        }
        return n;
    };
    service s(5, h);
    CHECK(refused(s) == 0);
    s.show(0);
    s.show(1);
    CHECK(refused(s) == doctest::Approx(750).epsilon(0.1));
    s.show(2);
    CHECK(refused(s) == doctest::Approx(500).epsilon(0.15));
    s.show(4);
    CHECK(refused(s) == 0);

    s.show(0);
    s.show(1);
    CHECK(refused(s) > 0);
    s.clock->at += seconds(10);
    CHECK(refused(s) == 0);

    service off(3);
    off.show(0);
    off.show(1);
    CHECK(refused(off) == 0);
}
