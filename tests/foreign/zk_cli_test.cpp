// Part of muster. Boost Software License 1.0, see LICENSE.
//
// A server as Apache's Java client finds it.
#include "foreign/zk_cli.hpp"
#include "support/eventually.hpp"
#include "support/zk_server.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <string>
#include <vector>

using namespace muster::test;
using namespace std::chrono_literals;
using strings = std::vector<std::string>;

namespace {

zk_cli& cli() {
    static zk_cli c(shared_server().connect_string());
    return c;
}

strings run(const std::string& command) { return cli().run(command); }

/// The value behind `name = ` in what `stat` and others print.
std::string field(const strings& lines, const std::string& name) {
    for (const std::string& line : lines) {
        if (line.starts_with(name + " = ")) return line.substr(name.size() + 3);
    }
    return {};
}

}    // namespace

TEST_CASE("Java: create in all modes") {
    CHECK(run("create /j-modes") == strings{"Created /j-modes"});
    CHECK(run("create /j-modes/p data") == strings{"Created /j-modes/p"});
    CHECK(run("create /j-modes/p data") == strings{"Node already exists: /j-modes/p"});
    CHECK(run("create /j-modes/no/parent") == strings{"Node does not exist: /j-modes/no/parent"});
    CHECK(run("create -e /j-modes/e") == strings{"Created /j-modes/e"});
    CHECK(run("create /j-modes/e/child") == strings{"Ephemerals cannot have children: /j-modes/e/child"});
    CHECK(run("create -s /j-modes/s-") == strings{"Created /j-modes/s-0000000002"});
    CHECK(run("create -s -e /j-modes/es-") == strings{"Created /j-modes/es-0000000003"});
    CHECK(run("create -c /j-modes/c") == strings{"Created /j-modes/c"});
    CHECK(run("create -t 60000 /j-modes/t") == strings{"Created /j-modes/t"});
    CHECK(run("create -s -t 60000 /j-modes/ts-") == strings{"Created /j-modes/ts-0000000006"});
    CHECK(run("ls /j-modes") == strings{"[c, e, es-0000000003, p, s-0000000002, t, ts-0000000006]"});
    const auto ephemerals = run("getEphemerals /j-modes");    // in no order
    REQUIRE(ephemerals.size() == 1);
    CHECK(ephemerals[0].size() == std::string("[/j-modes/e, /j-modes/es-0000000003]").size());
    for (const char* path : {"/j-modes/e", "/j-modes/es-0000000003"}) CHECK(ephemerals[0].find(path) != std::string::npos);
    CHECK(run("getAllChildrenNumber /j-modes") == strings{"7"});
    CHECK(field(run("stat /j-modes/e"), "ephemeralOwner") != "0x0");
    CHECK(field(run("stat /j-modes/p"), "ephemeralOwner") == "0x0");
    CHECK(run("deleteall /j-modes").empty());
    CHECK(run("ls /j-modes") == strings{"Node does not exist: /j-modes"});
}

TEST_CASE("Java: containers without children and znodes that outlived themselves go") {
    run("create -c /j-container");
    run("create /j-container/child");
    run("create -t 100 /j-ttl");
    CHECK(eventually([] { return run("stat /j-ttl") == strings{"Node does not exist: /j-ttl"}; }));
    CHECK(field(run("stat /j-container"), "numChildren") == "1");
    run("delete /j-container/child");
    CHECK(eventually([] { return run("stat /j-container") == strings{"Node does not exist: /j-container"}; }));
}

TEST_CASE("Java: data, versions and deletion") {
    run("create /j-data one");
    CHECK(run("get /j-data") == strings{"one"});
    CHECK(field(run("set -s -v 0 /j-data two"), "dataVersion") == "1");
    CHECK(run("set -v 0 /j-data three") == strings{"version No is not valid : /j-data"});
    CHECK(run("set /j-none x") == strings{"Node does not exist: /j-none"});
    CHECK(run("get /j-data") == strings{"two"});
    const auto stat = run("stat /j-data");
    CHECK(field(stat, "dataLength") == "3");
    CHECK(field(stat, "mZxid") != field(stat, "cZxid"));
    CHECK(field(stat, "pZxid") == field(stat, "cZxid"));
    CHECK(run("delete -v 0 /j-data") == strings{"version No is not valid : /j-data"});
    run("create /j-data/child");
    CHECK(run("delete /j-data") == strings{"Node not empty: /j-data"});
    CHECK(run("ls -R /j-data") == strings{"/j-data", "/j-data/child"});
    CHECK(run("delete /j-data/child").empty());
    CHECK(run("sync /j-data") == strings{"Sync is OK"});
    CHECK(run("delete -v 1 /j-data").empty());
    CHECK(run("delete /j-data") == strings{"Node does not exist: /j-data"});
}

TEST_CASE("Java: watches") {
    zk_cli& c = cli();
    run("create /j-watches");
    run("ls -w /j-watches");
    run("create /j-watches/n");
    c.wait_event("type:NodeChildrenChanged path:/j-watches");
    run("get -w /j-watches/n");
    run("set /j-watches/n x");
    c.wait_event("type:NodeDataChanged path:/j-watches/n");
    run("stat -w /j-watches/n");
    run("delete /j-watches/n");
    c.wait_event("type:NodeDeleted path:/j-watches/n");

    run("addWatch -m PERSISTENT_RECURSIVE /j-watches");
    for (int i = 0; i < 2; ++i) {
        run("create /j-watches/m");
        c.wait_event("type:NodeCreated path:/j-watches/m");
        run("create /j-watches/m/n");
        c.wait_event("type:NodeCreated path:/j-watches/m/n");
        run("deleteall /j-watches/m");
        c.wait_event("type:NodeDeleted path:/j-watches/m/n");
        c.wait_event("type:NodeDeleted path:/j-watches/m");
    }
    run("removewatches /j-watches");
    c.wait_event("type:PersistentWatchRemoved path:/j-watches");
}

TEST_CASE("Java: ACLs and digest authentication") {
    run("create /j-acl");
    CHECK(run("getAcl /j-acl") == strings{"'world,'anyone", ": cdrwa"});
    CHECK(run("create /j-acl/mine x auth::cdrwa").back() == "Acl is not valid : /j-acl/mine");
    zk_cli me(shared_server().connect_string());
    CHECK(me.run("addauth digest me:secret").empty());
    CHECK(me.run("whoami") == strings{"Auth scheme: User", "digest: me", "ip: 127.0.0.1"});
    CHECK(me.run("create /j-acl/mine x auth::cdrwa") == strings{"Created /j-acl/mine"});
    CHECK(me.run("getAcl /j-acl/mine") == strings{"'digest,'me:016djjlksVQS5RgX3M7biBGyYwY=", ": cdrwa"});
    CHECK(me.run("get /j-acl/mine") == strings{"x"});
    const strings refused{"Insufficient permission : /j-acl/mine"};
    CHECK(run("get /j-acl/mine") == refused);
    CHECK(run("set /j-acl/mine y") == refused);
    CHECK(run("setAcl /j-acl/mine world:anyone:cdrwa") == refused);
    CHECK(me.run("setAcl -v 7 /j-acl/mine world:anyone:r") == strings{"version No is not valid : /j-acl/mine"});
    CHECK(me.run("setAcl -s /j-acl/mine world:anyone:r").size() == 11);
    CHECK(run("get /j-acl/mine") == strings{"x"});
    CHECK(me.run("set /j-acl/mine y") == refused);
    me.quit();
}

TEST_CASE("Java: ephemerals go with their session") {
    zk_cli owner(shared_server().connect_string());
    owner.run("create -e /j-ephemeral");
    run("stat -w /j-ephemeral");
    owner.quit();
    cli().wait_event("type:NodeDeleted path:/j-ephemeral");
    CHECK(run("stat /j-ephemeral") == strings{"Node does not exist: /j-ephemeral"});
}

TEST_CASE("Java: a client that was stopped for a while resumes its session") {
    zk_options o;
    o.max_session_timeout = 20s;
    zk_server own(o);
    own.start();
    zk_cli c(own.connect_string(), 20s);
    c.run("create -e /j-stopped");
    const auto owner = field(c.run("stat /j-stopped"), "ephemeralOwner");
    // It hears nothing for more than two thirds of the timeout, and takes the connection for lost; the session lives, and for
    // long enough that a Java that has to share its processor can come back. The time is told by a znode that outlives itself.
    run("create -t 13700 /j-clock");
    run("stat -w /j-clock");
    c.run("stat /j-stopped");
    c.pause();
    cli().wait_event("type:NodeDeleted path:/j-clock");
    c.resume();
    c.wait_event("state:Disconnected");
    c.wait_event("state:SyncConnected");
    CHECK(field(c.run("stat /j-stopped"), "ephemeralOwner") == owner);
    c.quit();
}

TEST_CASE("Java: a client that was stopped for longer finds its session expired") {
    zk_cli c(shared_server().connect_string(), 2s);
    c.run("create -e /j-expired");
    run("stat -w /j-expired");
    c.pause();
    cli().wait_event("type:NodeDeleted path:/j-expired");
    c.resume();
    c.wait_event("state:Expired");
}
