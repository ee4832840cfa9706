// Part of muster. Boost Software License 1.0, see LICENSE.
//
// Several services of one balancer, and what its picks say.
#include <muster/balancer.hpp>
#include <muster/registrar.hpp>

#include "bench/allocations.hpp"
#include "sim_embedded.hpp"

#include <doctest/doctest.h>

#include <fmt/format.h>

#include <cstdlib>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

using namespace muster;
using namespace muster::test;

namespace {

struct scene {
    explicit scene(const balancer_params& p = {}, zk::config c = config_for_tests()) : registry(sim) {
        registry.put("/micro-service");
        lb.emplace(make_client(sim.io.get_executor(), std::move(c), sim.world), p);
    }

    static std::string path_of(const std::string& service, int i) {
        return fmt::format("/micro-service/{}/normal{:010}", service, i);
    }
    void add(const std::string& service, int instances, const std::string& metadata = {}) {
        registry.put("/micro-service/" + service);
        for (int i = 0; i < instances; ++i) {
            registry.put(path_of(service, i),
                         fmt::format(R"({{"serverip":"10.1.{}.{}","serverport":80,"weight":1,"metadata":{{"m":"{}"}}}})", i / 256,
                                     i % 256, metadata));
        }
    }
    error_code why(const std::string& service, pick_options o = {}) {
        const auto l = lb->try_pick(service, o);
        return l ? error_code() : l.error().code;
    }

    simulation sim;
    sim_embedded registry;
    std::optional<balancer> lb;
};

}    // namespace

TEST_CASE("services of one balancer that are picked from in turn do not disturb each other") {
    scene s;
    s.add("large", 10);
    s.add("small", 3);
    for (const char* name : {"large", "small"}) CHECK(s.why(name) == registry_errc::unknown_service);
    s.registry.pass(1s);
    auto of_large = s.lb->picker("large").value();
    auto of_small = s.lb->picker("small").value();
    for (const bool by_name : {true, false}) {
        CAPTURE(by_name);
        std::map<std::string, int> large, small;
        for (int i = 0; i < 30; ++i) {
            ++large[(by_name ? s.lb->try_pick("large").value() : of_large.try_pick())->ip];
            ++small[(by_name ? s.lb->try_pick("small").value() : of_small.try_pick())->ip];
        }
        CHECK(large.size() == 10);
        CHECK(small.size() == 3);
        for (const auto& [ip, n] : large) CHECK(n == 3);
        for (const auto& [ip, n] : small) CHECK(n == 10);
    }
}

TEST_CASE("R41: a service whose list no reply can bring costs the others of its connection nothing") {
    zk::config c = config_for_tests();
    c.max_reply = 4'096;
    scene s({}, c);
    s.add("many", 300);
    s.add("few", 3);
    outcome<lease> in_vain;
    pick_options patient;
    patient.wait = 5s;
    s.lb->pick("many", patient, in_vain.handler());
    CHECK(s.why("few") == registry_errc::unknown_service);
    s.registry.pass(2s);
    CHECK_FALSE(s.why("few"));
    s.registry.drop(scene::path_of("few", 0));
    s.registry.pass(10ms);
    CHECK(s.lb->view("few").value().instances.size() == 2);
    s.registry.pass(10s);
    CHECK(in_vain.ec() == zk::protocol_errc::frame_too_large);
    CHECK(s.lb->view("many").value().last_error == zk::protocol_errc::frame_too_large);

    // It is asked for ever more seldom, but it is.
    s.registry.pass(5min);
    s.registry.counted = {};
    s.registry.pass(10min);
    CHECK(s.registry.counted.lists >= 10);
    CHECK(s.registry.counted.lists < 60);
    for (int i = 3; i < 300; ++i) s.registry.drop(scene::path_of("many", i));
    s.registry.pass(1min);
    CHECK(s.lb->view("many").value().instances.size() == 3);
    CHECK(s.registry.served(0) == 1);    // all of that on one connection
}

TEST_CASE("R41: an instance whose data no reply can bring is reported, and costs the others nothing") {
    zk::config c = config_for_tests();
    c.max_reply = 4'096;
    scene s({}, c);
    s.add("s", 3);
    s.registry.set(scene::path_of("s", 1), R"({"serverip":"10.9.9.9","metadata":{"m":")" + std::string(10'000, 'x') + "\"}}");
    CHECK(s.why("s") == registry_errc::unknown_service);
    s.registry.pass(1s);
    const auto seen = s.lb->view("s").value();
    CHECK_FALSE(seen.stale);
    CHECK(seen.instances.size() == 2);
    REQUIRE(seen.rejected.size() == 1);
    CHECK(seen.rejected[0].path == scene::path_of("s", 1));
    CHECK(seen.rejected[0].reason.ends_with("expected at most 4008 bytes"));
    s.registry.set(scene::path_of("s", 1), R"({"serverip":"10.9.9.9","serverport":80})");
    s.registry.pass(10ms);
    CHECK(s.lb->view("s").value().instances.size() == 3);
    CHECK(s.registry.served(0) == 1);
}

TEST_CASE("a pick says that all are ejected, and that a service is not yet to be picked from, at once") {
    balancer_params p;
    p.health.panic_percentage = 0;
    p.health.recovery_instances = 1'000;
    scene s(p);
    s.add("s", 3);
    s.registry.put("/micro-service/s/master", R"({"serverip":"10.2.0.1","serverport":80})");
    CHECK(s.why("s") == registry_errc::unknown_service);
    s.registry.pass(1s);
    pick_options of_master;
    of_master.pool = pool::master;
    for (int i = 0; i < 5; ++i) s.lb->try_pick("s", of_master).value().failure(failure_class::failed);
    CHECK(s.why("s", of_master) == registry_errc::all_ejected);
    CHECK_FALSE(s.why("s"));
    outcome<lease> at_once;
    s.lb->pick("s", of_master, at_once.handler());
    s.sim.run_ready();
    CHECK(at_once.ec() == registry_errc::all_ejected);

    for (int i = 0; i < 3; ++i) s.registry.drop(scene::path_of("s", i));
    s.registry.drop("/micro-service/s/master");
    s.registry.pass(1min);
    CHECK(s.why("s") == registry_errc::no_instances);
    s.registry.put(scene::path_of("s", 9), R"({"serverip":"10.3.0.1","serverport":80})");
    s.registry.pass(1s);
    int refused = 0;
    for (int i = 0; i < 100; ++i) refused += s.why("s") == registry_errc::recovering;
    CHECK(refused > 90);
    s.registry.pass(10s);    // nobody else comes: then it has to do
    for (int i = 0; i < 100; ++i) REQUIRE_FALSE(s.why("s"));
}

TEST_CASE("no pick allocates, whatever the policy") {
    scene s;
    s.add("s", 40);
    CHECK(s.why("s") == registry_errc::unknown_service);
    s.registry.pass(1s);
    for (const policy how : all_policies()) {
        CAPTURE(to_string(how));
        pick_options o;
        o.policy = how;
        o.key = "/item/longer/than/what/strings/keep/in/themselves";
        auto p = s.lb->picker("s", o).value();
        p.try_pick(o.key);
        s.lb->try_pick("s", o).value();
        const auto before = bench::allocations_of_this_thread();
        for (int i = 0; i < 100; ++i) {
            s.lb->try_pick("s", o).value().success();
            p.try_pick(o.key).success();
            p.try_pick(o.key).failure(failure_class::overloaded);
        }
        CHECK(bench::allocations_of_this_thread() == before);
    }
}

TEST_CASE("no more services are followed than may be, whatever names are asked for") {
    balancer_params p;
    p.max_services = 2;
    scene s(p);
    for (const char* name : {"a", "b"}) s.add(name, 1);
    for (const char* name : {"a", "none"}) CHECK(s.why(name) == registry_errc::unknown_service);
    s.registry.pass(1s);
    for (int i = 0; i < 100; ++i) CHECK(s.why("b" + std::to_string(i)) == registry_errc::too_many_services);
    const auto refused = s.lb->picker("b");
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().message ==
          "service 'b' would be one more than the 2 that are followed, expected at most balancer_params::max_services of 2");
    outcome<lease> at_once;
    s.lb->pick("b", {}, at_once.handler());
    s.sim.run_ready();
    CHECK(at_once.ec() == registry_errc::too_many_services);
    CHECK_FALSE(s.why("a"));
    CHECK(s.why("none") == registry_errc::no_instances);
}

TEST_CASE("programs that are registered use parts of a service by their ordinals, and each instance has about as many of them") {
    scene s;
    s.add("back", 12);
    s.registry.put("/micro-service/front");
    struct program {
        registrar self;
        balancer lb;
    };
    std::deque<program> fleet;
    balancer_params p;
    p.subset = 4;
    for (std::uint16_t i = 0; i < 24; ++i) {
        const auto client = make_client(s.sim.io.get_executor(), config_for_tests(), s.sim.world);
        registration r;
        r.service = "front";
        r.instance = instance("10.7.0.1", static_cast<std::uint16_t>(8000 + i));
        fleet.push_back({registrar(client, r), balancer(client, p)});
        fleet.back().self.start([](error_code ec) { CHECK_FALSE(ec); });
        s.registry.pass(100ms);
    }
    s.registry.pass(10s);
    std::map<std::string, int> clients;
    for (program& each : fleet) {
        REQUIRE(each.self.status().ordinal);
        each.lb.set_subset_client(*each.self.status().ordinal);
        each.lb.view("back").value();
        s.registry.pass(1s);
        std::set<std::string> used;
        for (int i = 0; i < 100; ++i) used.insert(each.lb.try_pick("back").value()->ip);
        CHECK(used.size() == 4);
        for (const std::string& ip : used) ++clients[ip];
    }
    CHECK(clients.size() == 12);
    for (const auto& [ip, n] : clients) CHECK(std::abs(n - 8) <= 2);
}
