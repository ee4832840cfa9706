// Part of muster. Boost Software License 1.0, see LICENSE.
//
// ACLs that are written, and whose reply is lost.
#include "guarded_fixture.hpp"
#include "zk/guarded_write.hpp"

#include <vector>

using namespace muster;
using namespace muster::test;
using scene = guarded_scene;
using loss = sim_registry::loss;
using zk::acl;
using zk::detail::guarded_write;

namespace {

constexpr int all = 31;
constexpr int reading = 1;
const acl everybody;
const acl anyone_reads(reading, "world", "anyone");
const acl bob(all, "digest", "bob:Zm9vYmFyYmF6cXV4cXV1eGNvcmdl");
const acl bob_masked(all, "digest", "bob:x");
const acl carol(all, "digest", "carol:Z2FycGx5d2FsZG9mcmVkcGx1Z2g=");
const acl carol_masked(all, "digest", "carol:x");
const acl myself(all, "auth", "");

/// What comes of a write of `wanted` that was lost, if `found` stands there with the next version.
error_code judged(std::vector<acl> wanted, const std::vector<acl>& found) {
    auto w = guarded_write::set_acl("/a", std::move(wanted), 3, 10);
    w.on_write(client_errc::connection_lost);
    REQUIRE(w.next() == guarded_write::step::sync);
    w.on_sync({});
    REQUIRE(w.next() == guarded_write::step::look_at_acl);
    zk::stat s;
    s.czxid = 7;
    s.version = 3;    // of the data, which is another matter
    s.aversion = 4;
    w.on_look_at_acl({}, found, s);
    REQUIRE(w.next() == guarded_write::step::done);
    CHECK(w.found().has_value() == !w.error());
    return w.error();
}

}    // namespace

TEST_SUITE_BEGIN("client: guarded writes of ACLs");

TEST_CASE("R16: a guarded set_acl writes once, and does not fail on its own effect") {
    for (const loss l : {loss::none, loss::before, loss::after}) {
        CAPTURE(static_cast<int>(l));
        scene s;
        s.connect();
        s.registry.lose_next(l);
        outcome<zk::stat> set;
        s.client->set_acl_guarded("/a", {anyone_reads, bob}, 0, set.handler());
        s.settle();
        REQUIRE_FALSE(set.ec());
        CHECK(set.value().aversion == 1);
        CHECK(set.value().czxid == s.registry.tree.find("/a")->stat.czxid);
        CHECK(s.registry.acl_of("/a") == std::vector<acl>{anyone_reads, bob});
        CHECK(s.registry.tree.find("/a")->stat.aversion == 1);
    }
}

TEST_CASE("a guarded set_acl that was lost tells when somebody else was first") {
    scene s;
    s.connect();
    outcome<zk::stat> set;
    s.client->set_acl_guarded("/a", {bob}, 0, set.handler());
    s.lose(loss::before);
    s.registry.set_acl("/a", {carol});
    s.come_back();
    CHECK(set.ec() == server_errc::bad_version);
    CHECK(s.registry.acl_of("/a") == std::vector<acl>{carol});
    CHECK(set.value() == zk::stat());
}

TEST_CASE("the version of the ACL decides, not that of the data") {
    scene s;
    s.registry.tree.set("/a", "another");
    s.connect();
    outcome<zk::stat> set;
    s.client->set_acl_guarded("/a", {bob}, 0, set.handler());
    s.lose(loss::before);
    s.registry.tree.set("/a", "a third");
    s.come_back();
    CHECK_FALSE(set.ec());
    CHECK(s.registry.acl_of("/a") == std::vector<acl>{bob});
}

TEST_CASE("a guarded set_acl that others have written over, or whose znode is gone, does not say that it was not written") {
    for (const loss l : {loss::before, loss::after}) {
        CAPTURE(static_cast<int>(l));
        scene s;
        s.connect();
        outcome<zk::stat> set, gone;
        s.client->set_acl_guarded("/a", {bob}, 0, set.handler());
        s.lose(l);
        s.registry.set_acl("/a", {carol});
        s.registry.set_acl("/a", {everybody});
        s.come_back();
        CHECK(set.ec() == client_errc::connection_lost);
        CHECK(s.registry.acl_of("/a") == std::vector<acl>{everybody});

        s.client->set_acl_guarded("/a", {bob}, s.registry.tree.find("/a")->stat.aversion, gone.handler());
        s.lose(l);
        s.registry.tree.drop("/a");
        s.come_back();
        CHECK(gone.ec() == client_errc::connection_lost);
    }
}

TEST_CASE("a guarded set_acl neither changes a znode that another has created since, nor takes it for a proof") {
    for (const int changes : {0, 1, 2}) {    // of the new znode's ACL: to what was meant, at first
        for (const loss l : {loss::before, loss::after}) {
            CAPTURE(changes);
            CAPTURE(static_cast<int>(l));
            scene s;
            s.connect();
            outcome<zk::stat> set;
            s.client->set_acl_guarded("/a", {bob}, 0, set.handler());
            s.lose(l);
            s.registry.tree.drop("/a");
            s.registry.tree.put("/a", "another's");
            for (int i = 0; i != changes; ++i) s.registry.set_acl("/a", {i == 0 ? bob : carol});
            s.come_back();
            CHECK(set.ec() == client_errc::connection_lost);
            CHECK(zk::outcome_of(set.ec()) == zk::outcome::unknown);
            CHECK(s.registry.tree.find("/a")->stat.aversion == changes);
        }
    }
}

TEST_CASE("a guarded set_acl of any version writes until it is told that it did, in the next session as well") {
    for (const bool ended : {false, true}) {
        CAPTURE(ended);
        scene s;
        s.connect();
        outcome<zk::stat> set;
        s.client->set_acl_guarded("/a", {bob}, zk::any_version, set.handler());
        s.lose(loss::after);
        if (ended) s.registry.replace_sessions();
        s.come_back();
        REQUIRE_FALSE(set.ec());
        CHECK(set.value().aversion == 2);    // at least once
    }
}

TEST_CASE("errors of a guarded set_acl that was not lost are those of the write") {
    scene s;
    outcome<zk::stat> other, nowhere, no_path;
    s.client->set_acl_guarded("/a", {bob}, 7, other.handler());
    s.client->set_acl_guarded("/none", {bob}, 0, nowhere.handler());
    s.client->set_acl_guarded("x", {bob}, 0, no_path.handler());
    s.settle();
    CHECK(other.ec() == server_errc::bad_version);
    CHECK(nowhere.ec() == server_errc::no_node);
    CHECK(no_path.ec() == client_errc::invalid_path);
}

TEST_CASE("a guarded set_acl under which the client may not read the ACL leaves the outcome unknown") {
    scene s;
    s.connect();
    outcome<zk::stat> set;
    s.client->set_acl_guarded("/a", {carol}, 0, set.handler());
    s.lose(loss::after);
    s.registry.has_acls = false;
    s.come_back();
    CHECK(set.ec() == client_errc::connection_lost);
}

TEST_CASE("ACLs are compared as sets: order and what is there twice do not matter") {
    CHECK_FALSE(judged({bob, carol}, {bob, carol}));
    CHECK_FALSE(judged({bob, carol}, {carol, bob}));
    CHECK_FALSE(judged({bob, carol, bob}, {bob, carol}));
    CHECK(judged({bob}, {bob, carol}) == server_errc::bad_version);
    CHECK(judged({bob, carol}, {bob}) == server_errc::bad_version);
    CHECK(judged({everybody}, {anyone_reads}) == server_errc::bad_version);
}

TEST_CASE("what a server shows masked, or has put in the place of `auth`, proves neither success nor conflict") {
    const error_code unknown = client_errc::connection_lost;
    CHECK(judged({bob}, {bob_masked}) == unknown);
    CHECK(judged({bob, anyone_reads}, {anyone_reads, bob_masked}) == unknown);
    CHECK(judged({bob}, {carol_masked}) == server_errc::bad_version);    // it shows that it is another's
    CHECK(judged({bob}, {bob_masked, carol_masked}) == server_errc::bad_version);
    CHECK(judged({myself}, {bob}) == unknown);
    CHECK(judged({myself}, {bob, carol}) == unknown);    // one has several identities, perhaps
    CHECK(judged({myself, anyone_reads}, {bob, anyone_reads}) == unknown);
    CHECK(judged({myself, anyone_reads}, {bob}) == server_errc::bad_version);
    CHECK(judged({myself}, {anyone_reads}) == server_errc::bad_version);    // other permissions
}

TEST_CASE("a guarded set_acl can be cut off: by its time, and by the end of its client") {
    scene s;
    s.connect();
    outcome<zk::stat> late, ended;
    s.client->with_timeout(2s).set_acl_guarded("/a", {bob}, 0, late.handler());
    s.lose(loss::after);
    s.sim.run_for(2100ms);
    CHECK(late.ec() == client_errc::deadline_exceeded);
    s.come_back();
    s.client->set_acl_guarded("/a", {carol}, 1, ended.handler());
    s.lose(loss::after);
    s.client.reset();
    s.settle();
    CHECK(ended.ec() == client_errc::connection_lost);
}

TEST_SUITE_END();
