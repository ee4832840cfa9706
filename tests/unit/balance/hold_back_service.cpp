// Part of muster. Boost Software License 1.0, see LICENSE.
//
// A balancer whose session was disturbed, and the instances that the same incident cut off.
#include <muster/balancer.hpp>

#include "sim_embedded.hpp"

#include <doctest/doctest.h>

#include <fmt/format.h>

#include <algorithm>
#include <string>

using namespace muster;
using namespace muster::test;

namespace {

constexpr int many = 4;

std::string path_of(int i) { return fmt::format("/micro-service/s/normal{:010}", i); }
std::string data_of(int i) {
    return fmt::format(
        R"({{"serverip":"10.1.1.{}","serverport":80,"username":"","userpwd":"","serveruniquecode":"","weight":1}})", i);
}

struct incident {
    explicit incident(const balancer_params& p = {})
        : registry(sim), lb(make_client(sim.io.get_executor(), config_for_tests(), sim.world), p) {
        for (const char* parent : {"/micro-service", "/micro-service/s"}) registry.put(parent);
        for (int i = 0; i < many; ++i) registry.put(path_of(i), data_of(i));
        registry.put("/micro-service/s/master", data_of(99));
        changes = lb.changes("s").value();
        lb.view("s").value();
        registry.pass(1s);
        REQUIRE(visible() == many + 1);
    }

    /// The server is away, and when it is back all but the first have gone.
    void strike() {
        registry.crash();
        registry.pass(500ms);
        registry.restart();
        for (int i = 1; i < many; ++i) registry.drop(path_of(i));
        registry.drop("/micro-service/s/master");
        registry.reachable();
        while (lb.view("s").value().stale) registry.pass(100ms);
    }

    std::size_t visible() { return lb.view("s").value().instances.size(); }
    auto held_back() {
        const auto all = lb.describe("s").value().instances;
        return std::count_if(all.begin(), all.end(), [](const auto& i) { return i.held_back; });
    }

    simulation sim;
    sim_embedded registry;
    balancer lb;
    change_stream changes;
};

}    // namespace

TEST_CASE("picks go on to instances that went in a mass while the session was disturbed, and end in time") {
    incident c;
    c.strike();
    CHECK(c.visible() == many + 1);
    CHECK(c.held_back() == many);
    CHECK(to_json(c.lb.describe("s").value()).find(R"("held_back":true)") != std::string::npos);
    std::size_t others = 0;
    for (int i = 0; i < 40; ++i) others += c.lb.try_pick("s").value()->ip != "10.1.1.0" ? 1 : 0;
    CHECK(others > 20);
    pick_options of_master;
    of_master.pool = pool::master;
    CHECK(c.lb.try_pick("s", of_master).error().code == registry_errc::no_master);

    // Two are there again, under other znodes; nobody else tells of anything.
    c.registry.put(path_of(10), data_of(1));
    c.registry.put(path_of(11), data_of(2));
    c.registry.pass(100ms);
    CHECK(c.held_back() == many - 2);
    c.registry.pass(c.lb.session().timeout);
    CHECK(c.held_back() == 0);
    CHECK(c.visible() == 3);
}

TEST_CASE("where it is off, they go at once") {
    balancer_params p;
    p.hold_back_percentage = 0;
    incident c(p);
    c.strike();
    CHECK(c.visible() == 1);
}

TEST_CASE("without a disturbance, all may go at once") {
    incident c;
    for (int i = 0; i < many; ++i) c.registry.drop(path_of(i));
    c.registry.pass(100ms);
    CHECK(c.visible() == 1);
    CHECK(c.held_back() == 0);
}

TEST_CASE("while the connection is away again those who are held back stay, though the view was stale before") {
    balancer_params p;
    p.spread = 60s;    // it is stale for so long
    incident c(p);
    c.registry.crash();
    c.registry.pass(500ms);
    c.registry.restart();
    c.registry.reachable();
    while (c.lb.session().state != session_state::connected) c.registry.pass(100ms);
    c.registry.pass(500ms);
    REQUIRE(c.lb.view("s").value().stale);
    for (int i = 0; i < many; ++i) c.registry.drop(path_of(i));    // which the watch tells of
    c.registry.drop("/micro-service/s/master");
    c.registry.pass(500ms);
    REQUIRE(c.held_back() > many / 2);
    const auto before = c.visible();
    c.registry.crash();
    c.registry.pass(60s);
    CHECK(c.visible() == before);
    c.registry.restart();
    c.registry.reachable();
    c.registry.pass(120s);
    CHECK(c.visible() == 0);
}

TEST_CASE("all who are held back and do not answer are ejected, and those who are there never for that") {
    balancer_params p;
    p.pool = pool::all;
    incident c(p);
    c.strike();
    REQUIRE(c.held_back() == many);
    int failures = 0;
    for (int i = 0; i < 1000; ++i) {
        lease l = c.lb.try_pick("s").value();
        if (l->ip == "10.1.1.0") {
            l.success();
        } else {
            l.failure(failure_class::unreachable);
            ++failures;
        }
    }
    CHECK(failures == many * 3);    // health_params::consecutive_unreachable
}
