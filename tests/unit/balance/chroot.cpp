// Part of muster. Boost Software License 1.0, see LICENSE.
//
// Picks below a chroot that does not exist.
#include <muster/balancer.hpp>

#include "unit/registry/sim_registry.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace muster;
using namespace muster::test;

namespace {

struct rooted {
    rooted()
        : registry(sim),
          client(make_client(sim.io.get_executor(), config_for_tests("10.0.0.1:2181/chroot"), sim.world)),
          lb(client, balancer_params()) {}

    /// The error of a pick that waits for a while.
    error_code pick() {
        outcome<lease> got;
        pick_options o;
        o.wait = 2s;
        lb.pick("s", o, got.handler());
        pass(3s);
        return got.ec();
    }
    void pass(std::chrono::milliseconds time) {
        for (auto step = 20ms; time > 0ms; time -= step) {
            registry.serve();
            sim.run_for(step);
        }
        registry.serve();
    }

    simulation sim;
    sim_registry registry;
    zk::client client;
    balancer lb;
};

}    // namespace

TEST_CASE("a pick below a chroot that does not exist says so, and finds who comes once it does") {
    rooted r;
    CHECK(r.pick() == registry_errc::no_chroot);
    CHECK_FALSE(r.lb.view("s").value().known);
    CHECK(r.registry.requests() < 40);    // asked again, with a back-off

    r.registry.tree.put("/chroot", "");
    r.pass(10s);
    CHECK(r.lb.view("s").value().known);
    CHECK_FALSE(r.lb.view("s").value().stale);
    CHECK(r.pick() == registry_errc::no_instances);

    r.registry.tree.put("/chroot/micro-service", "");
    r.registry.tree.put("/chroot/micro-service/s", "");
    r.registry.tree.put("/chroot/micro-service/s/master", R"({"serverip":"10.1.1.1","serverport":80})");
    CHECK_FALSE(r.pick());
}

TEST_CASE("a chroot that is deleted takes its instances along") {
    rooted r;
    for (const char* path : {"/chroot", "/chroot/micro-service", "/chroot/micro-service/s"}) r.registry.tree.put(path, "");
    r.registry.tree.put("/chroot/micro-service/s/master", R"({"serverip":"10.1.1.1","serverport":80})");
    CHECK_FALSE(r.pick());
    for (const char* path : {"/chroot/micro-service/s/master", "/chroot/micro-service/s", "/chroot/micro-service", "/chroot"})
        CHECK_FALSE(r.registry.tree.drop(path));
    r.pass(100ms);
    CHECK(r.pick() == registry_errc::no_chroot);
    CHECK(r.lb.view("s").value().instances.empty());
    CHECK(r.lb.view("s").value().stale);
}
