// Part of muster. Boost Software License 1.0, see LICENSE.
//
// Embedded servers that are behind what the client has seen, in virtual time.
#include "unit/balance/sim_embedded.hpp"

#include <algorithm>
#include <string>
#include <vector>

using namespace muster;
using namespace muster::test;
using zk::log_event;

TEST_SUITE_BEGIN("client: servers that are behind");

namespace {

constexpr const char* three = "10.0.0.1:2181,10.0.0.2:2181,10.0.0.3:2181";
constexpr std::size_t stale = 1;

/// A client of three servers, and what it tells at the level of errors.
struct scene {
    explicit scene(std::uint64_t seed = 1, const char* servers = three) : sim(seed), ensemble(std::in_place, sim, true, 3) {
        sim.world->set_name("zk", {"10.0.0.1", "10.0.0.2", "10.0.0.3"});
        auto c = config_for_tests(servers);
        c.log_level = zk::log_level::error;
        c.log = [this](const zk::log_record& r) { told.push_back(zk::to_string(r)); };
        client.emplace(make_client(sim.io.get_executor(), std::move(c), sim.world));
        client->start();
        ensemble->pass(1s);
        REQUIRE(client->session().state == session_state::connected);
    }

    /// What `path` holds, as the client is told.
    std::string get(const char* path) {
        outcome<zk::get_result> got;
        client->get(path, got.handler());
        for (int i = 0; i != 200 && !got.done(); ++i) ensemble->pass(100ms);
        REQUIRE(!got.ec());
        return got.value().data;
    }

    simulation sim;
    std::optional<sim_embedded> ensemble;
    std::vector<std::string> told;
    std::optional<zk::client> client;
};

}    // namespace

TEST_CASE("R29: of three servers the one that is behind never serves") {
    for (std::uint64_t seed = 1; seed != 9; ++seed) {
        CAPTURE(seed);
        scene s(seed);
        s.ensemble->put("/a", "0");
        s.ensemble->ensemble().set_lag(stale, 24h);
        s.ensemble->put("/b");
        s.ensemble->drop_connections();    // it may have been there
        s.ensemble->pass(3s);
        s.ensemble->set("/a", "1");
        while (s.get("/a") != "1") {    // without having seen anything it could get there
            s.ensemble->drop_connections();
            s.ensemble->pass(3s);
        }
        const int before = s.ensemble->served(stale);
        for (int i = 2; i != 20; ++i) {
            s.ensemble->set("/a", std::to_string(i));
            s.ensemble->drop_connections();
            CHECK(s.get("/a") == std::to_string(i));
            s.ensemble->pass(2s);
        }
        CHECK(s.ensemble->served(stale) == before);
        const auto m = s.client->metrics();
        CHECK(m.connect_failures >= 6);    // it was asked again and again
        CHECK(m.expiries == 0);
        CHECK(m.rounds_behind == 0);
        CHECK(s.told.empty());
    }
}

TEST_CASE("R29: all data was lost: an error tells, and the client goes on once its session has ended") {
    const char* servers = three;
    SUBCASE("of three servers") {}
    SUBCASE("of three addresses of one name") { servers = "zk:2181"; }
    scene s(1, servers);
    for (int i = 0; i != 20; ++i) s.ensemble->put("/n" + std::to_string(i), "x");
    CHECK(s.get("/n19") == "x");
    const auto attempts = [&] { return s.sim.world->attempts().size(); };
    s.ensemble.emplace(s.sim, true, 3);
    s.ensemble->put("/n19", "new");
    const auto first = attempts();
    s.ensemble->pass(6s);    // less than the session timeout: with the session nobody is let in
    CHECK(s.client->session().state == session_state::suspended);
    const auto rounds = s.client->metrics().rounds_behind;
    CHECK(rounds > 0);
    CHECK(rounds == (attempts() - first) / 3);
    CHECK(s.told.size() == rounds);
    for (const auto& line : s.told) {
        CHECK(line.starts_with("every server closes without a word: all are behind what was seen, or none serves session=0x"));
        CHECK(line.find(" count=") != std::string::npos);
    }
    s.ensemble->pass(10s);
    CHECK(s.get("/n19") == "new");
    CHECK(s.client->session().generation == 2);
    CHECK(s.client->metrics().expiries == 1);
}

TEST_SUITE_END();
