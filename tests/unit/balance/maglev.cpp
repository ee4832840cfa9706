// Part of muster. Boost Software License 1.0, see LICENSE.
#include "balance/maglev.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

using namespace muster::balance;

namespace {

using slots = std::vector<std::uint32_t>;

slots of_ports(int first, int last, std::uint32_t size) {
    std::vector<std::string> names;
    for (int port = first; port <= last; ++port) names.push_back("127.0.0.1:" + std::to_string(port));
    std::vector<claimant> claimants;
    for (const std::string& n : names) claimants.push_back({n, 1});
    return maglev_slots(claimants, size);
}

}    // namespace

TEST_CASE("the slots are Envoy's") {
    CHECK(of_ports(90, 95, 7) == slots{2, 4, 0, 1, 5, 0, 3});
    const std::vector<claimant> weighted{{"127.0.0.1:90", 1}, {"127.0.0.1:91", 2}};
    CHECK(maglev_slots(weighted, 17) == slots{1, 0, 0, 1, 0, 1, 1, 0, 1, 1, 1, 1, 1, 0, 1, 0, 1});
}

TEST_CASE("shares follow the weights") {
    const std::vector<claimant> claimants{{"a", 1}, {"b", 2}, {"c", 5}, {"d", 65535}};
    const slots s = maglev_slots(claimants, 65537);
    for (std::uint32_t i = 0; i < claimants.size(); ++i) {
        const double due = 65537.0 * claimants[i].weight / 65543;
        const auto has = static_cast<double>(std::count(s.begin(), s.end(), i));
        CAPTURE(i);
        CHECK(has >= 1);
        CHECK(has >= due - 1);
        CHECK(has <= due + 1);
    }
}

TEST_CASE("more claimants than slots leave no slot empty") {
    const slots s = of_ports(1, 20, 7);
    CHECK(std::all_of(s.begin(), s.end(), [](std::uint32_t i) { return i < 20; }));
    std::vector<claimant> one{{"only", 65535}};
    CHECK(maglev_slots(one, 7) == slots(7, 0));
}

TEST_CASE("the size depends on the number only, and is large enough") {
    CHECK(maglev_size(1) == 65537);
    CHECK(maglev_size(6553) == 65537);
    CHECK(maglev_size(6554) == 655373);
}
