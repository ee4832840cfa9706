// Part of muster. Boost Software License 1.0, see LICENSE.
#include "proto_zk/read_size.hpp"

#include <doctest/doctest.h>

using muster::zk::proto::read_size;

TEST_SUITE_BEGIN("read_size");

TEST_CASE("who hears nothing but pings asks for little") {
    read_size r;
    for (int i = 0; i != 100; ++i) {
        CHECK(r.next() == read_size::least);
        r.after_read(false);
    }
}

TEST_CASE("who waits for replies asks for all that may have come, and for little again when nothing happens any more") {
    read_size r;
    r.after_read(true);
    CHECK(r.next() == read_size::most);
    for (int i = 0; i != 10; ++i) {
        r.after_read(false);    // a ping between two requests
        CHECK(r.next() == read_size::most);
        r.after_read(true);
        CHECK(r.next() == read_size::most);
    }
    r.after_read(false);
    r.after_read(false);
    CHECK(r.next() == read_size::least);
}

TEST_SUITE_END();
