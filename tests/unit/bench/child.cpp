// Part of muster. Boost Software License 1.0, see LICENSE.
#include "bench/child.hpp"

#include <doctest/doctest.h>

#include <csignal>
#include <stdexcept>

#include <unistd.h>

using muster::bench::failure;
using muster::bench::in_child;
using namespace std::chrono_literals;

TEST_CASE("in_child: gives the result of another process") {
    const auto r = in_child<pid_t>([] { return getpid(); }, 10s);
    REQUIRE(std::holds_alternative<pid_t>(r));
    CHECK(std::get<pid_t>(r) != getpid());
}

TEST_CASE("in_child: what was thrown, what died and what did not end is a failure that says so") {
    const auto thrown = in_child<int>([]() -> int { throw std::runtime_error("no server"); }, 10s);
    REQUIRE(std::holds_alternative<failure>(thrown));
    CHECK(std::get<failure>(thrown).reason == "no server");

    const auto died = in_child<int>([]() -> int { return raise(SIGKILL); }, 10s);
    REQUIRE(std::holds_alternative<failure>(died));
    CHECK(std::get<failure>(died).reason == "the measuring process died: Killed");

    const auto silent = in_child<int>([]() -> int { return pause(); }, 50ms);
    REQUIRE(std::holds_alternative<failure>(silent));
    CHECK(std::get<failure>(silent).reason == "no result within 0.05 s");
}

TEST_CASE("companion: runs beside this process until its end") {
    int ends[2];
    REQUIRE(pipe(ends) == 0);
    char byte = 0;
    {
        const muster::bench::companion c([&] {
            if (write(ends[1], "x", 1) == 1) pause();
        });
        close(ends[1]);
        CHECK(read(ends[0], &byte, 1) == 1);
    }
    CHECK(byte == 'x');
    CHECK(read(ends[0], &byte, 1) == 0);    // nobody is left who could write
    close(ends[0]);
}
