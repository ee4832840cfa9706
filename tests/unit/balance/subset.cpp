// Part of muster. Boost Software License 1.0, see LICENSE.
#include "balance/subset.hpp"

#include "balance/channel.hpp"
#include "fixtures.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

using namespace muster::balance;
using namespace muster::balance::test;
using muster::error_code;
using muster::failure_class;
using muster::lease;
using muster::policy;
using muster::pool;

namespace {

subset of_client(std::uint64_t i, std::size_t size) { return {size, subset::place_of(i)}; }

std::set<std::string> names(const node_list& nodes) {
    std::set<std::string> r;
    for (const node_ref& n : nodes) r.emplace(n->seen.identity);
    return r;
}

// Clients of the instance that has most, and of the one that has fewest.
template <class Subset>
std::pair<double, double> extremes(std::size_t instances, std::size_t clients, Subset subset_of) {
    const node_list all = nodes_of(normals(instances));
    std::map<std::string, double> load;
    for (const node_ref& n : all) load[std::string(n->seen.identity)] = 0;
    for (std::size_t c = 0; c < clients; ++c)
        for (const std::string& n : names(subset_of(c).of(all))) ++load[n];
    const auto by_load = [](const auto& a, const auto& b) { return a.second < b.second; };
    const auto [least, most] = std::minmax_element(load.begin(), load.end(), by_load);
    return {least->second, most->second};
}

}    // namespace

TEST_CASE("a subset has its size, is in canonical order, and is the same each time") {
    const node_list all = nodes_of(normals(100));
    for (std::uint64_t c = 0; c < 50; ++c) {
        const node_list part = of_client(c, 20).of(all);
        CHECK(part.size() == 20);
        CHECK(names(part).size() == 20);
        CHECK(std::is_sorted(part.begin(), part.end(),
                             [](const node_ref& a, const node_ref& b) { return a->seen.identity < b->seen.identity; }));
        CHECK(part == of_client(c, 20).of(all));
    }
    CHECK_FALSE(of_client(0, 0).divides(100));
    CHECK_FALSE(of_client(0, 100).divides(100));
    CHECK(of_client(0, 99).divides(100));
}

TEST_CASE("numbered clients give all instances about the same number of clients, however many there are") {
    for (const std::size_t clients : {50U, 100U, 333U, 1000U}) {
        for (const std::size_t size : {5U, 20U, 64U}) {
            CAPTURE(clients);
            CAPTURE(size);
            const auto [least, most] = extremes(200, clients, [&](std::size_t c) { return of_client(c, size); });
            const double mean = static_cast<double>(clients * size) / 200;
            CHECK(most - mean <= 3);
            CHECK(mean - least <= 3);
        }
    }
}

TEST_CASE("an instance that comes or goes changes two of a client's at most, and of few clients") {
    auto seen = normals(200);
    const node_list before = nodes_of(seen);
    for (const std::size_t gone : {0U, 57U, 199U}) {
        auto fewer = seen;
        fewer.erase(fewer.begin() + static_cast<std::ptrdiff_t>(gone));
        const node_list after = nodes_of(fewer);
        std::size_t changes = 0;
        for (std::uint64_t c = 0; c < 500; ++c) {
            const auto a = names(of_client(c, 20).of(before)), b = names(of_client(c, 20).of(after));
            std::vector<std::string> lost;
            std::set_difference(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(lost));
            CHECK(lost.size() <= 2);
            changes += lost.size();
        }
        CHECK(changes <= 500);
    }
}

TEST_CASE("picks go to the subset, and on when none of it is to be had; those by key use all") {
    for (const policy p : muster::all_policies()) {
        CAPTURE(muster::to_string(p));
        const auto clock = std::make_shared<hand_clock>();
        const auto shared = std::make_shared<service_state>(clock);
        listed_membership members(remember, shared);
        const node_list all = joined(members, normals(50));
        const subset part = of_client(3, 5);
        publisher pub(1, part);
        publish(pub, all);
        hot_picker picker(pub.get(p, pool::normals));
        const auto reached = [&] {
            std::set<std::string> r;
            for (int i = 0; i < 2000; ++i) {
                error_code ec;
                lease l = picker.pick("key " + std::to_string(i), ec);
                r.insert(l->identity());
                l.canceled();
            }
            return r;
        };
        if (muster::needs_key(p)) {
            CHECK(reached().size() == 50);
            continue;
        }
        CHECK(reached() == names(part.of(all)));
        const node_list used = part.of(all);
        for (const node_ref& n : used)
            for (int k = 0; k < 5; ++k) node::lend(*n).failure(failure_class::failed);
        const auto others = reached();
        CHECK(others.size() == 45);
        for (const node_ref& n : used) CHECK(others.count(std::string(n->seen.identity)) == 0);
    }
}

TEST_CASE("a service that is not larger than the subset is used as it is") {
    publisher pub(1, of_client(3, 5));
    publish(pub, nodes_of(normals(5)));
    CHECK(pub.get(policy::random, pool::normals)->current().first->first()->nodes().size() == 5);
    CHECK(pub.get(policy::random, pool::normals)->current().first->tables().size() == 1);
}

TEST_CASE("a client that gets another number uses another part, in the selections that are in use and in later ones") {
    publisher pub(1, of_client(3, 5));
    const node_list all = nodes_of(normals(50));
    const auto before = pub.get(policy::roundrobin, pool::all);
    CHECK(pub.divide(of_client(4, 5)).empty());    // nothing is known yet
    publish(pub, all);
    const auto used = [](const channel_ptr& c) { return names(c->current().first->first()->nodes()); };
    CHECK(used(before) == names(of_client(4, 5).of(all)));
    const auto by_key = pub.get(policy::maglev, pool::all);
    const auto keyed = by_key->version();
    CHECK(pub.divide(of_client(9, 5)).size() == 1);
    CHECK(used(before) == names(of_client(9, 5).of(all)));
    CHECK(by_key->version() == keyed);    // it uses all
    CHECK(used(pub.get(policy::random, pool::all)) == names(of_client(9, 5).of(all)));
}

TEST_CASE("any run of numbers is as even as the one from 0 on") {
    const auto from = [](std::uint64_t first) {
        return extremes(200, 100, [first](std::size_t c) { return of_client(first + c, 20); });
    };
    for (const std::uint64_t first : {0U, 1000U, 123'456'789U}) {
        CAPTURE(first);
        const auto [least, most] = from(first);
        CHECK(least >= 7);
        CHECK(most <= 13);
    }
}
