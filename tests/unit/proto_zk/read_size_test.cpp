// Part of muster. Boost Software License 1.0, see LICENSE.
#include "proto_zk/read_size.hpp"

#include <doctest/doctest.h>

#include <cstddef>

using muster::zk::proto::read_size;

TEST_SUITE_BEGIN("read_size");

TEST_CASE("who is told little asks for little") {
    read_size r;
    for (int i = 0; i != 1000; ++i) {
        CHECK(r.next() == read_size::least);
        r.gave(20);    // a ping's reply
    }
}

TEST_CASE("reads that are filled grow quickly, up to a bound, and stay as large as what comes") {
    read_size r;
    std::size_t reads = 0;
    for (; r.next() != read_size::most; ++reads) r.gave(r.next());
    CHECK(reads == 4);
    r.gave(r.next());
    CHECK(r.next() == read_size::most);
    for (int i = 0; i != 1000; ++i) r.gave(read_size::most / 2);
    CHECK(r.next() == read_size::most);
}

TEST_CASE("reads shrink after many in a row that gave little, and not for one that is large now and then") {
    read_size r;
    while (r.next() != read_size::most) r.gave(r.next());
    for (int i = 0; i != 1000; ++i) r.gave(i % 50 == 0 ? read_size::most / 2 : 20);
    CHECK(r.next() == read_size::most);
    for (int i = 0; i != 4 * 64; ++i) r.gave(20);
    CHECK(r.next() == read_size::least);
}

TEST_SUITE_END();
