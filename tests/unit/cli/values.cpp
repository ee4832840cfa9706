// Part of muster. Boost Software License 1.0, see LICENSE.
#include "cli/values.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace muster::cli;
using namespace std::chrono_literals;

TEST_CASE("durations have units") {
    CHECK(parse_duration("--wait", "500ms", 0ms).value() == 500ms);
    CHECK(parse_duration("--wait", "10s", 0ms).value() == 10s);
    CHECK(parse_duration("--wait", "2m", 0ms).value() == 2min);
    CHECK(parse_duration("--wait", "1h", 0ms).value() == 1h);
    CHECK(parse_duration("--wait", "0ms", 0ms).value() == 0ms);
    CHECK(parse_duration("--wait", "2147483647ms", 1ms).value() == 2147483647ms);
}

TEST_CASE("durations that are none are named, with what was expected") {
    for (const char* bad :
         {"", "10", "s", "ms", " 1s", "1 s", "1s ", "+1s", "-1s", "1.5s", "1S", "1d", "1e3s", "99999999999999999999s"}) {
        const auto r = parse_duration("--wait", bad, 0ms);
        REQUIRE(r.has_error());
        CHECK(r.error().message ==
              "--wait '" + std::string(bad) + "': expected a whole number with a unit, as in 500ms, 10s or 2m");
    }
    CHECK(parse_duration("--wait", "0s", 1ms).error().message == "--wait '0s': expected 1ms to 24 days");
    CHECK(parse_duration("--wait", "2147483648ms", 1ms).error().message == "--wait '2147483648ms': expected 1ms to 24 days");
    // so many hours overflow 64 bits of milliseconds
    CHECK(parse_duration("--wait", "9223372036854775807h", 1ms).error().message.find("24 days") != std::string::npos);
}

TEST_CASE("durations are written as they are read") {
    for (const char* text : {"1ms", "500ms", "1500ms", "1s", "90s", "2m", "3h"})
        CHECK(to_text(parse_duration("x", text, 0ms).value()) == text);
    CHECK(to_text(0ms) == "0ms");
    CHECK(to_text(120'000ms) == "2m");
}

TEST_CASE("numbers") {
    CHECK(parse_number("-n", "1", 1, 65535).value() == 1);
    CHECK(parse_number("-n", "65535", 1, 65535).value() == 65535);
    for (const char* bad : {"", "0", "65536", "-1", "1x", "x", "1.0", " 1", "99999999999999999999"}) {
        const auto r = parse_number("--port", bad, 1, 65535);
        REQUIRE(r.has_error());
        CHECK(r.error().message == "--port '" + std::string(bad) + "': expected a whole number from 1 to 65535");
    }
}
