// Part of muster. Boost Software License 1.0, see LICENSE.
#include "proto_zk/backlog.hpp"

#include <doctest/doctest.h>

using namespace muster::zk::proto;

TEST_SUITE_BEGIN("backlog");

TEST_CASE("it takes as many requests as it may, and no more") {
    backlog b(3, 1000);
    for (int i = 0; i != 3; ++i) CHECK(b.admit(10));
    CHECK(!b.full());
    CHECK(!b.admit(10));
    CHECK(b.full());
    CHECK(b.used().requests == 3);
    CHECK(b.used().bytes == 30);
    CHECK(b.refused() == 1);
}

TEST_CASE("it takes as many bytes as it may, and no more") {
    backlog b(10, 100);
    CHECK(b.admit(60));
    CHECK(b.admit(40));
    CHECK(!b.admit(1));
    CHECK(b.full());
}

TEST_CASE("one that is alone is taken however large it is") {
    backlog b(10, 100);
    CHECK(b.admit(5000));
    CHECK(!b.admit(1));
    CHECK(b.give_back({1, 5000}));
    CHECK(b.admit(1));
    CHECK(!b.admit(5000));
}

TEST_CASE("it is full from a refusal until half of both limits is free") {
    backlog b(4, 200);
    for (int i = 0; i != 4; ++i) CHECK(b.admit(20));
    CHECK(!b.give_back({1, 20}));    // nobody was refused
    CHECK(b.admit(20));
    CHECK(!b.admit(20));
    CHECK(!b.give_back({1, 20}));
    CHECK(b.full());
    CHECK(b.give_back({1, 20}));
    CHECK(!b.full());
    CHECK(!b.give_back({1, 20}));    // told once

    CHECK(b.admit(170));
    CHECK(!b.admit(30));
    CHECK(!b.give_back({1, 20}));    // the requests are few, the bytes are not
    CHECK(b.give_back({1, 170}));
}

TEST_CASE("a limit of one is full until that one is done") {
    backlog b(1, 100);
    CHECK(b.admit(1));
    CHECK(!b.admit(1));
    CHECK(b.give_back({1, 1}));
    CHECK(b.admit(1));
}

TEST_CASE("a charge is given back when it is destroyed, and only if it was taken") {
    load returned;
    {
        charge none;
        charge some;
        some.take(returned, 7);
        CHECK(returned.requests == 0);
    }
    CHECK(returned.requests == 1);
    CHECK(returned.bytes == 7);
}

TEST_SUITE_END();
