// Part of muster. Boost Software License 1.0, see LICENSE.
//
// What signals do to the muster command, and to the command that `register` runs.
#include "cli_fixture.hpp"

#include <doctest/doctest.h>

#include <csignal>
#include <memory>
#include <string>

using namespace muster::test;

namespace {

/// Runs `muster` with these signals ignored.
std::unique_ptr<process> start_ignoring(const std::string& signals, const strings& args) {
    strings argv{"sh", "-c", "trap '' " + signals + "; exec \"$0\" \"$@\"", MUSTER_COMMAND};
    argv.insert(argv.end(), args.begin(), args.end());
    return std::make_unique<process>(std::move(argv));
}

}    // namespace

TEST_CASE("a signal that is ignored from the start stays ignored") {
    const std::string master = "/micro-service/ignoring/master";
    const auto p = start_ignoring("HUP INT", on("ignoring", {"register", "--ip", "127.0.0.1", "--port", "1"}));
    const auto w = start_ignoring("HUP INT", on("ignoring", {"watch"}));
    wait_event(*p, "registered");
    wait_event(*w, "added");
    for (const auto& each : {p.get(), w.get()}) {
        each->signal(SIGHUP);
        each->signal(SIGINT);
    }
    run_kazoo("delete.py", {hosts(), master});
    CHECK(text(wait_event(*p, "registered"), "path") == master);
    wait_event(*w, "removed");
    wait_event(*w, "added");
    for (const auto& each : {p.get(), w.get()}) {
        each->signal(SIGTERM);
        CHECK(finish(*each).code == 0);
    }

    const auto z = start_ignoring("HUP INT", {"zk", "--port", "0"});
    const std::string there = text(wait_event(*z, "serving"), "connect");
    z->signal(SIGHUP);
    z->signal(SIGINT);
    CHECK(run_kazoo("create.py", {there, "/a", ""}) == "/a");
    z->signal(SIGTERM);
    CHECK(finish(*z).code == 0);
}
