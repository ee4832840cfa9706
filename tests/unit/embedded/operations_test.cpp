// Part of muster. Boost Software License 1.0, see LICENSE.
#include "unit/embedded/fixture.hpp"

using namespace muster::test;
using muster::zk::acl;

TEST_CASE("create, read, change, delete") {
    world w;
    auto c = w.connect();
    CHECK(w.call(*c, opcode::create, w.node("/a", "one")).as<proto::create_response>().path == "/a");
    const auto got = w.get(*c, "/a").as<proto::get_data_response>();
    CHECK(got.data == "one");
    CHECK(got.stat.czxid == 2);    // the session was 1
    CHECK(got.stat.ctime == 1700000000000);
    w.now += 7ms;
    CHECK(w.call(*c, opcode::set_data, proto::set_data_request{"/a", "three", 0}).as<proto::stat_response>().stat.version == 1);
    const auto s = w.stat(*c, "/a");
    CHECK(s.mzxid == 3);
    CHECK(s.mtime == 1700000000007);
    CHECK(s.ctime == 1700000000000);
    CHECK(s.data_length == 5);
    CHECK(w.set(*c, "/a", "x", 0) == bad_version);
    CHECK(w.remove(*c, "/a", 0) == bad_version);
    CHECK(w.remove(*c, "/a", 1) == 0);
    CHECK(w.exists(*c, "/a").err == no_node);
    CHECK(w.get(*c, "/a").err == no_node);
}

TEST_CASE("failed writes use up a transaction id, reads do not") {
    world w;
    auto c = w.connect();
    CHECK(w.remove(*c, "/none") == no_node);
    CHECK(w.get(*c, "/").zxid == 2);
    CHECK(w.get(*c, "/none").zxid == 2);
    CHECK(w.call(*c, opcode::create, w.node("/a")).zxid == 3);
    CHECK(w.call(*c, opcode::create, w.node("/a")).zxid == 4);
    w.give(*c, frame_of(proto::request_header{-2, 11}));
    CHECK(w.hear(*c)->zxid == 4);
}

TEST_CASE("null data and empty data are different") {
    world w;
    auto c = w.connect();
    auto r = w.node("/null");
    r.data.reset();
    CHECK(w.call(*c, opcode::create, r).err == 0);
    CHECK(w.create(*c, "/empty") == 0);
    CHECK_FALSE(w.get(*c, "/null").as<proto::get_data_response>().data.has_value());
    CHECK(w.get(*c, "/empty").as<proto::get_data_response>().data == "");
    CHECK(w.call(*c, opcode::set_data, proto::set_data_request{"/empty", std::nullopt, -1}).err == 0);
    CHECK_FALSE(w.get(*c, "/empty").as<proto::get_data_response>().data.has_value());
}

TEST_CASE("sequential znodes count all creations of their parent") {
    world w;
    auto c = w.connect();
    CHECK(w.create(*c, "/p") == 0);
    CHECK(w.create(*c, "/p/plain") == 0);
    CHECK(w.remove(*c, "/p/plain") == 0);
    CHECK(w.call(*c, opcode::create, w.node("/p/n-", "", 2)).as<proto::create_response>().path == "/p/n-0000000001");
    CHECK(w.call(*c, opcode::create2, w.node("/p/", "", 3)).as<proto::create2_response>().path == "/p/0000000002");
    CHECK(w.stat(*c, "/p").cversion == 4);
    CHECK(w.stat(*c, "/p/0000000002").ephemeral_owner == c->session);
}

TEST_CASE("the checks of a create come in Apache's order") {
    world w;
    auto c = w.connect();
    auto r = w.node("/x/y", "", 9);
    r.acls.clear();
    CHECK(w.call(*c, opcode::create, r).err == bad_arguments);    // the flags first
    r.flags = 5;
    CHECK(w.call(*c, opcode::create, r).err == unimplemented);    // times to live are not enabled
    r.flags = 0;
    r.path = "x";
    CHECK(w.call(*c, opcode::create, r).err == bad_arguments);    // no parent in the path
    r.path = "/x/y";
    CHECK(w.call(*c, opcode::create, r).err == invalid_acl);
    r.acls.resize(1);
    r.path = "/x//y";
    CHECK(w.call(*c, opcode::create, r).err == no_node);    // the parent before the rest of the path
    r.path = "//y";
    CHECK(w.call(*c, opcode::create, r).err == bad_arguments);
    r.path = "/zookeeper/config/y";
    CHECK(w.call(*c, opcode::create, r).err == no_auth);
    CHECK(w.call(*c, opcode::set_acl, proto::set_acl_request{"/zookeeper", {muster::zk::acl(27, "world", "anyone")}, -1}).err ==
          0);
    r.path = "/zookeeper/config";
    CHECK(w.call(*c, opcode::create, r).err == no_auth);    // although it exists
    r.path = "/zookeeper/config/..";
    CHECK(w.call(*c, opcode::create, r).err == no_auth);    // before what is wrong with the name
    r.path = "/";
    CHECK(w.call(*c, opcode::create, r).err == node_exists);
    r.path = "";
    CHECK(w.call(*c, opcode::create, r).err == bad_arguments);
    CHECK(w.create(*c, "/e", 1) == 0);
    CHECK(w.create(*c, "/e/below") == -108);
    CHECK(w.create(*c, "/e", 1) == node_exists);
}

TEST_CASE("which paths a znode can have") {
    world w;
    auto c = w.connect();
    for (const char* bad : {"/a/", "/.", "/..", "/\x01", "/\x1f", "/\x7f", "/\xc2\x80", "/\xc2\x9f", "/\xee\x80\x80",
                            "/\xf0\x9f\x98\x80", "/\xef\xbf\xb0", "/\xff", "/\xed\xa0\x80", "/a/b/"})
        CHECK(w.create(*c, bad) < 0);
    for (const char* good : {"/...", "/.a", "/a.", "/ ", "/\xc2\xa0", "/\xef\xa4\x80", "/\xed\x9f\xbf", "/\xc3\xa9"})
        CHECK(w.create(*c, good) == 0);
    CHECK(w.create(*c, std::string("/nul\0", 5)) == bad_arguments);
    CHECK(w.exists(*c, std::string("/nul\0", 5)).err == bad_arguments);
    CHECK(w.get(*c, std::string("/nul\0", 5)).err == no_node);
    CHECK(w.get(*c, "nonsense//").err == no_node);
    CHECK(w.get(*c, "").err == 0);    // the root
}

TEST_CASE("what may not be deleted") {
    world w;
    auto c = w.connect();
    for (const char* path : {"/", "", "/zookeeper", "/zookeeper/quota", "/zookeeper/config", "x"})
        CHECK(w.remove(*c, path) == bad_arguments);
    CHECK(w.create(*c, "/a") == 0);
    CHECK(w.create(*c, "/a/b") == 0);
    CHECK(w.remove(*c, "/a", 5) == bad_version);    // before its children
    CHECK(w.remove(*c, "/a") == not_empty);
    CHECK(w.remove(*c, "/none/b") == no_node);
    CHECK(w.remove(*c, "/a/") == no_node);
}

TEST_CASE("children with and without a stat, and descendants") {
    world w;
    auto c = w.connect();
    CHECK(w.children(*c, "/").as<proto::get_children_response>().children == lines{"zookeeper"});
    CHECK(w.create(*c, "/a") == 0);
    CHECK(w.create(*c, "/a/c") == 0);
    CHECK(w.create(*c, "/a/b") == 0);
    const auto two =
        w.call(*c, opcode::get_children2, proto::path_watch_request{"/a", false}).as<proto::get_children2_response>();
    CHECK(two.children == lines{"b", "c"});
    CHECK(two.stat.num_children == 2);
    CHECK(w.children(*c, "/none").err == no_node);
    const auto all = [&](const char* path) { return w.call(*c, opcode::get_all_children_number, proto::path_request{path}); };
    CHECK(all("/").as<proto::total_number_response>().total_number == 6);
    CHECK(all("/a").as<proto::total_number_response>().total_number == 2);
    CHECK(all("/none").err == no_node);
}

TEST_CASE("containers and times to live are answered with a stat, and need to be enabled") {
    world w;
    auto c = w.connect();
    CHECK(w.call(*c, opcode::create_container, w.node("/c", "", 4)).as<proto::create2_response>().stat.ephemeral_owner == 0);
    proto::create_ttl_request ttl;
    ttl.path = "/t";
    ttl.acls.resize(1);
    ttl.flags = 5;
    ttl.ttl = 100;
    CHECK(w.call(*c, opcode::create_ttl, ttl).err == unimplemented);
    CHECK_FALSE(c->closed);

    muster::embedded::settings s;
    s.extended_types = true;
    world x(s);
    auto d = x.connect();
    CHECK(x.call(*d, opcode::create_ttl, ttl).as<proto::create2_response>().stat.ephemeral_owner == 0);
    for (const std::int64_t bad : {std::int64_t{0}, std::int64_t{-1}, std::int64_t{1} << 40}) {
        ttl.ttl = bad;
        CHECK(x.call(*d, opcode::create_ttl, ttl).err == bad_arguments);
    }
    ttl.ttl = 5;
    ttl.flags = 0;
    CHECK(x.call(*d, opcode::create_ttl, ttl).err == bad_arguments);
    ttl.ttl = -1;
    CHECK(x.call(*d, opcode::create_ttl, ttl).err == bad_arguments);
    CHECK(x.create(*d, "/plain", 5) == bad_arguments);
    CHECK(x.create(*d, "/p", 4) == 0);    // the kind of request decides
    CHECK(x.e.leader_tree().containers().empty());
}

TEST_CASE("containers go when they were used and are empty, others when their time is over") {
    muster::embedded::settings s;
    s.extended_types = true;
    s.container_check_interval = 1000ms;
    world w(s);
    auto c = w.connect(0, 40000);
    CHECK(w.call(*c, opcode::create_container, w.node("/c", "", 4)).err == 0);
    proto::create_ttl_request ttl;
    ttl.path = "/t";
    ttl.acls.resize(1);
    ttl.flags = 5;
    ttl.ttl = 1500;
    CHECK(w.call(*c, opcode::create_ttl, ttl).err == 0);
    w.pass(1000ms);
    CHECK(w.exists(*c, "/c").err == 0);    // it never had a child
    CHECK(w.create(*c, "/c/x") == 0);
    w.pass(1000ms);
    CHECK(w.exists(*c, "/c").err == 0);
    CHECK(w.exists(*c, "/t", true).err == no_node);
    CHECK(w.remove(*c, "/c/x") == 0);
    CHECK(w.exists(*c, "/c", true).err == 0);
    CHECK(w.e.deadline() == w.now + 1000ms);
    w.pass(999ms);
    CHECK(w.told(*c) == lines{});
    w.pass(1ms);
    CHECK(w.told(*c) == lines{"deleted /c"});
}

TEST_CASE("sync, ping, whoAmI, ephemerals") {
    world w;
    auto c = w.connect();
    CHECK(w.call(*c, opcode::sync, proto::path_request{"/any//thing"}).as<proto::path_response>().path == "/any//thing");
    w.give(*c, frame_of(proto::request_header{-2, 11}));
    CHECK(w.hear(*c)->xid == -2);
    CHECK(w.create(*c, "/a") == 0);
    CHECK(w.create(*c, "/a/e", 1) == 0);
    CHECK(w.create(*c, "/f", 1) == 0);
    const auto mine = [&](const char* prefix) {
        return w.call(*c, opcode::get_ephemerals, proto::path_request{prefix}).as<proto::get_ephemerals_response>().ephemerals;
    };
    CHECK(mine(" / ").size() == 2);
    CHECK(mine("").size() == 2);
    CHECK(mine("/a") == lines{"/a/e"});
    CHECK(mine("/b").empty());
    const auto who = w.call(*c, opcode::who_am_i).as<proto::who_am_i_response>();
    REQUIRE(who.clients.size() == 1);
    CHECK(who.clients[0].auth_scheme == "ip");
    CHECK(who.clients[0].user == "127.0.0.1");
}

TEST_CASE("requests that nobody knows are refused, and the connection is closed") {
    for (const std::int32_t type : {0, 10, 13, 23, 99, 108, -1, -10, 1000000}) {
        world w;
        auto c = w.connect();
        w.give(*c, frame_of(proto::request_header{5, type}));
        const auto h = w.hear(*c);
        REQUIRE(h.has_value());
        CHECK(h->xid == 5);
        CHECK(h->zxid == -1);
        CHECK(h->err == unimplemented);
        CHECK(c->closed);
        CHECK(w.e.at(0).connections() == 0);
        CHECK(w.e.session_ids().size() == 1);
    }
}

TEST_CASE("reconfig answers as a standalone server") {
    world w;
    auto c = w.connect();
    CHECK(w.call(*c, opcode::reconfig, proto::reconfig_request{}).err == -123);
    muster::embedded::settings s;
    s.reconfig_enabled = true;
    world x(s);
    auto d = x.connect();
    CHECK(x.call(*d, opcode::reconfig, proto::reconfig_request{}).err == unimplemented);
    CHECK_FALSE(d->closed);
}

TEST_CASE("requests that cannot be read are answered with an error") {
    world w;
    auto c = w.connect();
    for (const auto op : {opcode::create,         opcode::create2,        opcode::create_ttl,
                          opcode::remove,         opcode::set_data,       opcode::set_acl,
                          opcode::multi,          opcode::multi_read,     opcode::exists,
                          opcode::get_data,       opcode::get_children,   opcode::get_children2,
                          opcode::get_acl,        opcode::sync,           opcode::set_watches,
                          opcode::set_watches2,   opcode::add_watch,      opcode::check_watches,
                          opcode::remove_watches, opcode::get_ephemerals, opcode::get_all_children_number})
        CHECK(w.call(*c, op).err == marshalling);
    CHECK(w.create(*c, "/a") == 0);
}
