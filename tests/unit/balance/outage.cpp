// Part of muster. Boost Software License 1.0, see LICENSE.
//
// A server that was away comes back, and a thousand clients with it.
#include <muster/balancer.hpp>

#include "sim_embedded.hpp"

#include <doctest/doctest.h>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <deque>
#include <map>
#include <string>
#include <vector>

using namespace muster;
using namespace muster::test;

namespace {

constexpr int clients = 1000;
constexpr int instances = 40;
constexpr int picks = 10;    // of each client
constexpr double most = 1.6;

std::string path_of(int i) { return fmt::format("/micro-service/s/normal{:010}", i); }
std::string data_of(int i) {
    return fmt::format(
        R"({{"serverip":"10.1.1.{}","serverport":80,"username":"","userpwd":"","serveruniquecode":"","weight":1}})", i);
}

zk::config configuration() {
    zk::config c = config_for_tests();
    c.batch_reads = true;
    return c;
}

struct crowd {
    crowd() : registry(sim) {
        for (const char* parent : {"/micro-service", "/micro-service/s"}) registry.put(parent);
        for (int i = 0; i < instances; ++i) registry.put(path_of(i), data_of(i));
        for (int i = 0; i < clients; ++i)
            balancers.emplace_back(make_client(sim.io.get_executor(), configuration(), sim.world), balancer_params());
        for (auto& lb : balancers) lb.view("s").value();
        registry.pass(1s);
        REQUIRE(fresh() == clients);
    }

    int fresh() {
        return static_cast<int>(std::count_if(balancers.begin(), balancers.end(), [](auto& lb) {
            const auto v = lb.view("s").value();
            return v.known && !v.stale && v.instances.size() == instances;
        }));
    }

    /// The share of whoever gets most of the first picks of all clients, compared with an equal one.
    double greatest_share(policy how) {
        std::map<std::string, int> times;
        pick_options o;
        o.policy = how;
        for (auto& lb : balancers) {
            for (int i = 0; i < picks; ++i) ++times[lb.try_pick("s", o).value()->ip];
        }
        int greatest = 0;
        for (const auto& [ip, n] : times) greatest = std::max(greatest, n);
        return static_cast<double>(greatest) * instances / (clients * picks);
    }

    simulation sim;
    sim_embedded registry;
    std::deque<balancer> balancers;
};

constexpr std::array keyless{policy::roundrobin, policy::weightroundrobin, policy::random,      policy::weightrandom,
                             policy::p2c,        policy::peakewma,         policy::leastconnect};

}    // namespace

TEST_CASE("R32: a thousand clients whose server comes back spread their reads over the window, and their picks") {
    crowd c;
    c.registry.crash();
    c.registry.pass(4s);
    CHECK(c.fresh() == 0);
    c.registry.restart();
    // Half of the instances are others now.
    for (int i = 0; i < instances; i += 2) {
        c.registry.drop(path_of(i));
        c.registry.put(path_of(instances + i), data_of(instances + i));
    }
    c.registry.counted = {};
    c.registry.listed_after.clear();
    c.registry.reachable();
    c.registry.pass(8s);
    CHECK(c.fresh() == clients);

    // Each has read everything once, at a moment of its own within the window from when it was connected on.
    CHECK(c.registry.counted.lists == clients);
    CHECK(c.registry.counted.reads == clients * (instances + instances / 2));    // those that went, too: it shows that they did
    const auto window = balancer_params().spread;
    std::array<int, 10> tenths{};
    for (const auto after : c.registry.listed_after) {
        REQUIRE(after < window);
        ++tenths[static_cast<std::size_t>(after / (window / tenths.size()))];
    }
    for (const int n : tenths) {
        CHECK(n < most * clients / tenths.size());
        CHECK(n > clients / tenths.size() / most);
    }

    for (const policy how : keyless) {
        CAPTURE(to_string(how));
        CHECK(c.greatest_share(how) <= most);
    }
}

TEST_CASE("while the reads of an outage are spread, picks go on, and what the watch tells of is seen at once") {
    crowd c;
    c.registry.crash();
    c.registry.pass(100ms);
    c.registry.restart();
    c.registry.reachable();
    c.registry.counted = {};
    // Until somebody is back who has not read yet.
    while (c.registry.listed_after.size() < clients + 1) c.registry.pass(10ms);
    CHECK(c.registry.counted.lists < clients / 2);
    std::vector<balancer*> back;
    for (auto& lb : c.balancers) {
        CHECK(lb.try_pick("s").has_value());
        if (lb.session().state == session_state::connected && lb.view("s").value().stale) back.push_back(&lb);
    }
    CHECK(back.size() > 10);
    c.registry.drop(path_of(0));
    c.registry.pass(20ms);
    std::size_t stale = 0;
    for (auto* lb : back) {
        const auto v = lb->view("s").value();
        CHECK(v.instances.size() == instances - 1);
        stale += v.stale ? 1 : 0;
    }
    CHECK(stale > back.size() / 2);
}
