// Part of muster. Boost Software License 1.0, see LICENSE.
//
// What each operation sends, and what it makes of the answer.
#include "client_fixture.hpp"

using namespace muster;
using namespace muster::test;
using zk::create_mode;

TEST_SUITE_BEGIN("client: operations");

namespace {

constexpr std::int32_t no_node = -101;

proto::get_data_response data_of(std::optional<std::string> data) {
    proto::get_data_response r;
    r.data = std::move(data);
    r.stat = stat_of(7);
    return r;
}

proto::stat_response stat_only(std::int64_t czxid) {
    proto::stat_response r;
    r.stat = stat_of(czxid);
    return r;
}

}    // namespace

TEST_CASE("create: every mode has its request") {
    struct row {
        create_mode mode;
        opcode op;
        bool ttl;
    };
    for (const auto& [mode, op, ttl] :
         {row{create_mode::persistent, opcode::create2, false}, row{create_mode::ephemeral, opcode::create2, false},
          row{create_mode::persistent_sequential, opcode::create2, false},
          row{create_mode::ephemeral_sequential, opcode::create2, false},
          row{create_mode::container, opcode::create_container, false},
          row{create_mode::persistent_with_ttl, opcode::create_ttl, true},
          row{create_mode::persistent_sequential_with_ttl, opcode::create_ttl, true}}) {
        CAPTURE(static_cast<int>(mode));
        fixture f;
        f.attach();
        outcome<zk::create_result> created;
        zk::create_options options(mode);
        options.ttl = 5s;
        options.acls = {zk::acl(1, "digest", "me:x")};
        f.client.create("/a", "data", options, created.handler());
        const auto r = f.request();
        CHECK(r.is(op));
        if (ttl) {
            const auto sent = r.as<proto::create_ttl_request>();
            CHECK(sent.path == "/a");
            CHECK(sent.data == "data");
            CHECK(sent.acls == options.acls);
            CHECK(sent.flags == static_cast<int>(mode));
            CHECK(sent.ttl == 5000);
        } else {
            const auto sent = r.as<proto::create_request>();
            CHECK(sent.path == "/a");
            CHECK(sent.data == "data");
            CHECK(sent.acls == options.acls);
            CHECK(sent.flags == static_cast<int>(mode));
        }
        proto::create2_response answer;
        answer.path = "/a0000000001";
        answer.stat = stat_of(9);
        f.reply(r, 0, answer);
        CHECK(!created.ec());
        CHECK(created.value().path == "/a0000000001");
        CHECK(created.value().stat == stat_of(9));
    }
}

TEST_CASE("create: an error of the server is the result") {
    fixture f;
    f.attach();
    outcome<zk::create_result> created;
    f.client.create("/a", "", create_mode::ephemeral, created.handler());
    f.reply(f.request(), -110);
    CHECK(created.ec() == server_errc::node_exists);
    CHECK(created.value().path.empty());
}

TEST_CASE("arguments out of range never reach the server") {
    fixture f;
    f.attach();
    for (const auto ttl : {0ms, -1ms, std::chrono::milliseconds(std::int64_t{1} << 40)}) {
        outcome<zk::create_result> created;
        outcome<zk::multi_result> transacted;
        zk::create_options options(create_mode::persistent_with_ttl);
        options.ttl = ttl;
        f.client.create("/a", "", options, created.handler());
        zk::transaction t;
        t.create("/a", "", options);
        f.client.multi(std::move(t), transacted.handler());
        CHECK(!created.done());
        f.sim.run_ready();
        CHECK(created.ec() == client_errc::invalid_argument);
        CHECK(transacted.ec() == client_errc::invalid_argument);
    }
    CHECK(f.requests().empty());
}

TEST_CASE("paths that are not legal never reach the server") {
    fixture f;
    f.attach();
    for (const char* path : {"", "a", "/a/", "//", "/a//b", "/a/../b", "/."}) {
        CAPTURE(path);
        std::vector<error_code> all;
        const auto note = [&all](error_code ec, auto&&...) { all.push_back(ec); };
        f.client.create(path, "", {}, note);
        f.client.remove(path, -1, note);
        f.client.exists(path, note);
        f.client.exists_and_watch(path, note);
        f.client.get(path, note);
        f.client.get_and_watch(path, note);
        f.client.set(path, "", -1, note);
        f.client.children(path, note);
        f.client.children_and_watch(path, note);
        f.client.sync(path, note);
        f.client.add_watch(path, zk::add_watch_mode::persistent, note);
        f.client.multi(zk::transaction().remove(path), note);
        f.client.multi_read(zk::read_batch().get(path), note);
        f.client.check(path, 0, note);
        f.client.ephemerals(path, note);
        f.client.all_children_number(path, note);
        f.client.get_acl(path, note);
        f.client.set_acl(path, {}, 0, note);
        f.client.check_watches(path, zk::watch_type::any, note);
        f.client.remove_watches(path, note);
        CHECK(all.empty());
        f.sim.run_ready();
        CHECK(all == std::vector<error_code>(20, client_errc::invalid_path));
    }
    CHECK(f.requests().empty());
    // A sequential znode gets its name behind the slash.
    outcome<zk::create_result> created;
    f.client.create("/a/", "", create_mode::ephemeral_sequential, created.handler());
    CHECK(f.request().as<proto::create_request>().path == "/a/");
}

TEST_CASE("exists: a missing znode is no error") {
    fixture f;
    f.attach();
    outcome<std::optional<zk::stat>> there;
    outcome<std::optional<zk::stat>> missing;
    outcome<std::optional<zk::stat>> denied;
    f.client.exists("/a", there.handler());
    f.client.exists("/b", missing.handler());
    f.client.exists("/c", denied.handler());
    const auto sent = f.requests();
    REQUIRE(sent.size() == 3);
    CHECK(sent[0].is(opcode::exists));
    CHECK(sent[0].as<proto::path_watch_request>().path == "/a");
    CHECK(!sent[0].as<proto::path_watch_request>().watch);
    f.reply(sent[0], 0, stat_only(5));
    f.reply(sent[1], no_node);
    f.reply(sent[2], -102);
    CHECK(!there.ec());
    CHECK(there.value() == stat_of(5));
    CHECK(!missing.ec());
    CHECK(!missing.value().has_value());
    CHECK(denied.ec() == server_errc::no_auth);
}

TEST_CASE("get: data, empty data, no data") {
    fixture f;
    f.attach();
    for (const auto& data : {std::optional<std::string>("xyz"), std::optional<std::string>(""), std::optional<std::string>()}) {
        outcome<zk::get_result> got;
        f.client.get("/a", got.handler());
        const auto r = f.request();
        CHECK(r.is(opcode::get_data));
        f.reply(r, 0, data_of(data));
        CHECK(!got.ec());
        CHECK(got.value().data == data.value_or(""));
        CHECK(got.value().stat == stat_of(7));
    }
}

TEST_CASE("set, remove, sync, children") {
    fixture f;
    f.attach();
    outcome<zk::stat> set;
    outcome<> removed;
    outcome<> synced;
    outcome<zk::children_result> listed;
    f.client.set("/a", "new", 3, set.handler());
    f.client.remove("/b", 4, removed.handler());
    f.client.sync("/", synced.handler());
    f.client.children("/c", listed.handler());
    const auto sent = f.requests();
    REQUIRE(sent.size() == 4);
    const auto set_request = sent[0].as<proto::set_data_request>();
    CHECK(sent[0].is(opcode::set_data));
    CHECK(set_request.path == "/a");
    CHECK(set_request.data == "new");
    CHECK(set_request.version == 3);
    CHECK(sent[1].is(opcode::remove));
    CHECK(sent[1].as<proto::delete_request>().version == 4);
    CHECK(sent[2].is(opcode::sync));
    CHECK(sent[2].as<proto::path_request>().path == "/");
    CHECK(sent[3].is(opcode::get_children2));
    proto::path_response path;
    path.path = "/";
    proto::get_children2_response children;
    children.children = {"x", "y"};
    children.stat = stat_of(8);
    f.reply(sent[0], 0, stat_only(6));
    f.reply(sent[1], -111);
    f.reply(sent[2], 0, path);
    f.reply(sent[3], 0, children);
    CHECK(set.value() == stat_of(6));
    CHECK(removed.ec() == server_errc::not_empty);
    CHECK(!synced.ec());
    CHECK(listed.value().names == std::vector<std::string>{"x", "y"});
    CHECK(listed.value().stat == stat_of(8));
}

TEST_CASE("multi: all results, in order") {
    fixture f(config_for_tests("10.0.0.1:2181/chroot"));
    f.attach();
    outcome<zk::multi_result> done;
    zk::transaction t;
    t.create("/a", "x", create_mode::ephemeral).set("/b", "y", 2).check("/c", 3).remove("/d");
    f.client.multi(std::move(t), done.handler());
    const auto r = f.request();
    CHECK(r.is(opcode::multi));
    const auto sent = r.as<proto::multi_request>();
    REQUIRE(sent.operations.size() == 4);
    CHECK(sent.operations[0].type == opcode::create2);
    CHECK(std::get<proto::create_request>(sent.operations[0].body).path == "/chroot/a");
    CHECK(std::get<proto::set_data_request>(sent.operations[1].body).version == 2);
    CHECK(std::get<proto::check_version_request>(sent.operations[2].body).path == "/chroot/c");
    CHECK(std::get<proto::delete_request>(sent.operations[3].body).version == -1);

    proto::multi_response answer;
    answer.results.resize(4);
    proto::create2_response created;
    created.path = "/chroot/a";
    created.stat = stat_of(1);
    answer.results[0].type = opcode::create2;
    answer.results[0].body = created;
    answer.results[1].type = opcode::set_data;
    answer.results[1].body = stat_only(2);
    answer.results[2].type = opcode::check;
    answer.results[3].type = opcode::remove;
    f.reply(r, 0, answer);
    CHECK(!done.ec());
    REQUIRE(done.value().size() == 4);
    CHECK(done.value()[0].path == "/a");
    CHECK(done.value()[0].stat == stat_of(1));
    CHECK(done.value()[1].stat == stat_of(2));
}

TEST_CASE("multi: which operation failed") {
    fixture f;
    f.attach();
    outcome<zk::multi_result> done;
    f.client.multi(zk::transaction().check("/a", 1).check("/b", 1).check("/c", 1), done.handler());
    proto::multi_response answer;
    for (const std::int32_t err : {0, -103, -2}) {
        proto::error_response e;
        e.err = err;
        proto::multi_result result;
        result.type = opcode::error;
        result.body = e;
        answer.results.push_back(result);
    }
    f.reply(f.request(), 0, answer);
    CHECK(done.ec() == server_errc::bad_version);
    REQUIRE(done.value().size() == 3);
    CHECK(!done.value()[0].ec);
    CHECK(done.value()[1].ec == server_errc::bad_version);
    CHECK(done.value()[2].ec == server_errc::runtime_inconsistency);
}

TEST_CASE("multi: nothing to do is legal") {
    fixture f;
    f.attach();
    outcome<zk::multi_result> done;
    f.client.multi(zk::transaction(), done.handler());
    const auto r = f.request();
    CHECK(r.as<proto::multi_request>().operations.empty());
    f.reply(r, 0, proto::multi_response());
    CHECK(!done.ec());
    CHECK(done.value().empty());
}

TEST_CASE("an answer that cannot be read fails its operation and drops the connection") {
    fixture f;
    f.attach();
    outcome<zk::get_result> got;
    f.client.get("/a", got.handler());
    f.reply(f.request(), 0, stat_only(1));
    CHECK(got.ec().category() == zk::protocol_category());
    CHECK(got.value().data.empty());
    CHECK(f.server.peer->closed());
}

TEST_CASE("many requests made in one handler go out in one write") {
    fixture f;
    f.attach();
    const auto before = f.server.peer->writes();
    int completed = 0;
    asio::post(f.sim.io, [&] {
        for (int i = 0; i != 64; ++i) f.client.get("/a", [&](error_code, const zk::get_result&) { ++completed; });
    });
    const auto sent = f.requests();
    CHECK(sent.size() == 64);
    CHECK(f.server.peer->writes() == before + 1);
    for (const auto& r : sent) f.server.reply(r.xid, 0, data_of("x"));
    f.sim.run_ready();
    CHECK(completed == 64);
}

TEST_CASE("plain reads of data made in one handler share a request, those that watch do not") {
    auto config = config_for_tests();
    config.batch_reads = zk::config().batch_reads;
    fixture f(config);
    f.attach();
    outcome<zk::get_result> a, b;
    outcome<zk::get_result, zk::watcher> watched;
    asio::post(f.sim.io, [&] {
        f.client.get("/a", a.handler());
        f.client.get("/b", b.handler());
        f.client.get_and_watch("/a", watched.handler());
    });
    const auto sent = f.requests();
    REQUIRE(sent.size() == 2);
    CHECK(sent[0].is(opcode::multi_read));
    CHECK(sent[1].is(opcode::get_data));
    proto::error_response missing;
    missing.err = no_node;
    proto::multi_response answer;
    answer.results = {{opcode::get_data, data_of("x")}, {opcode::error, missing}};
    f.server.reply(sent[0].xid, 0, answer);
    f.server.reply(sent[1].xid, 0, data_of("y"));
    f.sim.run_ready();
    CHECK(a.value().data == "x");
    CHECK(b.ec() == server_errc::no_node);
    CHECK(watched.value().data == "y");
    CHECK(f.client.metrics().reads_batched == 2);
}

TEST_CASE("requests made while a write is under way go out together in the next") {
    fixture f;
    f.attach();
    f.server.peer->stall(true);
    const auto before = f.server.peer->writes();
    for (int i = 0; i != 10; ++i) {
        f.client.sync("/", [](error_code) {});
        f.sim.run_ready();
    }
    CHECK(f.server.peer->writes() == before + 1);
    f.server.peer->stall(false);
    CHECK(f.requests().size() == 10);
    CHECK(f.server.peer->writes() == before + 2);
}

TEST_SUITE_END();
