// Part of muster. Boost Software License 1.0, see LICENSE.
//
// Many clients whose servers go, in virtual time.
#include "unit/balance/sim_embedded.hpp"

#include <algorithm>
#include <deque>
#include <numeric>
#include <vector>

using namespace muster;
using namespace muster::test;

TEST_SUITE_BEGIN("client: herds");

namespace {

constexpr int clients = 300;

struct crowd {
    crowd(const char* servers, std::size_t number) : ensemble(sim, true, number) {
        for (int i = 0; i != clients; ++i) {
            all.push_back(make_client(sim.io.get_executor(), config_for_tests(servers), sim.world));
            all.back().start();
        }
        ensemble.pass(3s);
        REQUIRE(connected() == clients);
    }
    int connected() {
        return static_cast<int>(
            std::count_if(all.begin(), all.end(), [](auto& c) { return c.session().state == session_state::connected; }));
    }
    /// Connection attempts in each tenth of so many seconds.
    std::vector<int> attempts(std::chrono::seconds time) {
        std::vector<int> out;
        for (auto t = 0ms; t < time; t += 100ms) {
            const auto before = sim.world->attempts().size();
            ensemble.pass(100ms);
            out.push_back(static_cast<int>(sim.world->attempts().size() - before));
        }
        return out;
    }

    simulation sim;
    sim_embedded ensemble;
    std::deque<zk::client> all;
};

}    // namespace

TEST_CASE("R32: a server of three goes: its clients are at others at once") {
    crowd c("10.0.0.1:2181,10.0.0.2:2181,10.0.0.3:2181", 3);
    c.sim.world->set_server(at("10.0.0.2"), sim_world::answer::refuse);
    c.ensemble.ensemble().crash(1, c.sim.world->now());
    c.ensemble.serve();
    CHECK(c.connected() == clients);
    for (auto& client : c.all) CHECK(client.metrics().expiries == 0);
}

TEST_CASE("R32: the only server restarts: its clients come back spread") {
    crowd c("10.0.0.1:2181", 1);
    c.ensemble.crash();
    c.ensemble.serve();    // each has tried once
    const auto second = c.attempts(1s);
    for (const int n : second) {
        CHECK(n < 5 * clients / 20);
        CHECK(n > 0);
    }
    c.ensemble.restart();
    c.ensemble.reachable();
    const auto back = c.attempts(3s);
    CHECK(c.connected() == clients);
    CHECK(*std::max_element(back.begin(), back.end()) < 5 * clients / 20);
    CHECK(std::accumulate(back.begin(), back.end(), 0) == clients);    // each once
}

TEST_SUITE_END();
