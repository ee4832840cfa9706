// Part of muster. Boost Software License 1.0, see LICENSE.
#include "embedded/proposals.hpp"
#include "unit/embedded/fixture.hpp"
#include "unit/proto_zk/allocations.hpp"

#include <new>

using namespace muster::test;

namespace {

proto::multi_operation op(opcode type, proto::multi_operation::record body) { return {type, std::move(body)}; }

proto::multi_operation create(std::string path, std::int32_t flags = 0, opcode type = opcode::create) {
    return op(type, world::node(std::move(path), "", flags));
}
proto::multi_operation erase(std::string path) { return op(opcode::remove, proto::delete_request{std::move(path), -1}); }
proto::multi_operation check(std::string path, std::int32_t version) {
    return op(opcode::check, proto::check_version_request{std::move(path), version});
}
proto::multi_operation set(std::string path, std::string data) {
    return op(opcode::set_data, proto::set_data_request{std::move(path), std::move(data), -1});
}

using errs = std::vector<std::int32_t>;

}    // namespace

TEST_CASE("a multi is one transaction with one id, and each operation sees those before it") {
    world w;
    auto c = w.connect();
    CHECK(w.children(*c, "/", true).err == 0);
    const auto h = w.call(*c, opcode::multi,
                          proto::multi_request{{create("/a"), create("/a/n-", 2), create("/a/n-", 2), set("/a", "xy"),
                                                check("/a", 1), erase("/a/n-0000000000")}});
    const auto results = h.as<proto::multi_response>().results;
    REQUIRE(results.size() == 6);
    CHECK(std::get<proto::create_response>(results[1].body).path == "/a/n-0000000000");
    CHECK(std::get<proto::create_response>(results[2].body).path == "/a/n-0000000001");
    const auto set_stat = std::get<proto::stat_response>(results[3].body).stat;
    CHECK(set_stat.num_children == 2);    // at that moment
    CHECK(set_stat.mzxid == h.zxid);
    CHECK(h.zxid == 2);
    CHECK(w.told(*c) == lines{"children /"});
    CHECK(w.stat(*c, "/a").num_children == 1);
    CHECK(w.stat(*c, "/a").czxid == h.zxid);
}

TEST_CASE("a multi that fails changes nothing, fires nothing, and tells who failed") {
    world w;
    auto c = w.connect();
    CHECK(w.create(*c, "/a") == 0);
    CHECK(w.create(*c, "/a/b", 1) == 0);
    const auto before = w.stat(*c, "/a");
    CHECK(w.get(*c, "/a/b", true).err == 0);
    CHECK(w.children(*c, "/a", true).err == 0);
    const auto h = w.call(
        *c, opcode::multi,
        proto::multi_request{{set("/a", "new"), erase("/a/b"), create("/a/b"), create("/a/b/c"), check("/a", 7), create("/z")}});
    CHECK(errors(h) == errs{0, 0, 0, 0, bad_version, -2});
    CHECK(w.told(*c).empty());
    CHECK(w.stat(*c, "/a") == before);
    CHECK(w.e.leader_tree().stat_of(*w.e.leader_tree().find("/a")) == before);
    CHECK(w.e.leader_tree().size() == w.e.at(0).data().size());
    CHECK(w.stat(*c, "/a/b").ephemeral_owner == c->session);
    CHECK(w.call(*c, opcode::get_ephemerals, proto::path_request{"/"}).as<proto::get_ephemerals_response>().ephemerals ==
          lines{"/a/b"});
    CHECK(w.get(*c, "/").zxid == h.zxid);    // it used up an id
    CHECK(w.create(*c, "/a/n-", 2) == -0);
    CHECK(w.children(*c, "/a").as<proto::get_children_response>().children == lines{"b", "n-0000000001"});
}

TEST_CASE("an empty multi is a transaction, too") {
    world w;
    auto c = w.connect();
    const auto h = w.call(*c, opcode::multi, proto::multi_request{});
    CHECK(errors(h).empty());
    CHECK(h.zxid == 2);
}

TEST_CASE("in a multi the flags decide what is created") {
    muster::embedded::settings s;
    s.extended_types = true;
    world w(s);
    auto c = w.connect();
    proto::create_ttl_request ttl;
    ttl.path = "/ttl";
    ttl.acls.resize(1);
    ttl.flags = 5;
    ttl.ttl = 1000;
    auto plain = ttl;
    plain.path = "/plain";
    plain.flags = 0;
    const auto h = w.call(*c, opcode::multi,
                          proto::multi_request{{create("/a", 0, opcode::create2), create("/b", 0, opcode::create_container),
                                                create("/c", 4), op(opcode::create_ttl, ttl), op(opcode::create_ttl, plain)}});
    const auto results = h.as<proto::multi_response>().results;
    REQUIRE(results.size() == 5);
    for (const std::size_t i : {0U, 1U, 4U}) CHECK(results[i].type == opcode::create);
    for (const std::size_t i : {2U, 3U}) CHECK(results[i].type == opcode::create2);
    CHECK(w.e.leader_tree().containers() == std::set<std::string, std::less<>>{"/c"});
    CHECK(w.e.leader_tree().ttls() == std::set<std::string, std::less<>>{"/ttl"});
    CHECK(w.call(*c, opcode::multi, proto::multi_request{{create("/x"), create("/y", 5)}}).err == marshalling);
    CHECK(w.exists(*c, "/x").err == no_node);
}

TEST_CASE("nothing stays of a multi for which memory has run out") {
    const muster::embedded::settings s;
    muster::embedded::tree t;
    muster::embedded::proposals judge(s, t);
    const muster::embedded::identities who("127.0.0.1");
    muster::embedded::transaction all;
    all.zxid = 1;
    const std::string body =
        frame_of(proto::multi_request{{create("/a"), create("/a/b"), set("/a", std::string(200'000, 'x'))}}).substr(4);
    {
        const allocation_limit limit(100'000);
        CHECK_THROWS_AS(judge.judge(opcode::multi, body, who, all), std::bad_alloc);
    }
    CHECK(t.find("/a") == nullptr);
    CHECK(t.find("/a/b") == nullptr);
    CHECK(t.size() == muster::embedded::tree().size());
    CHECK(all.changes.empty());
    CHECK(judge.judge(opcode::multi, body, who, all).error == 0);
    CHECK(t.find("/a")->data->size() == 200'000);
}

TEST_CASE("multis read or write") {
    world w;
    auto c = w.connect();
    CHECK(w.create(*c, "/a") == 0);
    const auto get = op(opcode::get_data, proto::path_watch_request{"/a", true});
    const auto list = op(opcode::get_children, proto::path_watch_request{"/", true});
    const auto missing = op(opcode::get_data, proto::path_watch_request{"/none", true});
    const auto results =
        w.call(*c, opcode::multi_read, proto::multi_request{{get, missing, list}}).as<proto::multi_response>().results;
    REQUIRE(results.size() == 3);
    CHECK(std::get<proto::get_data_response>(results[0].body).data == "");
    CHECK(std::get<proto::error_response>(results[1].body).err == no_node);
    CHECK(std::get<proto::get_children_response>(results[2].body).children == lines{"a", "zookeeper"});
    CHECK(w.e.at(0).watch_count() == 0);
    CHECK(w.call(*c, opcode::multi_read, proto::multi_request{}).as<proto::multi_response>().results.empty());
    CHECK(w.call(*c, opcode::multi, proto::multi_request{{get}}).err == marshalling);
    CHECK(w.call(*c, opcode::multi_read, proto::multi_request{{create("/b")}}).err == marshalling);
}
