// Part of muster. Boost Software License 1.0, see LICENSE.
#include "unit/embedded/fixture.hpp"

using namespace muster::test;

namespace {

std::int32_t add_watch(world& w, wire_client& c, std::string path, std::int32_t mode) {
    const auto h = w.call(c, opcode::add_watch, proto::add_watch_request{std::move(path), mode});
    if (h.err == 0) CHECK(h.as<proto::error_response>().err == 0);
    return h.err;
}

std::int32_t about(world& w, wire_client& c, opcode op, std::string path, std::int32_t type) {
    return w.call(c, op, proto::remove_watches_request{std::move(path), type}).err;
}

}    // namespace

TEST_CASE("data watches fire once, before the reply to the one who changed it") {
    world w;
    auto a = w.connect();
    auto b = w.connect();
    CHECK(w.create(*a, "/n") == 0);
    CHECK(w.get(*a, "/n", true).err == 0);
    CHECK(w.exists(*b, "/n", true).err == 0);
    CHECK(w.e.at(0).watch_count() == 2);
    const auto xid = w.ask(*a, opcode::set_data, proto::set_data_request{"/n", "x", -1});
    CHECK(w.hear(*a)->xid == proto::xid_event);
    CHECK(w.hear(*a)->xid == xid);
    CHECK(w.told(*b) == lines{"changed /n"});
    CHECK(w.set(*a, "/n") == 0);
    CHECK(w.told(*a).empty());
    CHECK(w.told(*b).empty());
    CHECK(w.e.at(0).watch_count() == 0);
}

TEST_CASE("exist watches wait for creation; other reads of what is not there set no watch") {
    world w;
    auto c = w.connect();
    CHECK(w.get(*c, "/n", true).err == no_node);
    CHECK(w.children(*c, "/n", true).err == no_node);
    CHECK(w.e.at(0).watch_count() == 0);
    CHECK(w.exists(*c, "/n", true).err == no_node);
    CHECK(w.create(*c, "/n") == 0);
    CHECK(w.told(*c) == lines{"created /n"});
}

TEST_CASE("child watches see children, and the end of the znode") {
    world w;
    auto c = w.connect();
    CHECK(w.create(*c, "/p") == 0);
    CHECK(w.children(*c, "/p", true).err == 0);
    CHECK(w.create(*c, "/p/x") == 0);
    CHECK(w.told(*c) == lines{"children /p"});
    CHECK(w.children(*c, "/p", true).err == 0);
    CHECK(w.set(*c, "/p") == 0);
    CHECK(w.set(*c, "/p/x") == 0);
    CHECK(w.told(*c).empty());
    CHECK(w.remove(*c, "/p/x") == 0);
    CHECK(w.told(*c) == lines{"children /p"});
    CHECK(w.children(*c, "/p", true).err == 0);
    CHECK(w.children(*c, "/", true).err == 0);
    CHECK(w.remove(*c, "/p") == 0);
    CHECK(w.told(*c) == lines{"deleted /p", "children /"});
}

TEST_CASE("who watches data and children is told once of a deletion") {
    world w;
    auto c = w.connect();
    CHECK(w.create(*c, "/p") == 0);
    CHECK(w.children(*c, "/p", true).err == 0);
    CHECK(w.get(*c, "/p", true).err == 0);
    CHECK(w.remove(*c, "/p") == 0);
    CHECK(w.told(*c) == lines{"deleted /p"});
    CHECK(w.e.at(0).watch_count() == 0);
}

TEST_CASE("persistent watches stay; recursive ones see all below, but no lists of children") {
    world w;
    auto p = w.connect();
    auto r = w.connect();
    auto c = w.connect();
    CHECK(add_watch(w, *p, "/n", 0) == 0);
    CHECK(add_watch(w, *r, "/n", 1) == 0);
    for (int round = 0; round < 2; ++round) {
        CHECK(w.create(*c, "/n") == 0);
        CHECK(w.create(*c, "/n/x") == 0);
        CHECK(w.create(*c, "/n/x/y") == 0);
        CHECK(w.set(*c, "/n/x/y") == 0);
        CHECK(w.set(*c, "/n") == 0);
        CHECK(w.create(*c, "/nx") == 0);
        for (const char* path : {"/n/x/y", "/n/x", "/n", "/nx"}) CHECK(w.remove(*c, path) == 0);
        CHECK(w.told(*p) == lines{"created /n", "children /n", "changed /n", "children /n", "deleted /n"});
        CHECK(w.told(*r) == lines{"created /n", "created /n/x", "created /n/x/y", "changed /n/x/y", "changed /n",
                                  "deleted /n/x/y", "deleted /n/x", "deleted /n"});
    }
    CHECK(add_watch(w, *p, "/n", 2) == marshalling);
}

TEST_CASE("a connection has one watch on a path, and the last mode counts") {
    world w;
    auto c = w.connect();
    CHECK(w.create(*c, "/n") == 0);
    CHECK(add_watch(w, *c, "/n", 1) == 0);
    CHECK(w.get(*c, "/n", true).err == 0);    // now the data watch is for once, the child watch still recursive
    CHECK(w.create(*c, "/n/x") == 0);
    CHECK(w.told(*c).empty());
    CHECK(w.set(*c, "/n") == 0);
    CHECK(w.told(*c) == lines{"changed /n"});
    CHECK(w.set(*c, "/n") == 0);
    CHECK(w.told(*c).empty());
    CHECK(w.remove(*c, "/n/x") == 0);
    CHECK(w.told(*c) == lines{"deleted /n/x"});
}

TEST_CASE("watches are checked for anybody's, and removed for oneself") {
    world w;
    auto a = w.connect();
    auto b = w.connect();
    CHECK(w.create(*a, "/n") == 0);
    CHECK(about(w, *a, opcode::check_watches, "/n", 3) == -121);
    CHECK(w.get(*a, "/n", true).err == 0);
    CHECK(about(w, *a, opcode::check_watches, "/n", 2) == 0);
    CHECK(about(w, *b, opcode::check_watches, "/n", 3) == 0);    // as Apache's server has it
    CHECK(about(w, *a, opcode::check_watches, "/n", 1) == -121);
    CHECK(about(w, *a, opcode::check_watches, "/n", 4) == marshalling);
    CHECK(about(w, *a, opcode::check_watches, "n", 3) == marshalling);
    CHECK(about(w, *b, opcode::remove_watches, "/n", 3) == -121);
    CHECK(about(w, *a, opcode::remove_watches, "/n", 1) == -121);
    CHECK(about(w, *a, opcode::remove_watches, "/n", 2) == 0);
    CHECK(add_watch(w, *a, "/n", 0) == 0);
    CHECK(about(w, *a, opcode::remove_watches, "/n", 1) == 0);
    CHECK(w.e.at(0).watch_count() == 1);
    CHECK(about(w, *a, opcode::remove_watches, "/n", 3) == 0);
    CHECK(w.e.at(0).watch_count() == 0);
    CHECK(w.set(*a, "/n") == 0);
    CHECK(w.told(*a).empty());
}

TEST_CASE("setWatches tells what was missed, in the order of the lists, and sets the rest") {
    world w;
    auto c = w.connect();
    CHECK(w.create(*c, "/old") == 0);
    CHECK(w.create(*c, "/touched") == 0);
    CHECK(w.create(*c, "/parent") == 0);
    const auto since = w.get(*c, "/").zxid;
    CHECK(w.set(*c, "/touched") == 0);
    CHECK(w.create(*c, "/parent/x") == 0);

    proto::set_watches2_request r;
    r.relative_zxid = since;
    r.data = {"/old", "/touched", "/gone"};
    r.exist = {"/none", "/old"};
    r.child = {"/old", "/parent", "/gone"};
    r.persistent = {"/gone", "/touched"};
    r.persistent_recursive = {"/r"};
    const auto xid = w.ask(*c, opcode::set_watches2, r);
    CHECK(w.reply(*c, xid).err == 0);
    CHECK(w.told(*c) == lines{"changed /touched", "deleted /gone", "created /old", "children /parent", "deleted /gone"});
    CHECK(w.e.at(0).watch_count() == 3 + 6);
    CHECK(w.create(*c, "/none") == 0);
    CHECK(w.create(*c, "/r") == 0);
    CHECK(w.create(*c, "/r/x") == 0);
    CHECK(w.told(*c) == lines{"created /none", "created /r", "created /r/x"});

    proto::set_watches_request plain;
    plain.data = {"/old"};
    CHECK(w.call(*c, opcode::set_watches, plain).err == 0);
    CHECK(w.told(*c) == lines{"changed /old"});    // relative to nothing, everything is new
}

TEST_CASE("events are told only to those who may read") {
    world w;
    auto c = w.connect();
    auto watcher = w.connect();
    proto::auth_packet auth;
    auth.scheme = "digest";
    auth.auth = "u:p";
    CHECK(w.call(*c, opcode::auth, auth).err == 0);
    CHECK(add_watch(w, *watcher, "/", 1) == 0);
    auto secret = w.node("/secret");
    secret.acls = {muster::zk::acl(31, "auth", "")};
    CHECK(w.call(*c, opcode::create, secret).err == 0);
    CHECK(w.create(*c, "/secret/open") == 0);
    CHECK(w.set(*c, "/secret") == 0);
    CHECK(w.exists(*watcher, "/secret", true).err == 0);
    CHECK(w.remove(*c, "/secret/open") == 0);
    CHECK(w.remove(*c, "/secret") == 0);
    CHECK(w.told(*watcher) == lines{"created /secret/open", "deleted /secret/open"});
}

TEST_CASE("a connection's watches go with it") {
    world w;
    auto c = w.connect();
    CHECK(w.exists(*c, "/a", true).err == no_node);
    CHECK(add_watch(w, *c, "/b", 1) == 0);
    CHECK(w.e.at(0).watch_count() == 3);
    SUBCASE("the client goes") { w.e.at(0).closed(c->id, w.now); }
    SUBCASE("the network fails") { w.e.at(0).drop_connections(w.now); }
    SUBCASE("the session ends") { w.e.expire_session(c->session, w.now); }
    SUBCASE("the server crashes") { w.e.crash(0, w.now); }
    CHECK(w.e.at(0).watch_count() == 0);
    CHECK(w.e.at(0).connections() == 0);
}
