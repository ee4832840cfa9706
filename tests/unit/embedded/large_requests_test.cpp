// Part of muster. Boost Software License 1.0, see LICENSE.
//
// Requests that are legal, and ask for much: what they cost is bounded, and nobody else pays for it.
#include "unit/embedded/fixture.hpp"
#include "unit/proto_zk/allocations.hpp"

#include <fmt/format.h>

#include <algorithm>

using namespace muster::test;
using muster::zk::acl;

namespace {

// A client with as many identities as it can have.
world::client many(world& w) {
    auto c = w.connect();
    for (std::size_t i = 0; i + 1 < 64; ++i) {
        proto::auth_packet p;
        p.scheme = "digest";
        p.auth = "u" + std::to_string(i) + ":x";
        REQUIRE(w.call(*c, opcode::auth, p).err == 0);
    }
    return c;
}

// So many ACLs for all identities, no two alike.
std::vector<acl> all_mine(std::size_t n) {
    std::vector<acl> acls;
    for (std::size_t i = 0; i < n; ++i) acls.emplace_back(static_cast<std::int32_t>(i), "auth", "");
    return acls;
}

proto::create_request node_for(std::string path, std::vector<acl> acls) {
    auto r = world::node(std::move(path));
    r.acls = std::move(acls);
    return r;
}

// So many changes of "/", each of which tells whoever watches it.
proto::multi_request changes(std::size_t n) {
    proto::multi_request r;
    r.operations.assign(n, {opcode::set_data, proto::set_data_request{"/", "", -1}});
    return r;
}

world::client watcher(world& w) {
    auto c = w.connect();
    REQUIRE(w.call(*c, opcode::add_watch, proto::add_watch_request{"/", 0}).err == 0);
    return c;
}

}    // namespace

TEST_CASE("a frame of ACLs for all identities is answered, and does not cost their product") {
    world w;
    auto other = w.connect();
    auto c = many(w);
    CHECK(w.create(*c, "/n") == 0);
    const auto acls = all_mine(60'000);
    const auto request = [](opcode op, const auto& r) { return frame_of(proto::request_header{1'000, to_wire(op)}, r); };
    std::string frame;
    SUBCASE("create") { frame = request(opcode::create, node_for("/x", acls)); }
    SUBCASE("create, below nothing") { frame = request(opcode::create, node_for("/none/x", acls)); }
    SUBCASE("setACL") { frame = request(opcode::set_acl, proto::set_acl_request{"/n", acls, -1}); }
    {
        const largest_allocation during;
        w.give(*c, frame);
        CHECK(during.bytes() < 5 << 20);
        CHECK(during.total() < 12 << 20);    // with what it takes to come in
    }
    CHECK(w.reply(*c, 1'000).err == invalid_acl);
    CHECK(w.exists(*other, "/x").err == no_node);
    CHECK(w.e.leader_tree().find("/n")->acls->all() == std::vector<acl>{acl()});
    CHECK(w.call(*c, opcode::create, node_for("/x", all_mine(5))).err == 0);
    CHECK(w.e.leader_tree().find("/x")->acls->all().size() == 5 * 63);
}

TEST_CASE("a frame of ACLs costs a small multiple of its size") {
    world w;
    auto c = w.connect();
    std::vector<acl> acls;
    for (int i = 0; i < 40'000; ++i) acls.emplace_back(31, "ip", fmt::format("10.{}.{}.{}", i >> 16, i >> 8 & 255, i & 255));
    const std::string frame = frame_of(proto::request_header{1'000, to_wire(opcode::create)}, node_for("/x", acls));
    {
        const largest_allocation during;
        w.give(*c, frame);
        CHECK(during.total() < 12 * frame.size());
    }
    CHECK(w.reply(*c, 1'000).err == 0);
    CHECK(w.e.leader_tree().find("/x")->acls->all() == acls);
}

TEST_CASE("the ACLs of a multi are bounded together") {
    world w;
    auto c = many(w);
    proto::multi_request r;
    for (int i = 0; i < 1'000; ++i)
        r.operations.push_back({opcode::create, node_for("/" + std::to_string(i), {acl(i, "auth", "")})});
    const auto size = w.e.leader_tree().size();
    const auto all = errors(w.call(*c, opcode::multi, r));
    REQUIRE(all.size() == 1'000);
    const auto failed = std::find(all.begin(), all.end(), invalid_acl);
    CHECK(failed - all.begin() > 300);
    CHECK(failed - all.begin() < 400);
    CHECK(w.e.leader_tree().size() == size);
}

TEST_CASE("equal ACLs are stored once") {
    world w;
    auto c = many(w);
    proto::multi_request r;
    for (std::size_t i = 0; i < 15'000; ++i)
        r.operations.push_back({opcode::create, node_for("/" + std::to_string(i), all_mine(1 + i % 2))});
    const auto all = errors(w.call(*c, opcode::multi, r));
    CHECK(std::count(all.begin(), all.end(), succeeded) == 15'000);
    CHECK(w.call(*c, opcode::create, node_for("/one", all_mine(1))).err == 0);
    CHECK(w.create(*c, "/two") == 0);
    CHECK(w.call(*c, opcode::set_acl, proto::set_acl_request{"/two", all_mine(2), -1}).err == 0);
    const auto& t = w.e.leader_tree();
    CHECK(t.find("/0")->acls->all().size() == 63);
    CHECK(t.find("/1")->acls->all().size() == 126);
    for (const char* path : {"/2", "/14998", "/one"}) CHECK(t.find(path)->acls == t.find("/0")->acls);
    for (const char* path : {"/3", "/14999", "/two"}) CHECK(t.find(path)->acls == t.find("/1")->acls);
}

TEST_CASE("who would be told too much by one request is closed, and told nothing of it") {
    muster::embedded::settings s;
    s.max_pending = 100'000;
    world w(s);
    auto c = w.connect();
    auto other = watcher(w);
    auto modest = w.connect();
    CHECK(w.get(*modest, "/", true).err == 0);
    SUBCASE("another") {
        w.ask(*c, opcode::multi, changes(1'000));
        CHECK_FALSE(other->closed);
        CHECK(w.told(*other).size() == 1'000);
        CHECK(w.next(*c));
        CHECK(w.call(*c, opcode::multi, changes(4'000)).err == 0);
        CHECK(w.told(*modest) == lines{"changed /"});
    }
    SUBCASE("who asked for it") {
        CHECK(w.call(*c, opcode::add_watch, proto::add_watch_request{"/", 0}).err == 0);
        w.ask(*c, opcode::multi, changes(4'000));
        CHECK(c->closed);
        CHECK(c->in.empty());
        CHECK(w.stat(*modest, "/").version == 4'000);
        CHECK(w.told(*modest) == lines{"changed /"});
    }
    SUBCASE("who arms its watches again") {
        proto::set_watches_request r;
        for (int i = 0; i < 4'000; ++i) r.data.push_back("/" + std::to_string(i));
        w.ask(*c, opcode::set_watches, r);
        CHECK(c->closed);
        CHECK(c->in.empty());
        CHECK(w.call(*modest, opcode::multi, changes(4'000)).err == 0);
    }
    CHECK(other->closed);
    CHECK(other->in.empty());
    CHECK_FALSE(modest->closed);
    CHECK(w.e.at(0).watch_count() == 0);
}

TEST_CASE("where all together would be told too much, those that would be told most are closed") {
    muster::embedded::settings s;
    s.max_events = 1'000'000;
    world w(s);
    auto c = w.connect();
    auto modest = w.connect();
    CHECK(w.get(*modest, "/", true).err == 0);
    std::vector<world::client> watchers;
    for (int i = 0; i < 8; ++i) watchers.push_back(watcher(w));
    CHECK(w.call(*c, opcode::multi, changes(9'000)).err == 0);    // of 33 bytes each
    std::size_t left = 0;
    for (const auto& one : watchers) {
        if (one->closed) {
            CHECK(one->in.empty());
            continue;
        }
        ++left;
        CHECK(w.told(*one).size() == 9'000);
    }
    CHECK(left == 3);
    CHECK(w.told(*modest) == lines{"changed /"});
    CHECK(w.e.at(0).connections() == left + 2);
    // What was told has made room.
    for (int i = 0; i < 4; ++i) CHECK(w.call(*c, opcode::multi, changes(9'000)).err == 0);
    CHECK(w.e.at(0).connections() == left + 2);
}
