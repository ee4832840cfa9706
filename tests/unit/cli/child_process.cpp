// Part of muster. Boost Software License 1.0, see LICENSE.
#include "cli/child_process.hpp"

#include <doctest/doctest.h>

#include <sys/wait.h>

#include <chrono>
#include <csignal>

using namespace muster::cli;
using namespace std::chrono_literals;

namespace {

child_options shell(const char* script) {
    child_options o;
    o.argv = {"sh", "-c", script};
    return o;
}

}    // namespace

TEST_CASE("how a child ended is known also where SIGCHLD was ignored, which leaves nothing to wait for") {
    std::signal(SIGCHLD, SIG_IGN);
    child_process p(shell("exit 7"));
    CHECK(p.wait(10s) == 7);
    child_process killed(shell("kill -9 $$"));
    CHECK(killed.wait(10s) == 128 + SIGKILL);
}

TEST_CASE("a child that somebody else has waited for has ended, nobody knows how") {
    std::signal(SIGCHLD, SIG_DFL);
    child_process p(shell("exit 7"));
    REQUIRE(::waitpid(p.pid(), nullptr, 0) == p.pid());
    CHECK(p.wait(10s) == child_process::code_unknown);
    CHECK_FALSE(p.running());
}
