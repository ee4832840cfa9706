// Part of muster. Boost Software License 1.0, see LICENSE.
#include "cli/output.hpp"

#include <doctest/doctest.h>
#include <boost/json/serialize.hpp>

#include <string>

using namespace muster::cli;

TEST_CASE("an instance has the keys of the znode, in their order; the password only for callers") {
    muster::instance i("10.0.0.1", 50000, 7);
    i.user = "u";
    i.password = "secret";
    i.unique_code = "c";
    CHECK(boost::json::serialize(to_json(i, secrets::show)) ==
          R"({"serverip":"10.0.0.1","serverport":50000,"username":"u","userpwd":"secret","serveruniquecode":"c","weight":7})");
    i.zone = "z";
    i.metadata["k"] = "v";
    CHECK(
        boost::json::serialize(to_json(i, secrets::hide)) ==
        R"({"serverip":"10.0.0.1","serverport":50000,"username":"u","serveruniquecode":"c","weight":7,"zone":"z","metadata":{"k":"v"}})");
}

TEST_CASE("members are appended in order") {
    json::object o{{"a", 1}};
    append(o, {{"b", 2}, {"c", 3}});
    CHECK(boost::json::serialize(o) == R"({"a":1,"b":2,"c":3})");
}

TEST_CASE("what comes from outside cannot command the terminal") {
    CHECK(printable("plain ünïcode") == "plain ünïcode");
    CHECK(printable("a\x1b[31mb\nc\x7f") == "a?[31mb?c?");
    CHECK(printable("\xc2\x9b"
                    "31m") == "?31m");    // the eight-bit form of ESC [
    CHECK(printable("a\xff z") == "a? z");
}

TEST_CASE("width counts characters") {
    CHECK(width_of("") == 0);
    CHECK(width_of("abc") == 3);
    CHECK(width_of("ü█") == 2);
}

TEST_CASE("addresses") {
    CHECK(address_of(muster::instance("10.0.0.1", 80)) == "10.0.0.1:80");
    CHECK(address_of(muster::instance()) == "-");
}
