// Part of muster. Boost Software License 1.0, see LICENSE.
//
// Policies of the user's own.
#include "balance/channel.hpp"
#include "bench/allocations.hpp"
#include "fixtures.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

using namespace muster::balance;
using namespace muster::balance::test;
using muster::candidates;
using muster::custom_policy;
using muster::error_code;
using muster::failure_class;
using muster::health_params;
using muster::lease;
using muster::pick_context;
using muster::policy;
using muster::pool;
using muster::registry_errc;
using muster::tried_set;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

/// A service that is picked from with a custom policy.
struct service : published {
    service(std::vector<sighting> seen, custom_policy p, pool q = pool::all, const health_params& h = {})
        : published(h), what{policy::roundrobin, q, std::move(p)} {
        show(std::move(seen));
        picker.emplace(pub.get(what));
    }
    lease take(std::string_view key = {}, const tried_set& tried = {}) {
        lease l = tried.empty() ? picker->pick(key, last) : picker->pick(key, tried, last);
        CHECK(l.valid() == !last);
        return l;
    }
    // The identity that is picked, or the error's message.
    std::string picked(std::string_view key = {}) {
        lease l = take(key);
        l.canceled();
        return l ? l->identity() : last.message();
    }
    node& at(std::size_t i) { return *members.nodes().at(i); }

    selection what;
    std::optional<hot_picker> picker;
    error_code last;
};

custom_policy always(std::size_t i) {
    return {"always", [i](const candidates&, pick_context&) { return i; }};
}

std::string message(registry_errc e) { return make_error_code(e).message(); }
std::string name(std::size_t i) { return numbered(i).identity(); }

}    // namespace

TEST_CASE("a custom policy chooses by index, from the pool that was asked for") {
    const std::vector<sighting> seen{normal(numbered(0)), master(numbered(1)), normal(numbered(2))};
    CHECK(service(seen, always(0)).picked() == name(0));
    CHECK(service(seen, always(1)).picked() == name(1));
    CHECK(service(seen, always(1), pool::normals).picked() == name(2));
    CHECK(service(seen, always(1), pool::normals_then_master).picked() == name(2));
    CHECK(service(seen, always(0), pool::master).picked() == name(1));
    CHECK(service({master(numbered(1))}, always(0), pool::normals_then_master).picked() == name(1));
    CHECK(service({master(numbered(1))}, always(0), pool::normals).picked() == message(registry_errc::no_instances));
    CHECK(service({}, always(0), pool::master).picked() == message(registry_errc::no_master));
}

TEST_CASE("a custom policy sees what built-in ones see") {
    bool asked = false;
    service s({normal(numbered(0, 7)), master(numbered(1))}, {"looks", [&](const candidates& all, pick_context& pick) {
                                                                  CHECK(all.size() == 2);
                                                                  CHECK(all[0].identity() == name(0));
                                                                  CHECK(all.weight(0) == 7);
                                                                  CHECK(all.role(1) == muster::role::master);
                                                                  CHECK(all.id(0) != all.id(1));
                                                                  CHECK(all.open(0) == 2);
                                                                  CHECK(all.failures_in_row(1) == 1);
                                                                  CHECK(pick.key() == "the key");
                                                                  CHECK(pick.attempt() == 0);
                                                                  CHECK(pick.now() == start + std::chrono::hours(1));
                                                                  CHECK(pick.random() != pick.random());
                                                                  CHECK(pick.random_below(0) + pick.turn(0) == 0);
                                                                  CHECK(pick.random_below(3) < 3);
                                                                  asked = true;
                                                                  return 1;
                                                              }});
    const lease a = node::lend(s.at(0)), b = node::lend(s.at(0));
    node::lend(s.at(1)).failure(failure_class::failed);
    CHECK(s.picked("the key") == name(1));
    CHECK(asked);
}

TEST_CASE("numbers that are too large for turns and draws are taken for the largest") {
    for (const std::size_t n : {std::size_t{0xFFFFFFFE}, std::size_t{0xFFFFFFFF}, std::size_t{1} << 32, SIZE_MAX}) {
        CAPTURE(n);
        std::size_t turn = 0, drawn = 0;
        service s(normals(3), {"vast", [&](const candidates&, pick_context& pick) {
                                   turn = pick.turn(n);
                                   drawn = std::max(drawn, pick.random_below(n));
                                   return std::size_t{1};
                               }});
        for (int i = 0; i < 100; ++i) {
            const std::size_t before = turn;
            CHECK(s.picked() == name(1));
            CHECK(turn < 0xFFFFFFFE);
            if (i > 0) CHECK(turn == (before + 1) % 0xFFFFFFFE);
        }
        CHECK(drawn > 0x80000000);
        CHECK(drawn < 0xFFFFFFFF);
    }
}

TEST_CASE("a turn goes on from pick to pick, for each picker by itself") {
    service s(normals(5), {"rotation", [](const candidates& all, pick_context& pick) { return pick.turn(all.size()); }});
    std::set<std::string> reached;
    for (int i = 0; i < 5; ++i) reached.insert(s.picked());
    CHECK(reached.size() == 5);
}

TEST_CASE("a custom policy learns the latency of leases that it has timed") {
    std::chrono::nanoseconds seen{};
    bool timed = true;
    service s(normals(1), {"timer", [&](const candidates& all, pick_context& pick) {
                               seen = all.latency(0);
                               if (timed) pick.time_lease();
                               return 0;
                           }});
    const auto call = [&](milliseconds duration) {
        lease l = s.take();
        s.clock->at += duration;
        l.success();
    };
    call(milliseconds(20));
    CHECK(seen.count() == 0);
    timed = false;
    call(milliseconds(500));
    CHECK(seen > milliseconds(19));
    CHECK(seen < milliseconds(21));
    s.take().canceled();
    CHECK(seen < milliseconds(21));    // the second was not timed
}

TEST_CASE("its leases count as any others") {
    service s(normals(2), always(1));
    {
        lease a = s.take(), b = s.take();
        CHECK(s.at(1).open() == 2);
        a.success();
        CHECK(s.at(1).open() == 1);
    }
    CHECK(s.at(1).open() == 0);
    CHECK(s.at(1).state->successes() == 1);
    CHECK(s.at(1).state->abandoned() == 1);
}

TEST_CASE("what was tried in vain is passed over, also if the policy always says the same") {
    for (const char* key : {"", "a key"}) {
        CAPTURE(key);
        service s(normals(5), always(2));
        tried_set tried;
        std::set<std::string> reached;
        for (int i = 0; i < 5; ++i) {
            const lease l = s.take(key, tried);
            CHECK_FALSE(l.last_chance());
            reached.insert(l->identity());
            tried.insert(l);
        }
        CHECK(reached.size() == 5);
        const lease l = s.take(key, tried);
        CHECK(l.last_chance());
        CHECK(l->identity() == name(2));
    }
}

TEST_CASE("with a key, all clients go on to the same instance; without, who is behind does not inherit all") {
    service a(normals(50), always(7)), b(normals(50), always(7));
    tried_set tried;
    tried.insert(a.take());
    std::set<std::string> heirs;
    for (int i = 0; i < 100; ++i) {
        const std::string key = "key " + std::to_string(i);
        CHECK(a.take(key, tried)->identity() == b.take(key, tried)->identity());
        heirs.insert(a.take({}, tried)->identity());
    }
    CHECK(heirs.size() > 20);
}

TEST_CASE("a policy that heeds the attempt decides who is next") {
    service s(normals(5), {"next", [](const candidates& all, pick_context& pick) { return (3 + pick.attempt()) % all.size(); }});
    tried_set tried;
    for (const std::size_t expected : {3U, 4U, 0U, 1U, 2U}) {
        const lease l = s.take({}, tried);
        CHECK(l->identity() == name(expected));
        tried.insert(l);
    }
}

TEST_CASE("a policy may say that there is nobody else") {
    service s(normals(5),
              {"strict", [](const candidates&, pick_context& pick) { return pick.attempt() == 0 ? 4 : pick.nobody; }});
    tried_set tried;
    tried.insert(s.take());
    const lease l = s.take({}, tried);
    CHECK(l.last_chance());
    CHECK(l->identity() == name(4));
}

TEST_CASE("who is ejected gets no picks of a custom policy, and on trial some") {
    service s(normals(5), always(2));
    const auto share = [&] {
        int n = 0;
        for (int i = 0; i < 1000; ++i) n += s.picked() == name(2);
        return n;
    };
    for (int i = 0; i < 5; ++i) s.take().failure(failure_class::failed);
    CHECK(share() == 0);
    s.clock->at += seconds(11);
    CHECK(share() > 20);
    CHECK(share() < 500);
    for (int i = 0; i < 3; ++i) s.lend(2).success();
    CHECK(share() == 1000);
}

TEST_CASE("all ejected, and no panic") {
    health_params h;
    h.panic_percentage = 0;
    service s({normal(numbered(0)), master(numbered(1))}, always(0), pool::normals, h);
    for (int i = 0; i < 5; ++i) s.take().failure(failure_class::failed);
    CHECK(s.picked() == message(registry_errc::all_ejected));
}

TEST_CASE("what is no index picks nobody, and harms nobody") {
    const auto result_of = [](custom_policy p) { return service(normals(3), std::move(p)).picked(); };
    const std::string failed = message(registry_errc::policy_failed);
    CHECK(result_of(always(3)) == failed);
    CHECK(result_of(always(pick_context::nobody)) == failed);
    CHECK(result_of({"minus", [](const candidates&, pick_context&) { return -1; }}) == failed);
    CHECK(result_of({"throws", [](const candidates&, pick_context&) -> int { throw std::runtime_error("no"); }}) == failed);
    CHECK(result_of({"throws", [](const candidates&, pick_context&) -> int { throw 1; }}) == failed);
    CHECK(result_of({"refuses", [](const candidates&, pick_context& p) { return p.refuse(registry_errc::key_required); }}) ==
          message(registry_errc::key_required));
    CHECK(result_of({"both", [](const candidates&, pick_context& p) -> int {
                         p.refuse(registry_errc::key_required);
                         throw std::runtime_error("no");
                     }}) == failed);
}

TEST_CASE("a builder is called once for each list, and not for what happens to its instances") {
    int built = 0;
    service s(normals(3), {"last", [&](const candidates& all) {
                               ++built;
                               return [last = all.size() - 1](const candidates&, pick_context&) { return last; };
                           }});
    CHECK(built == 1);
    CHECK(s.picked() == name(2));
    for (int i = 0; i < 5; ++i) s.take().failure(failure_class::failed);
    hot_picker other(s.pub.get(s.what));
    CHECK(built == 1);
    s.show(normals(3));
    CHECK(built == 1);
    s.show(normals(4));
    CHECK(built == 2);
    CHECK(s.picked() == name(3));
}

TEST_CASE("a builder that throws fails the picks of its list only") {
    service s(normals(1), {"picky", [](const candidates& all) {
                               if (all.size() < 2) throw std::runtime_error("too few");
                               return [](const candidates&, pick_context&) { return 0; };
                           }});
    CHECK(s.picked() == message(registry_errc::policy_failed));
    s.show(normals(2));
    CHECK(s.picked() == name(0));
}

TEST_CASE("pickers keep a policy, and nobody else does") {
    const auto owned = std::make_shared<int>(1);
    std::optional<service> s(std::in_place, normals(2),
                             custom_policy("owner", [owned](const candidates&, pick_context&) { return *owned; }));
    CHECK(owned.use_count() == 2);
    s->what.custom = {};
    CHECK(s->picked() == name(1));
    const lease l = s->take();
    s->picker.reset();
    s->pub.get({policy::random, pool::all, always(0)});    // sweeps what nobody uses
    CHECK(owned.use_count() == 1);
    s.reset();
    CHECK(l->identity() == name(1));
}

TEST_CASE("copies are the same policy, others are not") {
    service s(normals(2), always(0));
    const custom_policy copy = s.what.custom;
    CHECK(s.pub.get({policy::roundrobin, pool::all, copy}) == s.picker->source());
    CHECK(s.pub.get({policy::roundrobin, pool::normals, copy}) != s.picker->source());
    CHECK(s.pub.get({policy::roundrobin, pool::all, always(0)}) != s.picker->source());
    CHECK(copy == s.what.custom);
    CHECK(copy != always(0));
    CHECK_FALSE(custom_policy());
    CHECK(copy.name() == "always");
}

TEST_CASE("a pick with a custom policy does not allocate") {
    service s(normals(100), {"free", [](const candidates& all, pick_context& pick) {
                                 pick.time_lease();
                                 return pick.random_below(all.size());
                             }});
    tried_set tried;
    tried.insert(s.take());
    const auto before = muster::bench::allocations_of_this_thread();
    for (int i = 0; i < 1000; ++i) {
        s.take("key").success();
        s.take("key", tried).failure(failure_class::overloaded);
    }
    CHECK(muster::bench::allocations_of_this_thread() == before);
}
