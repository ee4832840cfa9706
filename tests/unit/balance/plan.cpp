// Part of muster. Boost Software License 1.0, see LICENSE.
//
// Whom picks turn to: the master behind the normals, and what a panic and a slow start change about that.
#include "balance/plan.hpp"

#include "balance/channel.hpp"
#include "fixtures.hpp"

#include <doctest/doctest.h>

#include <map>
#include <memory>
#include <optional>
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
using muster::tried_set;
using std::chrono::seconds;

namespace {

/// Instances 0 to n - 1 are normals, and n is the master.
struct service : published {
    explicit service(std::size_t n, policy p = policy::roundrobin, const health_params& h = all_may_go())
        : published(h), normals_(n) {
        show(n);
        picker.emplace(pub.get(p, pool::normals_then_master));
    }
    static health_params all_may_go() {
        health_params h;
        h.max_ejected_percentage = 100;
        return h;
    }
    void show(std::size_t n, std::uint32_t weight_of_master = 1) {
        auto seen = normals(n);
        seen.push_back(master(numbered(normals_, weight_of_master), 1'000));
        published::show(std::move(seen));
    }
    // Of 1000 picks with different keys, those of each.
    std::map<std::string, int> counts() {
        std::map<std::string, int> r;
        for (int i = 0; i < 1000; ++i) {
            lease l = picker->pick("key " + std::to_string(i), last);
            ++r[l ? l->identity() : last.message()];
            l.canceled();
        }
        return r;
    }
    int share(std::size_t i) { return counts()[numbered(i).identity()]; }

    std::size_t normals_;
    std::optional<hot_picker> picker;
    error_code last;
};

}    // namespace

TEST_CASE("with all normals ejected the master serves, under every policy, panic or not") {
    for (const policy p : muster::all_policies()) {
        for (const std::size_t n : {1U, 2U, 5U, 20U}) {    // 1 of 2 left is no panic, 1 of 3 is
            CAPTURE(muster::to_string(p));
            CAPTURE(n);
            service s(n, p);
            CHECK(s.share(n) == 0);
            for (std::size_t i = 0; i < n; ++i) s.eject(i);
            CHECK(s.share(n) == 1000);
        }
    }
}

TEST_CASE("while a normal is well, a panic is among the normals") {
    service s(5);
    for (std::size_t i = 0; i < 4; ++i) s.eject(i);
    REQUIRE(s.shared->health.in_panic(s.clock->ticks()));
    CHECK(s.share(5) == 0);
    CHECK(s.counts().size() == 5);    // to those ejected as to others
}

TEST_CASE("with the master ejected as well, the normals are in a panic, and a retry reaches all") {
    service s(3);
    s.eject(3);
    for (std::size_t i = 0; i < 2; ++i) s.eject(i);
    for (int k = 0; k < 5; ++k) node::lend(s.of(2)).failure(failure_class::failed);    // the last one may not go
    CHECK(s.share(3) == 0);
    CHECK(s.counts().size() == 3);

    tried_set tried;
    for (int i = 0; i < 4; ++i) {
        const lease l = s.picker->pick("", tried, s.last);
        REQUIRE(l);
        CHECK_FALSE(l.last_chance());
        tried.insert(l);
    }
    CHECK(s.picker->pick("", tried, s.last).last_chance());
}

TEST_CASE("normals on trial get their few picks, and the master the rest, until they are back") {
    service s(2);
    for (std::size_t i = 0; i < 2; ++i) s.eject(i);
    s.clock->at += seconds(11);
    const int of_master = s.share(2);
    CHECK(of_master > 500);
    CHECK(of_master < 1000);
    for (std::size_t i = 0; i < 2; ++i) {
        for (int k = 0; k < 3; ++k) s.lend(i).success();
        REQUIRE(s.of(i).state->standing == standing::fine);
    }
    CHECK(s.share(2) == 0);
}

TEST_CASE("a normal in its slow start keeps the picks that nobody else among the normals can take") {
    health_params h = service::all_may_go();
    h.slow_start = seconds(100);
    service s(1, policy::roundrobin, h);
    s.show(0);
    s.show(1);
    REQUIRE(s.of(0).state->standing == standing::starting);
    CHECK(s.share(0) == 1000);
}

TEST_CASE("a retry goes to the master before a normal is tried again") {
    service s(2);
    tried_set tried;
    for (const char* expected : {"normal", "normal", "master"}) {
        const lease l = s.picker->pick("", tried, s.last);
        CHECK(std::string(to_string(l.role())) == expected);
        CHECK_FALSE(l.last_chance());
        tried.insert(l);
    }
    const lease l = s.picker->pick("", tried, s.last);
    CHECK(l.last_chance());
}

TEST_CASE("without panic, all ejected is an error only if the master is, too") {
    health_params h;
    h.max_ejected_percentage = 100;
    h.panic_percentage = 0;
    service s(2, policy::roundrobin, h);
    for (std::size_t i = 0; i < 2; ++i) s.eject(i);
    CHECK(s.share(2) == 1000);
}

TEST_CASE("a change of the master leaves the table of the normals alone") {
    service s(3);
    const auto before = s.picker->source()->current().first;
    s.show(3, 7);
    const auto after = s.picker->source()->current().first;
    CHECK(before != after);
    CHECK(before->first() == after->first());
    CHECK(before->tables().back() != after->tables().back());
    s.show(3, 7);
    CHECK(s.picker->source()->current().first == after);
}

TEST_CASE("a key keeps its instance while that is to be had, whatever happens to others") {
    for (const policy p : muster::all_policies()) {
        if (!muster::needs_key(p) || p == policy::boundedhash) continue;    // whose bound moves keys
        CAPTURE(muster::to_string(p));
        service s(10, p);
        const auto map = [&s] {
            std::map<std::string, std::string> r;
            for (int i = 0; i < 500; ++i) {
                const std::string key = "client " + std::to_string(i);
                lease l = s.picker->pick(key, s.last);
                r[key] = l->identity();
                l.canceled();
            }
            return r;
        };
        const auto before = map();
        s.eject(3);
        const auto without = map();
        for (const auto& [key, who] : before) {
            if (who == numbered(3).identity()) {
                CHECK(without.at(key) != who);
            } else {
                CHECK(without.at(key) == who);
            }
        }
        CHECK(map() == without);
        s.clock->at += seconds(11);
        while (s.of(3).state->standing != standing::trial) map();
        for (int i = 0; i < 3; ++i) s.lend(3).success();
        CHECK(map() == before);
    }
}
