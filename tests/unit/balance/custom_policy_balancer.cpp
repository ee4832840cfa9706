// Part of muster. Boost Software License 1.0, see LICENSE.
//
// Policies of the user's own, as a balancer is asked for them.
#include <muster/balancer.hpp>

#include "unit/registry/sim_registry.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <future>
#include <string>

using namespace muster::test;
using muster::candidates;
using muster::custom_policy;
using muster::lease;
using muster::pick_context;
using muster::policy;
using muster::pool;
using muster::registry_errc;

namespace {

custom_policy always(std::size_t i) {
    return {"always", [i](const candidates&, pick_context&) { return i; }};
}

}    // namespace

TEST_CASE("a balancer picks with a custom policy, named in its messages") {
    simulation sim;
    sim_registry registry(sim);
    for (const char* path : {"/micro-service", "/micro-service/s"}) registry.tree.put(path, "");
    registry.tree.put("/micro-service/s/master", R"({"serverip":"10.0.0.9","serverport":9})");
    for (int i = 0; i < 3; ++i)
        registry.tree.put("/micro-service/s/normal000000000" + std::to_string(i),
                          R"({"serverip":"10.0.0.)" + std::to_string(i) + R"(","serverport":8000})");
    muster::balancer_params params;
    params.custom = always(1);
    muster::balancer lb(make_client(sim.io.get_executor(), config_for_tests(), sim.world), params);
    CHECK(lb.try_pick("s").error().code == registry_errc::unknown_service);
    registry.serve();
    sim.run_for(50ms);
    registry.serve();

    const auto ip_of = [&](const muster::pick_options& o) { return (*lb.try_pick("s", o))->ip; };
    muster::pick_options o;
    for (int i = 0; i < 5; ++i) CHECK(ip_of(o) == "10.0.0.1");    // the balancer's own
    o.custom = always(2);
    CHECK(ip_of(o) == "10.0.0.2");
    o.pool = pool::master;
    CHECK(lb.try_pick("s", o).error().message == "service 's', policy always, pool master: the custom policy failed");
    o.custom = {};
    o.policy = policy::random;    // named by the pick, so the balancer's custom one is not asked
    CHECK(ip_of(o) == "10.0.0.9");

    o = {};
    o.custom = always(99);
    outcome<lease> failed;
    lb.pick("s", o, failed.handler());
    sim.run_ready();
    CHECK(failed.ec() == registry_errc::policy_failed);    // at once: waiting does not cure it

    o.custom = always(2);
    muster::picker picker = lb.picker("s", o).value();
    CHECK(picker.try_pick()->ip == "10.0.0.2");

    for (std::size_t i = 0; i < 100; ++i) {    // one made anew for each pick costs no memory that stays
        o.custom = always(i % 3);
        CHECK(ip_of(o) == "10.0.0." + std::to_string(i % 3));
    }
}

TEST_CASE("where a list takes long to build the next one is put off for as long, but for a second at most") {
    for (const auto takes : {200ms, 5'000ms}) {
        CAPTURE(takes.count());
        simulation sim;
        sim_registry registry(sim);
        for (const char* path : {"/micro-service", "/micro-service/s"}) registry.tree.put(path, "");
        int built = 0;
        auto takes_now = 0ms;
        muster::balancer_params params;
        params.custom = {"slow", [&](const candidates&) {
                             ++built;
                             sim.world->advance_to(sim.world->now() + takes_now);
                             return [](const candidates&, pick_context&) { return 0; };
                         }};
        muster::balancer lb(make_client(sim.io.get_executor(), config_for_tests(), sim.world), params);
        const auto add = [&](const std::string& n) {
            registry.tree.put("/micro-service/s/normal000000000" + n, R"({"serverip":"10.0.0.)" + n + R"(","serverport":80})");
            registry.serve();
        };
        CHECK_FALSE(lb.try_pick("s").has_value());
        add("1");
        sim.run_for(50ms);
        registry.serve();
        REQUIRE(built == 1);
        takes_now = takes;
        add("2");
        REQUIRE(built == 2);
        takes_now = 0ms;
        add("3");
        const auto pause = std::min(takes, 1'000ms);
        sim.run_for(pause - 20ms);
        registry.serve();
        CHECK(built == 2);
        CHECK(lb.view("s").value().instances.size() == 2);
        sim.run_for(40ms);
        registry.serve();
        CHECK(built == 3);
        CHECK(lb.view("s").value().instances.size() == 3);
    }
}

TEST_CASE("while a policy is built for one service others are picked from") {
    simulation sim;
    sim_registry registry(sim);
    for (const char* path : {"/micro-service", "/micro-service/s", "/micro-service/t"}) registry.tree.put(path, "");
    for (const char* service : {"s", "t"})
        registry.tree.put(std::string("/micro-service/") + service + "/master", R"({"serverip":"10.0.0.9","serverport":9})");
    muster::balancer lb(make_client(sim.io.get_executor(), config_for_tests(), sim.world));
    for (const char* service : {"s", "t"}) CHECK_FALSE(lb.try_pick(service).has_value());
    registry.serve();
    sim.run_for(50ms);
    registry.serve();

    std::future<bool> other;    // which ends with the test, though it be held up
    bool meanwhile = false;
    muster::pick_options o;
    o.custom = {"patient", [&](const candidates&) {
                    other = std::async(std::launch::async, [&] { return lb.try_pick("t").has_value(); });
                    meanwhile = other.wait_for(10s) == std::future_status::ready;
                    return [](const candidates&, pick_context&) { return 0; };
                }};
    CHECK(lb.try_pick("s", o).has_value());
    CHECK(meanwhile);
    CHECK(other.get());
}
