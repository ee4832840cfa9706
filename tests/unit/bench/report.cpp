// Part of muster. Boost Software License 1.0, see LICENSE.
#include "bench/report.hpp"

#include <doctest/doctest.h>

using muster::bench::cell;
using muster::bench::json_line;
using muster::bench::table;

TEST_CASE("json_line: keys stay in order, text is escaped") {
    json_line l;
    l.add("bench", "client").add("server", "a\"b").add("window", std::size_t{64}).add("p50_us", 1.5);
    CHECK(l.text() == R"({"bench":"client","server":"a\"b","window":64,"p50_us":1.500})");
}

TEST_CASE("table: columns are as wide as their widest cell") {
    table t(1, {"name", "n"});
    t.add({"a", "1000"});
    t.add({"failed"});
    CHECK(t.text() == "name       n\na       1000\nfailed\n");
}

TEST_CASE("cell: as many digits as mean something") {
    CHECK(cell(1.234) == "1.23");
    CHECK(cell(12.34) == "12.3");
    CHECK(cell(123.4) == "123");
    CHECK(cell(1234567) == "1 234 567");
}
