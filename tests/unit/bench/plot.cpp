// Part of muster. Boost Software License 1.0, see LICENSE.
#include "bench/plot.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace muster::bench;

namespace {

std::size_t times(const std::string& text, const std::string& part) {
    std::size_t n = 0;
    for (auto at = text.find(part); at != text.npos; at = text.find(part, at + 1)) ++n;
    return n;
}

}    // namespace

TEST_CASE(
    "a plot has a mark for each point that a logarithm has, and names "
    "what is drawn") {
    plot p("a < b & c");
    p.add_lines("costs", "size", "ns", {{"one", {{1, 10}, {10, 20}, {100, 0}}}, {"two", {{1, 5}, {100, 500}}}});
    const std::string svg = p.text();
    CHECK(svg.starts_with("<svg "));
    CHECK(svg.find("a &lt; b &amp; c") != svg.npos);
    CHECK(times(svg, "<circle") == 4);
    for (const char* name : {">one<", ">two<", ">costs<", ">size<", ">ns<", ">100<"}) CHECK(svg.find(name) != svg.npos);
    CHECK(svg.find("nan") == svg.npos);
    CHECK(svg.find("inf") == svg.npos);
}

TEST_CASE("bars of all rows have one scale") {
    plot p("shares");
    p.add_bars("who", {{"even", {1, 1}}, {"uneven", {0, 2}}}, 1);
    const std::string svg = p.text();
    CHECK(times(svg, "<rect") == 5);    // with the background
    CHECK(times(svg, "height=\"38.0\"") == 1);
    CHECK(times(svg, "height=\"19.0\"") == 2);
}

TEST_CASE("nothing to draw") {
    plot p("empty");
    p.add_lines("costs", "size", "ns", {});
    p.add_lines("costs", "size", "ns", {{"one", {{0, 0}}}});
    p.add_bars("who", {}, 1);
    CHECK(p.text().find("costs") == std::string::npos);
    plot one("one point");
    one.add_lines("costs", "size", "ns", {{"one", {{33, 7}}}});
    CHECK(one.text().find("nan") == std::string::npos);
}
