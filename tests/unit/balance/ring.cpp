// Part of muster. Boost Software License 1.0, see LICENSE.
#include "balance/ring.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <utility>
#include <vector>

using namespace muster::balance;

namespace {

std::vector<std::string> addresses(std::size_t n) {
    std::vector<std::string> r;
    for (std::size_t i = 0; i < n; ++i) r.push_back("10.0.0." + std::to_string(i) + ":8000");
    return r;
}

std::vector<claimant> equal(const std::vector<std::string>& names, std::uint32_t weight = 1) {
    std::vector<claimant> r;
    for (const std::string& n : names) r.push_back({n, weight});
    return r;
}

// The share of all hashes that each owns.
std::vector<double> shares(const ring& r, std::size_t n) {
    std::vector<double> s(n, 0);
    std::uint64_t before = r.hash(r.size() - 1);
    for (std::size_t i = 0; i < r.size(); ++i) {
        s[r.owner(i)] += static_cast<double>(r.hash(i) - before) * 0x1p-64;
        before = r.hash(i);
    }
    return s;
}

}    // namespace

TEST_CASE("the points are Envoy's") {
    std::vector<std::string> names;
    for (int port = 90; port <= 95; ++port) names.push_back("127.0.0.1:" + std::to_string(port));
    const ring r(equal(names), 2);
    const std::vector<std::pair<std::uint32_t, std::uint64_t>> published{
        {4, 833437586790550860},    {2, 928266305478181108},    {0, 1033482794131418490},   {5, 3551244743356806947},
        {3, 3851675632748031481},   {1, 5583722120771150861},   {1, 6311230543546372928},   {3, 7700377290971790572},
        {5, 13144177310400110813U}, {2, 13444792449719432967U}, {4, 15516499411664133160U}, {0, 16117243373044804889U}};
    REQUIRE(r.size() == published.size());
    for (std::size_t i = 0; i < r.size(); ++i) {
        CHECK(r.owner(i) == published[i].first);
        CHECK(r.hash(i) == published[i].second);
    }
    CHECK(r.owner(r.at(0)) == 4);
    CHECK(r.owner(r.at(std::numeric_limits<std::uint64_t>::max())) == 4);
    CHECK(r.owner(r.at(3551244743356806947)) == 5);
    CHECK(r.owner(r.at(3551244743356806948)) == 3);
    CHECK(r.owner(r.at(16117243373044804880U)) == 0);
}

TEST_CASE("finding a point is what a search finds") {
    const auto names = addresses(7);
    const ring r(equal(names), 146);
    std::uint64_t h = 1;
    for (int i = 0; i < 100'000; ++i) {
        h = h * 6364136223846793005 + 1442695040888963407;
        std::size_t low = 0;
        std::size_t high = r.size();
        while (low < high) {
            const std::size_t middle = (low + high) / 2;
            if (r.hash(middle) < h) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        REQUIRE(r.at(h) == (low == r.size() ? 0 : low));
    }
}

TEST_CASE("shares of equal ones differ by 9 % at most, whatever their weight") {
    for (const std::size_t n : {2U, 3U, 10U, 100U}) {
        for (const std::uint32_t weight : {1U, 2U, 5U, 7U, 10U, 100U, 65535U}) {
            CAPTURE(n);
            CAPTURE(weight);
            const auto names = addresses(n);
            const ring r(equal(names, weight));
            CHECK(r.size() >= 163 * n);
            CHECK(r.size() <= 326 * n);
            double squares = 0;
            double most = 0;
            for (const double s : shares(r, n)) {
                const double off = s * static_cast<double>(n) - 1;
                squares += off * off;
                most = std::max(most, s * static_cast<double>(n));
            }
            CHECK(std::sqrt(squares / static_cast<double>(n)) <= 0.09);
            CHECK(most <= 1.27);
        }
    }
}

TEST_CASE("points follow the weights, and hostile weights do not blow the ring up") {
    const std::vector<claimant> claimants{{"a", 1}, {"b", 2}, {"c", 5}};
    const ring r(claimants);
    std::vector<double> points(3, 0);
    for (std::size_t i = 0; i < r.size(); ++i) ++points[r.owner(i)];
    CHECK(points[1] / points[0] == doctest::Approx(2).epsilon(0.01));
    CHECK(points[2] / points[0] == doctest::Approx(5).epsilon(0.01));

    const std::vector<claimant> hostile{{"a", 65535}, {"b", 1}, {"c", 1}};
    const ring h(hostile);
    CHECK(h.size() <= 326 * 3 + 2);
    std::vector<double> had(3, 0);
    for (std::size_t i = 0; i < h.size(); ++i) ++had[h.owner(i)];
    CHECK(had[1] >= 1);
    CHECK(had[2] >= 1);
}

TEST_CASE("a single one, and the sizes") {
    const std::vector<claimant> one{{"only", 65535}};
    const ring r(one);
    CHECK(r.size() >= 163);
    CHECK(r.owner(r.at(42)) == 0);
    const auto points = [](std::size_t n) { return ring_points(std::vector<claimant>(n, {"one of many", 1})); };
    CHECK(points(1) == 192);
    CHECK(points(1365) == 192);
    CHECK(points(1366) == 96);
    CHECK(points(2730) == 96);
    CHECK(points(10'000) == 24);
    CHECK(points(300'000) < 1);
    CHECK(ring(std::vector<claimant>(300'000, {"", 1})).size() == 300'000);
}

TEST_CASE("points of a unit of weight change where the mean weight or the number doubles") {
    int changes = 0;
    double before = 192;
    for (std::uint32_t weight = 1; weight <= 1024; ++weight) {
        const double now = ring_points(std::vector<claimant>{{"a", weight}, {"b", weight + 1}});
        CHECK((now == before || now == before / 2));
        changes += now != before;
        before = now;
    }
    CHECK(changes == 10);
}
