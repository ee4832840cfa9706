// Part of muster. Boost Software License 1.0, see LICENSE.
#include "proto_zk/path.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>

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

TEST_CASE("R17: counters of sequential znodes") {
    CHECK(sequence_of("/lock/n-0000000005") == 5);
    CHECK(sequence_of("normal0000000000") == 0);
    CHECK(sequence_of("0000000007") == 7);
    CHECK(sequence_of("n2147483647") == 2147483647);
    CHECK(sequence_of("n-000000005") == -5);
    CHECK(sequence_of("n--000000005") == -5);
    CHECK(sequence_of("-000000001") == -1);
    CHECK(sequence_of("n-2147483648") == -2147483648);
    CHECK(sequence_of("-2147483648") == -2147483648);
    CHECK(sequence_of("n-1000000000") == 1000000000);    // could be negative, but no parent gets there soon

    CHECK(sequence_of("") == std::nullopt);
    CHECK(sequence_of("master") == std::nullopt);
    CHECK(sequence_of("000000005") == std::nullopt);    // too short
    CHECK(sequence_of("n 000000005") == std::nullopt);
    CHECK(sequence_of("n+000000005") == std::nullopt);
    CHECK(sequence_of("n000000000x") == std::nullopt);
    CHECK(sequence_of("n-00000-005") == std::nullopt);
    CHECK(sequence_of("n2147483648") == std::nullopt);
    CHECK(sequence_of("2147483648") == std::nullopt);
    CHECK(sequence_of("n-2147483649") == std::nullopt);
    CHECK(sequence_of("n9999999999") == std::nullopt);
}

TEST_CASE("R17: names in the order of their creation") {
    const std::vector<std::string> sorted{"a-0000000000", "b-0000000000", "z-0000000001",
                                          "a-0000000010", "a-2147483647", "a-2147483648",
                                          "a-000000002",  "a-000000001",  "a",
                                          "master"};
    auto names = sorted;
    std::mt19937 random(1);
    for (int i = 0; i < 20; ++i) {
        std::shuffle(names.begin(), names.end(), random);
        sort_by_sequence(names);
        CHECK(names == sorted);
    }
}
