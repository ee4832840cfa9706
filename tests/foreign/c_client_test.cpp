// Part of muster. Boost Software License 1.0, see LICENSE.
//
// A server as Apache's C client finds it.
#include "foreign/c_client.hpp"
#include "support/eventually.hpp"
#include "support/zk_server.hpp"

#include <doctest/doctest.h>

#include <array>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

using namespace muster::test;
using namespace std::chrono_literals;
using strings = std::vector<std::string>;

namespace {

/// A connected client, with a znode of its own to work below.
struct fixture {
    explicit fixture(const std::string& name) : root("/" + name), c(shared_server().connect_string()) {
        REQUIRE(c.wait_state(ZOO_CONNECTED_STATE));
        REQUIRE(c.create(root, "").code == ZOK);
    }
    std::string root;
    c_client c;
};

// ACLs of the library are arrays of pointers to characters that it does not write to.
struct acl_list {
    acl_list(std::initializer_list<std::array<const char*, 2>> ids, int perms) {
        for (const auto& id : ids) entries.push_back({perms, {const_cast<char*>(id[0]), const_cast<char*>(id[1])}});
        vector = {static_cast<int>(entries.size()), entries.data()};
    }
    std::vector<ACL> entries;
    ACL_vector vector{};
};

}    // namespace

TEST_CASE("C: create in all modes") {
    fixture f("modes");
    const auto persistent = f.c.create(f.root + "/p", "data");
    CHECK(persistent.code == ZOK);
    CHECK(persistent.text == f.root + "/p");
    CHECK(persistent.stat.version == 0);
    CHECK(persistent.stat.dataLength == 4);
    CHECK(persistent.stat.czxid == persistent.stat.mzxid);
    CHECK(persistent.stat.ephemeralOwner == 0);
    CHECK(f.c.create(f.root + "/p", "").code == ZNODEEXISTS);
    CHECK(f.c.create(f.root + "/no/parent", "").code == ZNONODE);
    CHECK(f.c.create(f.root + "//bad", "").code == ZBADARGUMENTS);

    const auto ephemeral = f.c.create(f.root + "/e", "", ZOO_EPHEMERAL);
    CHECK(ephemeral.stat.ephemeralOwner == f.c.id().client_id);
    CHECK(f.c.create(f.root + "/e/child", "").code == ZNOCHILDRENFOREPHEMERALS);

    const auto first = f.c.create(f.root + "/s", "", ZOO_PERSISTENT_SEQUENTIAL);
    const auto second = f.c.create(f.root + "/es", "", ZOO_EPHEMERAL_SEQUENTIAL);
    CHECK(first.text == f.root + "/s0000000002");
    CHECK(second.text == f.root + "/es0000000003");
    CHECK(second.stat.ephemeralOwner == f.c.id().client_id);

    CHECK(f.c.create(f.root + "/c", "", ZOO_CONTAINER).code == ZOK);
    const auto ttl = f.c.create(f.root + "/t", "", ZOO_PERSISTENT_WITH_TTL, ZOO_OPEN_ACL_UNSAFE, 60'000);
    CHECK(ttl.code == ZOK);
    const auto ttl_sequential = f.c.create(f.root + "/ts", "", ZOO_PERSISTENT_SEQUENTIAL_WITH_TTL, ZOO_OPEN_ACL_UNSAFE, 60'000);
    CHECK(ttl_sequential.text == f.root + "/ts0000000006");
    CHECK(f.c.children(f.root).second == strings{"c", "e", "es0000000003", "p", "s0000000002", "t", "ts0000000006"});
}

TEST_CASE("C: containers without children and znodes that outlived themselves go") {
    fixture f("gone");
    f.c.create(f.root + "/container", "", ZOO_CONTAINER);
    f.c.create(f.root + "/container/child", "");
    f.c.create(f.root + "/ttl", "", ZOO_PERSISTENT_WITH_TTL, ZOO_OPEN_ACL_UNSAFE, 100);
    CHECK(eventually([&] { return f.c.exists(f.root + "/ttl").code == ZNONODE; }));
    CHECK(f.c.exists(f.root + "/container").code == ZOK);
    CHECK(f.c.remove(f.root + "/container/child") == ZOK);
    CHECK(eventually([&] { return f.c.exists(f.root + "/container").code == ZNONODE; }));
}

TEST_CASE("C: data, versions and deletion") {
    fixture f("data");
    const std::string path = f.root + "/node";
    CHECK(f.c.get(path).code == ZNONODE);
    CHECK(f.c.exists(path).code == ZNONODE);
    CHECK(f.c.set(path, "x").code == ZNONODE);
    CHECK(f.c.remove(path) == ZNONODE);

    std::string bytes;
    for (int i = 0; i < 256; ++i) bytes.push_back(static_cast<char>(i));
    const auto made = f.c.create(path, bytes);
    CHECK(f.c.get(path).text == bytes);
    const auto set = f.c.set(path, "two", 0);
    CHECK(set.code == ZOK);
    CHECK(set.stat.version == 1);
    CHECK(set.stat.czxid == made.stat.czxid);
    CHECK(set.stat.mzxid > made.stat.mzxid);
    CHECK(f.c.set(path, "three", 0).code == ZBADVERSION);
    CHECK(f.c.get(path).text == "two");
    CHECK(f.c.set(path, "", -1).stat.version == 2);
    CHECK(f.c.get(path).text.empty());

    const std::string large(900'000, 'x');
    CHECK(f.c.set(path, large).stat.dataLength == 900'000);
    CHECK(f.c.get(path).text == large);

    CHECK(f.c.remove(path, 0) == ZBADVERSION);
    f.c.create(path + "/child", "");
    CHECK(f.c.remove(path) == ZNOTEMPTY);
    CHECK(f.c.remove(path + "/child") == ZOK);
    const auto stat = f.c.exists(path).stat;
    CHECK(stat.cversion == 2);
    CHECK(stat.numChildren == 0);
    CHECK(stat.pzxid > stat.mzxid);
    CHECK(f.c.remove(path, 3) == ZOK);
    CHECK(f.c.exists(path).code == ZNONODE);
}

TEST_CASE("C: children of many") {
    fixture f("many");
    strings names;
    for (int i = 0; i < 500; ++i) {
        const std::string name = "n" + std::to_string(1000 + i);
        REQUIRE(f.c.create(f.root + "/" + name, "").code == ZOK);
        names.push_back(name);
    }
    CHECK(f.c.children(f.root).second == names);
    CHECK(f.c.exists(f.root).stat.numChildren == 500);
    CHECK(f.c.children(f.root + "/n1000").second.empty());
    CHECK(f.c.children(f.root + "/none").first == ZNONODE);
}

TEST_CASE("C: watches fire once each, in order") {
    fixture f("watches");
    const std::string path = f.root + "/node";
    CHECK(f.c.exists(path, true).code == ZNONODE);
    CHECK(f.c.children(f.root, true).second.empty());
    f.c.create(path, "");
    CHECK(f.c.event(0) == c_event{ZOO_CREATED_EVENT, path});
    CHECK(f.c.event(1) == c_event{ZOO_CHILD_EVENT, f.root});
    f.c.set(path, "unwatched");
    f.c.create(path + "/unwatched", "");
    f.c.remove(path + "/unwatched");
    CHECK(f.c.events() == 2);

    f.c.get(path, true);
    f.c.set(path, "x");
    CHECK(f.c.event(2) == c_event{ZOO_CHANGED_EVENT, path});
    f.c.get(path, true);
    f.c.children(path, true);
    f.c.remove(path);
    CHECK(f.c.event(3) == c_event{ZOO_DELETED_EVENT, path});
    f.c.exists(path);
    CHECK(f.c.events() == 4);
}

TEST_CASE("C: watches are seen by those who set them, and can be removed") {
    fixture f("seen");
    c_client other(shared_server().connect_string());
    REQUIRE(other.wait_state(ZOO_CONNECTED_STATE));
    CHECK(other.children(f.root, true).first == ZOK);
    CHECK(f.c.children(f.root, true).first == ZOK);
    CHECK(f.c.remove_watches(f.root) == ZOK);
    CHECK(f.c.remove_watches(f.root) == ZNOWATCHER);
    f.c.create(f.root + "/node", "");
    CHECK(other.event(0) == c_event{ZOO_CHILD_EVENT, f.root});
    const std::size_t before = f.c.events();
    f.c.exists(f.root);
    CHECK(f.c.events() == before);
}

TEST_CASE("C: multi is all or nothing") {
    fixture f("multi");
    const std::string a = f.root + "/a", b = f.root + "/b", missing = f.root + "/missing";
    std::array<char, 64> path{};
    Stat stat{};
    std::array<zoo_op_t, 4> ops{};
    std::array<zoo_op_result_t, 4> results{};
    zoo_create_op_init(&ops[0], a.c_str(), "1", 1, &ZOO_OPEN_ACL_UNSAFE, ZOO_SEQUENCE, path.data(), path.size());
    zoo_create_op_init(&ops[1], b.c_str(), "1", 1, &ZOO_OPEN_ACL_UNSAFE, 0, nullptr, 0);
    zoo_set_op_init(&ops[2], b.c_str(), "22", 2, 0, &stat);
    zoo_check_op_init(&ops[3], b.c_str(), 1);
    CHECK(zoo_multi(f.c.handle(), 4, ops.data(), results.data()) == ZOK);
    for (const auto& r : results) CHECK(r.err == ZOK);
    CHECK(std::string(path.data()) == a + "0000000000");
    CHECK(stat.version == 1);
    CHECK(f.c.get(b).text == "22");
    CHECK(f.c.get(b).stat.czxid == f.c.exists(a + "0000000000").stat.czxid);

    zoo_delete_op_init(&ops[0], b.c_str(), -1);
    zoo_check_op_init(&ops[1], missing.c_str(), 0);
    zoo_set_op_init(&ops[2], a.c_str(), "x", 1, -1, &stat);
    CHECK(zoo_multi(f.c.handle(), 3, ops.data(), results.data()) == ZNONODE);
    CHECK(results[0].err == ZOK);
    CHECK(results[1].err == ZNONODE);
    CHECK(results[2].err == ZRUNTIMEINCONSISTENCY);
    CHECK(f.c.get(b).text == "22");
}

TEST_CASE("C: ACLs and digest authentication") {
    fixture f("acl");
    CHECK(f.c.create(f.root + "/mine", "", ZOO_PERSISTENT, ZOO_CREATOR_ALL_ACL).code == ZINVALIDACL);
    CHECK(f.c.add_auth("nonsense", "x") == ZAUTHFAILED);

    c_client me(shared_server().connect_string());
    REQUIRE(me.wait_state(ZOO_CONNECTED_STATE));
    REQUIRE(me.add_auth("digest", "me:secret") == ZOK);
    CHECK(me.create(f.root + "/mine", "x", ZOO_PERSISTENT, ZOO_CREATOR_ALL_ACL).code == ZOK);
    CHECK(me.get(f.root + "/mine").text == "x");
    CHECK(me.acl(f.root + "/mine").second == strings{"31 digest:me:016djjlksVQS5RgX3M7biBGyYwY="});

    c_client other(shared_server().connect_string());
    REQUIRE(other.wait_state(ZOO_CONNECTED_STATE));
    CHECK(other.get(f.root + "/mine").code == ZNOAUTH);
    CHECK(other.set(f.root + "/mine", "").code == ZNOAUTH);
    CHECK(other.create(f.root + "/mine/child", "").code == ZNOAUTH);
    CHECK(other.exists(f.root + "/mine").code == ZOK);
    const acl_list readable({{"world", "anyone"}}, ZOO_PERM_READ);
    CHECK(other.set_acl(f.root + "/mine", readable.vector) == ZNOAUTH);
    CHECK(me.set_acl(f.root + "/mine", readable.vector, 7) == ZBADVERSION);
    CHECK(me.set_acl(f.root + "/mine", readable.vector, 0) == ZOK);
    CHECK(other.get(f.root + "/mine").text == "x");
    CHECK(me.set(f.root + "/mine", "").code == ZNOAUTH);
    CHECK(other.acl(f.root + "/mine").second == strings{"1 world:anyone"});

    const acl_list local({{"ip", "127.0.0.0/8"}}, ZOO_PERM_ALL), elsewhere({{"ip", "10.0.0.1"}}, ZOO_PERM_ALL);
    CHECK(other.create(f.root + "/local", "x", ZOO_PERSISTENT, local.vector).code == ZOK);
    CHECK(other.get(f.root + "/local").text == "x");
    CHECK(other.create(f.root + "/elsewhere", "x", ZOO_PERSISTENT, elsewhere.vector).code == ZOK);
    CHECK(other.get(f.root + "/elsewhere").code == ZNOAUTH);
    // What cannot be read can be deleted: that is decided by the parent.
    CHECK(other.remove(f.root + "/mine") == ZOK);
}

TEST_CASE("C: ephemerals go with their session") {
    fixture f("ephemerals");
    auto owner = std::make_unique<c_client>(shared_server().connect_string());
    REQUIRE(owner->wait_state(ZOO_CONNECTED_STATE));
    CHECK(owner->create(f.root + "/e", "", ZOO_EPHEMERAL).code == ZOK);
    CHECK(f.c.exists(f.root + "/e", true).code == ZOK);
    owner.reset();
    CHECK(f.c.event(0) == c_event{ZOO_DELETED_EVENT, f.root + "/e"});
    CHECK(f.c.exists(f.root + "/e").code == ZNONODE);
}

TEST_CASE("C: a broken connection is made again, with the session, its ephemerals and its watches") {
    zk_server own;    // so that no other connection is broken
    own.start();
    c_client c(own.connect_string());
    REQUIRE(c.wait_state(ZOO_CONNECTED_STATE));
    const auto id = c.id();
    c.create("/e", "", ZOO_EPHEMERAL);
    CHECK(c.get("/e", true).code == ZOK);
    CHECK(c.exists("/later", true).code == ZNONODE);
    c.break_connection(own.port());
    REQUIRE(eventually([&] { return c.connects() == 2; }));
    CHECK(c.id().client_id == id.client_id);
    CHECK(c.exists("/e").stat.ephemeralOwner == id.client_id);
    c.set("/e", "x");
    CHECK(c.event(0) == c_event{ZOO_CHANGED_EVENT, "/e"});
    c.create("/later", "");
    CHECK(c.event(1) == c_event{ZOO_CREATED_EVENT, "/later"});
}

TEST_CASE("C: a session is resumed by another handle that knows its password, and by no other") {
    fixture f("resumed");
    const auto id = f.c.id();
    f.c.create(f.root + "/e", "", ZOO_EPHEMERAL);

    clientid_t wrong = id;
    wrong.passwd[0] = static_cast<char>(wrong.passwd[0] ^ 1);
    c_client thief(shared_server().connect_string(), 6s, &wrong);
    CHECK(thief.wait_state(ZOO_EXPIRED_SESSION_STATE));

    c_client second(shared_server().connect_string(), 6s, &id);
    REQUIRE(second.wait_state(ZOO_CONNECTED_STATE));
    CHECK(second.id().client_id == id.client_id);
    // The first handle wants its session too: each takes it from the other until this one is asked.
    CHECK(eventually([&] { return second.exists(f.root + "/e").stat.ephemeralOwner == id.client_id; }));
}

TEST_CASE("C: the timeout is negotiated") {
    zk_options o;
    o.tick = 500ms;
    o.min_session_timeout = 2s;
    o.max_session_timeout = 8s;
    zk_server own(o);
    own.start();
    for (const auto& [asked, granted] : {std::pair{1s, 2000}, std::pair{5s, 5000}, std::pair{60s, 8000}}) {
        c_client c(own.connect_string(), asked);
        REQUIRE(c.wait_state(ZOO_CONNECTED_STATE));
        CHECK(c.timeout_ms() == granted);
    }
}

TEST_CASE("C: a session that was ended elsewhere is expired, and stays so") {
    fixture f("expired");
    c_client c(shared_server().connect_string());
    REQUIRE(c.wait_state(ZOO_CONNECTED_STATE));
    CHECK(c.create(f.root + "/e", "", ZOO_EPHEMERAL).code == ZOK);
    CHECK(f.c.exists(f.root + "/e", true).code == ZOK);
    end_session(shared_server().port(), c.id());
    CHECK(c.wait_state(ZOO_EXPIRED_SESSION_STATE));
    CHECK(f.c.event(0) == c_event{ZOO_DELETED_EVENT, f.root + "/e"});
    CHECK(c.exists(f.root).code == ZINVALIDSTATE);
}

TEST_CASE("C: an idle session is kept by pings") {
    zk_options o;
    o.tick = 200ms;
    zk_server own(o);
    own.start();
    c_client c(own.connect_string(), 3s);
    REQUIRE(c.wait_state(ZOO_CONNECTED_STATE));
    const auto id = c.id().client_id;
    c.create("/e", "", ZOO_EPHEMERAL);
    // What outlives itself after three timeouts tells the time, and nothing but pings is sent meanwhile.
    c.create("/ttl", "", ZOO_PERSISTENT_WITH_TTL, ZOO_OPEN_ACL_UNSAFE, 9'000);
    CHECK(c.exists("/ttl", true).code == ZOK);
    CHECK(c.event(0, 20s) == c_event{ZOO_DELETED_EVENT, "/ttl"});
    CHECK(c.connects() == 1);
    CHECK(c.exists("/e").stat.ephemeralOwner == id);
    CHECK(c.id().client_id == id);
}
