// Part of muster. Boost Software License 1.0, see LICENSE.
//
// A master goes, and a hundred normals are there: what that costs the servers.
#include <muster/registrar.hpp>

#include "registry/registrar_impl.hpp"
#include "unit/balance/sim_embedded.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <string>

namespace muster::test {
namespace {

constexpr int normals = 100;

/// Registrars with a session each; the first is master.
struct fleet {
    fleet() : registry(sim) {
        for (int i = 0; i <= normals; ++i) {
            auto client = make_client(sim.io.get_executor(), config_for_tests(), sim.world);
            all.push_back(detail::make_registrar(
                client, registration("s", instance("10.1.1.1", static_cast<std::uint16_t>(1000 + i))), true));
            all.back().start([](error_code ec) { CHECK_FALSE(ec); });
            registry.serve();
        }
        registry.pass(2s);
        REQUIRE(all.front().role() == role::master);
        REQUIRE(number_of(role::normal) == normals);
    }
    int number_of(role r) {
        return static_cast<int>(std::count_if(all.begin(), all.end(), [r](auto& each) { return each.role() == r; }));
    }
    std::size_t znodes() { return registry.ensemble().leader_tree().find("/micro-service/s")->children.size(); }

    simulation sim;
    sim_embedded registry;
    std::deque<registrar> all;
};

}    // namespace

TEST_CASE("R33: the master leaves: of a hundred that wait one writes, once, and each is told once") {
    fleet f;
    f.registry.counted = {};
    outcome<> closed;
    f.all.front().close(closed.handler());
    f.registry.pass(5s);
    REQUIRE(closed.done());
    CHECK(f.number_of(role::master) == 1);
    CHECK(f.all[1].role() == role::master);    // who has waited longest
    const traffic t = f.registry.counted;
    CHECK(t.writes == 1);
    CHECK(t.events <= normals + 2);      // the master's znode is gone; beside it, the winner's own is another
    CHECK(t.reads <= 2 * normals);       // that it is gone, and who has taken its place
    CHECK(t.lists <= normals);           // who came before
    CHECK(t.bytes < 3'000 * normals);    // of which the lists are most
    f.registry.counted = {};
    f.registry.pass(60s);
    CHECK(f.registry.counted.requests == 0);    // then there is rest
}

}    // namespace muster::test
