// Part of muster. Boost Software License 1.0, see LICENSE.
#include "proto_zk/path.hpp"

#include <doctest/doctest.h>

using namespace muster::zk::proto;

TEST_CASE("a chroot goes in front of what the server sees") {
    CHECK(to_server("", "/a") == "/a");
    CHECK(to_server("", "/") == "/");
    CHECK(to_server("/app", "/") == "/app");
    CHECK(to_server("/app", "/a/b") == "/app/a/b");
    CHECK(to_server("/app/x", "/a") == "/app/x/a");
    CHECK(to_server("/app", "/a/") == "/app/a/");    // before a counter is appended
    CHECK(to_server("/app", "/zookeeper/config") == "/zookeeper/config");
    CHECK(to_server("/app", "/zookeeper") == "/app/zookeeper");
    CHECK(to_server("/app", "/zookeeper/config/x") == "/app/zookeeper/config/x");
}

TEST_CASE("R8: what gets a counter appended stays in the chroot") {
    CHECK(to_server("", "/", true) == "/");
    CHECK(to_server("/app", "/", true) == "/app/");    // and not /app0000000007
    CHECK(to_server("/app", "/a", true) == "/app/a");
    CHECK(to_server("/app", "/zookeeper/config", true) == "/app/zookeeper/config");    // it is none of the ensemble's
}

TEST_CASE("R8: a chroot is taken off what the user sees") {
    CHECK(to_client("", "/a") == "/a");
    CHECK(to_client("/app", "/app") == "/");
    CHECK(to_client("/app", "/app/a/b") == "/a/b");
    CHECK(to_client("/ab", "/abc") == "/abc");
    CHECK(to_client("/ab", "/abc/d") == "/abc/d");
    CHECK(to_client("/app", "/ap") == "/ap");
    CHECK(to_client("/app", "/") == "/");
    CHECK(to_client("/app", "/other") == "/other");
    CHECK(to_client("/app", "/zookeeper/config") == "/zookeeper/config");
    CHECK(to_client("/zookeeper", "/zookeeper/config") == "/zookeeper/config");
    CHECK(to_client("/app", "") == "");
}

TEST_CASE("parents and names") {
    CHECK(parent_of("/a/b") == "/a");
    CHECK(parent_of("/a/b/c") == "/a/b");
    CHECK(parent_of("/a") == "/");
    CHECK(parent_of("/") == "");
    CHECK(parent_of("") == "");
    CHECK(name_of("/a/b") == "b");
    CHECK(name_of("/a") == "a");
    CHECK(name_of("/") == "");
    CHECK(name_of("a") == "a");
}
