// Part of muster. Boost Software License 1.0, see LICENSE.
//
// What guarded writes leave open: by version, where the znode is another one by the time that they look; and creations.
#include "guarded_fixture.hpp"

#include <string>

using namespace muster;
using namespace muster::test;
using scene = guarded_scene;
using zk::create_mode;
using loss = sim_registry::loss;

TEST_SUITE_BEGIN("client: guarded writes of unknown outcome");

TEST_CASE("a guarded deletion that was applied spares the znode that another has created since") {
    for (const std::int32_t version : {0, 3}) {    // as the new znode's, and one that it has not reached
        CAPTURE(version);
        scene s;
        for (std::int32_t v = 0; v != version; ++v) s.registry.tree.set("/a", "mine");
        s.connect();
        outcome<> removed;
        s.client->remove_guarded("/a", version, removed.handler());
        s.lose(loss::after);
        REQUIRE(s.registry.tree.find("/a") == nullptr);
        s.registry.tree.put("/a", "another's");
        s.come_back();
        CHECK(removed.ec() == client_errc::connection_lost);
        CHECK(zk::outcome_of(removed.ec()) == zk::outcome::unknown);
        REQUIRE(s.registry.tree.find("/a") != nullptr);
        CHECK(s.registry.tree.find("/a")->data == "another's");
    }
}

TEST_CASE("a guarded set does not write over a znode that another has created since") {
    for (const int changes : {0, 1, 2}) {    // of the new znode: its version is the one that was meant, the next one, another
        for (const loss l : {loss::before, loss::after}) {
            CAPTURE(changes);
            CAPTURE(static_cast<int>(l));
            scene s;
            s.connect();
            outcome<zk::stat> set;
            s.client->set_guarded("/a", "second", 0, set.handler());
            s.lose(l);
            s.registry.tree.drop("/a");
            s.registry.tree.put("/a", "another's");
            for (int i = 0; i != changes; ++i) s.registry.tree.set("/a", "another's still");
            s.come_back();
            CHECK(zk::outcome_of(set.ec()) == zk::outcome::unknown);
            CHECK(s.registry.tree.find("/a")->data == (changes == 0 ? "another's" : "another's still"));
        }
    }
}

TEST_CASE("what was created since the client's last reply is not taken for the znode that was meant, though it may be") {
    scene s;
    s.connect();
    s.registry.tree.put("/b", "first");    // and its version came by another way
    outcome<> removed;
    s.client->remove_guarded("/b", 0, removed.handler());
    s.lose(loss::before);
    s.come_back();
    CHECK(removed.ec() == client_errc::connection_lost);
    CHECK(s.registry.tree.find("/b") != nullptr);
}

TEST_CASE("a guarded write by version goes on in the next session where the znode was known before") {
    scene s;
    s.connect();
    outcome<zk::stat> set;
    s.registry.replace_sessions();
    s.settle();
    s.client->set_guarded("/a", "second", 0, set.handler());    // the first request of this session
    s.lose(loss::before);
    s.come_back();
    CHECK_FALSE(set.ec());
    CHECK(s.registry.tree.find("/a")->data == "second");
}

TEST_CASE("a protected create of unknown outcome names what it may have made") {
    for (const auto mode : {create_mode::persistent, create_mode::persistent_sequential}) {
        CAPTURE(static_cast<int>(mode));
        scene s;
        s.connect();
        outcome<zk::create_result> created;
        s.client->with_timeout(2s).create_protected("/a/n-", "", mode, created.handler());
        s.lose(loss::after);
        s.sim.run_for(2100ms);
        CHECK(created.ec() == client_errc::deadline_exceeded);
        const auto& path = created.value().path;
        CHECK(path.starts_with("/a/_c_"));
        CHECK(path.ends_with("-n-"));
        REQUIRE(s.names().size() == 1);
        CHECK(("/a/" + s.names().front()).starts_with(path));
        CHECK(created.value().stat == zk::stat());
    }
    scene s;
    outcome<zk::create_result> refused;
    s.client->create_protected("/none/n", "", {}, refused.handler());
    s.settle();
    CHECK(refused.ec() == server_errc::no_node);
    CHECK(refused.value().path.empty());
}

TEST_SUITE_END();
