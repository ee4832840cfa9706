// Part of muster. Boost Software License 1.0, see LICENSE.
//
// Clients whose connect string has a chroot.
#include "client_fixture.hpp"

#include <string>
#include <variant>

using namespace muster;
using namespace muster::test;
using zk::create_mode;

TEST_SUITE_BEGIN("client: chroots");

TEST_CASE("R8: a chroot is put before paths and taken off results") {
    fixture f(config_for_tests("10.0.0.1:2181/ab"));
    f.attach();
    outcome<zk::create_result> created;
    outcome<zk::create_result> foreign;
    outcome<zk::children_result> listed;
    outcome<zk::get_result> config;
    f.client.create("/x", "", {}, created.handler());
    f.client.create("/y", "", {}, foreign.handler());
    f.client.children("/", listed.handler());
    f.client.get("/zookeeper/config", config.handler());
    const auto sent = f.requests();
    REQUIRE(sent.size() == 4);
    CHECK(sent[0].as<proto::create_request>().path == "/ab/x");
    CHECK(sent[2].as<proto::path_watch_request>().path == "/ab");
    CHECK(sent[3].as<proto::path_watch_request>().path == "/zookeeper/config");
    proto::create2_response answer;
    answer.path = "/ab/x0000000000";
    f.reply(sent[0], 0, answer);
    CHECK(created.value().path == "/x0000000000");
    answer.path = "/abc/y";
    f.reply(sent[1], 0, answer);
    CHECK(foreign.value().path == "/abc/y");
}

TEST_CASE("R8: what is created in sequence at the root is in the chroot, and not beside it") {
    fixture f(config_for_tests("10.0.0.1:2181/app"));
    f.attach();
    zk::create_options with_ttl(create_mode::persistent_sequential_with_ttl);
    with_ttl.ttl = 1s;
    zk::transaction t;
    t.create("/", "", create_mode::ephemeral_sequential).remove("/");
    outcome<zk::create_result> created;
    outcome<zk::create_result> kept;
    outcome<zk::multi_result> all;
    outcome<zk::create_result> recognised;
    f.client.create("/", "", create_mode::persistent_sequential, created.handler());
    f.client.create("/", "", with_ttl, kept.handler());
    f.client.multi(std::move(t), all.handler());
    f.client.create_protected("/", "", create_mode::persistent_sequential, recognised.handler());
    const auto sent = f.requests();
    REQUIRE(sent.size() == 4);
    CHECK(sent[0].as<proto::create_request>().path == "/app/");
    CHECK(sent[1].as<proto::create_ttl_request>().path == "/app/");
    const auto operations = sent[2].as<proto::multi_request>().operations;
    CHECK(std::get<proto::create_request>(operations.at(0).body).path == "/app/");
    CHECK(std::get<proto::delete_request>(operations.at(1).body).path == "/app");
    CHECK(sent[3].as<proto::create_request>().path.starts_with("/app/_c_"));
    proto::create2_response answer;
    answer.path = "/app/0000000007";
    f.reply(sent[0], 0, answer);
    CHECK(created.value().path == "/0000000007");
}

TEST_SUITE_END();
