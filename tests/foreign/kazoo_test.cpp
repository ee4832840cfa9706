// Part of muster. Boost Software License 1.0, see LICENSE.
//
// A server as python3-kazoo finds it. What is tested is in kazoo_suite.py.
#include "support/process.hpp"
#include "support/zk_server.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <string>

using namespace muster::test;

namespace {

void run(const std::string& name) {
    process p({"/usr/bin/python3", MUSTER_KAZOO_SUITE, shared_server().connect_string(), name});
    const int code = p.wait(std::chrono::seconds(60));
    CAPTURE(p.err());
    CHECK(code == 0);
}

}    // namespace

TEST_CASE("kazoo: create in all modes") { run("create_in_all_modes"); }
TEST_CASE("kazoo: data and versions") { run("data_and_versions"); }
TEST_CASE("kazoo: unicode paths and children") { run("unicode_paths_and_children"); }
TEST_CASE("kazoo: watches") { run("watches"); }
TEST_CASE("kazoo: transactions") { run("transactions"); }
TEST_CASE("kazoo: ACLs and authentication") { run("acls_and_authentication"); }
TEST_CASE("kazoo: ephemerals go with their session") { run("ephemerals_go_with_their_session"); }
TEST_CASE("kazoo: reconnects and resumes") { run("reconnects_and_resumes"); }
TEST_CASE("kazoo: a wrong password is no session") { run("wrong_password_is_no_session"); }
TEST_CASE("kazoo: silent sessions expire") { run("silent_sessions_expire"); }
