// Part of muster. Boost Software License 1.0, see LICENSE.
#include "balance/plan.hpp"
#include "fixtures.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

using namespace muster::balance;
using namespace muster::balance::test;
using muster::policy;
using muster::registry_errc;

namespace {

constexpr int keys = 100'000;

std::vector<std::string> owners(const table& t) {
    pick_state s(1);
    std::vector<std::string> r;
    for (int i = 0; i < keys; ++i) r.emplace_back(choose(t, s, "/key/" + std::to_string(i))->seen.identity);
    return r;
}

std::vector<std::string> owners(std::vector<sighting> seen, policy p = policy::urlhash) {
    return owners(*build_table(p, nodes_of(std::move(seen))));
}

std::vector<policy> hash_policies() {
    std::vector<policy> r;
    for (const policy p : muster::all_policies()) {
        if (muster::needs_key(p)) r.push_back(p);
    }
    return r;
}

// Keys of which the owner changed although neither the old nor the new one is `who`; of all, in percent.
double moved_needlessly(const std::vector<std::string>& a, const std::vector<std::string>& b, const std::string& who) {
    int moved = 0;
    for (std::size_t i = 0; i < a.size(); ++i) moved += a[i] != b[i] && a[i] != who && b[i] != who;
    return 100.0 * moved / static_cast<double>(a.size());
}

double max_over_mean(std::size_t n) {
    // Of the table's slots, not of keys: what a million keys add is chance.
    const auto t = build_table(policy::urlhash, nodes_of(normals(n)));
    std::map<std::string, double> shares;
    for (const std::string& o : owners(*t)) ++shares[o];
    double most = 0;
    for (const auto& s : shares) most = std::max(most, s.second);
    return most / (static_cast<double>(keys) / static_cast<double>(n));
}

}    // namespace

TEST_CASE("keys are spread evenly") {
    pick_state s(1);
    const auto ten = nodes_of(normals(10));
    CHECK(chi_square(count(*build_table(policy::urlhash, ten), s, keys), ten) < chi_square_9);
    CHECK(max_over_mean(10) < 1.03);    // three standard deviations of 10 000 keys each
}

TEST_CASE("keys are spread by weight") {
    pick_state s(1);
    const auto weighted = nodes_of(normals({1, 2, 3, 4, 5, 6, 7, 8, 9, 10}));
    CHECK(chi_square(count(*build_table(policy::urlhash, weighted), s, keys), weighted) < chi_square_9);
}

TEST_CASE("iphash, urlhash and maglev are the same") {
    const auto nodes = nodes_of(normals(7));
    CHECK(owners(*build_table(policy::iphash, nodes)) == owners(*build_table(policy::urlhash, nodes)));
    CHECK(owners(*build_table(policy::maglev, nodes)) == owners(*build_table(policy::urlhash, nodes)));
}

TEST_CASE("clients agree, however they learned of the instances") {
    for (const policy p : hash_policies()) {
        CAPTURE(muster::to_string(p));
        std::vector<sighting> forward = normals({3, 1, 4, 1, 5, 9, 2, 6});
        const auto expected = owners(forward, p);

        std::vector<sighting> backward(forward.rbegin(), forward.rend());
        CHECK(owners(std::move(backward), p) == expected);

        // One that saw them come one by one, some go and come back, others change.
        listed_membership m(remember);
        std::vector<sighting> some;
        for (std::size_t i = forward.size(); i-- > 0;) {
            some.push_back(forward[i]);
            m.apply(some, start);
            auto without = some;
            without.erase(without.begin());
            m.apply(without, start);
            auto promoted = some;
            promoted.front() = master(*some.front().instance, 99);
            m.apply(promoted, start);
        }
        m.apply(forward, start);
        CHECK(owners(*build_table(p, m.nodes())) == expected);
    }
}

TEST_CASE("one that goes moves its own keys and hardly any other") {
    for (const std::size_t n : {10U, 100U}) {
        CAPTURE(n);
        auto seen = normals(n);
        const auto before = owners(seen);
        const std::string gone(seen[n / 2].identity);
        seen.erase(seen.begin() + static_cast<std::ptrdiff_t>(n / 2));
        const auto after = owners(std::move(seen));
        CHECK(std::count(before.begin(), before.end(), gone) > 0);
        CHECK(std::count(after.begin(), after.end(), gone) == 0);
        CHECK(moved_needlessly(before, after, gone) < 0.7);
    }
}

TEST_CASE("of few, and of unequal weights, one that goes moves less than 1 % of the keys of others") {
    std::vector<std::vector<std::uint32_t>> services;
    for (std::size_t n = 2; n <= 7; ++n) services.emplace_back(n, 1);
    services.push_back({1, 2, 3, 4, 5, 6, 7, 8, 9, 10});
    for (const policy p : hash_policies()) {
        CAPTURE(muster::to_string(p));
        for (const auto& weights : services) {
            CAPTURE(weights.size());
            const auto before = owners(normals(weights), p);
            for (std::size_t i = 0; i < weights.size(); ++i) {
                CAPTURE(i);
                auto seen = normals(weights);
                const std::string gone(seen[i].identity);
                seen.erase(seen.begin() + static_cast<std::ptrdiff_t>(i));
                CHECK(moved_needlessly(before, owners(std::move(seen), p), gone) < 1);
            }
        }
    }
}

TEST_CASE("one that comes takes its share and hardly moves others") {
    const auto before = owners(normals(20));
    const auto after = owners(normals(21));
    const std::string fresh = numbered(20).identity();
    CHECK(static_cast<double>(std::count(after.begin(), after.end(), fresh)) == doctest::Approx(keys / 21.0).epsilon(0.05));
    CHECK(moved_needlessly(before, after, fresh) < 0.7);
}

TEST_CASE("promotion and re-registration do not move keys") {
    for (const policy p : hash_policies()) {
        CAPTURE(muster::to_string(p));
        auto seen = normals(5);
        const auto before = owners(*make_plan({p, muster::pool::all}, nodes_of(seen))->first());
        seen[2] = master(*seen[2].instance, 50);
        seen[3] = normal(*seen[3].instance, 51);
        CHECK(owners(*make_plan({p, muster::pool::all}, nodes_of(seen))->first()) == before);
    }
}

TEST_CASE("without a key") {
    for (const policy p : hash_policies()) {
        pick_state s(1);
        muster::error_code ec;
        CHECK(build_table(p, nodes_of(normals(2)))->pick(s, "", ec) == nullptr);
        CHECK(ec == registry_errc::key_required);
    }
}

TEST_CASE("many instances") {
    std::map<std::string, int> shares;
    for (const std::string& o : owners(normals(7000))) ++shares[o];
    CHECK(shares.size() > 6990);    // 14 keys each: that one has none is rare
}
