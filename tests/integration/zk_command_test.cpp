// Part of muster. Boost Software License 1.0, see LICENSE.
//
// `muster zk`: the embedded server as a program. What it serves is what the other tests find; wrong usage is in
// cli_usage_test.cpp.
#include "integration/muster_command.hpp"
#include "support/kazoo.hpp"
#include "support/sanitized.hpp"
#include "support/zk_server.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <csignal>
#include <string>
#include <vector>

using namespace muster::test;
using namespace std::chrono_literals;
using strings = std::vector<std::string>;

namespace {

std::string serving(process& p) { return wait_event(p, "serving").at("connect").as_string().c_str(); }

}    // namespace

TEST_CASE("zk: serves where it says, and ends in order") {
    const std::string port = std::to_string(free_port());
    for (const int signal : {SIGINT, SIGTERM}) {
        const auto p = start_muster({"zk", "--port", port});
        CHECK(p->wait_line() == R"({"event":"serving","connect":"127.0.0.1:)" + port + R"("})");
        CHECK(run_kazoo("create.py", {"127.0.0.1:" + port, "/a", "data"}) == "/a");    // anew each time: nothing was kept
        p->signal(signal);
        const auto r = finish(*p, sanitized ? 20s : 2s);
        CHECK(r.code == 0);
        CHECK(r.out.size() == 1);
        CHECK(r.err.empty());
    }
}

TEST_CASE("zk: any port, other addresses, for people") {
    const auto p = start_muster({"zk", "--port", "0", "--bind", "0.0.0.0"});
    CHECK(run_kazoo("create.py", {serving(*p), "/a", ""}) == "/a");
    process t({"script", "-qec", MUSTER_COMMAND " zk --port 0", "/dev/null"});
    CHECK(t.wait_line().find("ZooKeeper serves at 127.0.0.1:") != std::string::npos);
}

TEST_CASE("zk: a port in use is named, and is exit 1") {
    const auto p = start_muster({"zk", "--port", "0"});
    const std::string there = serving(*p);
    const auto r = run_muster({"zk", "--port", there.substr(there.find(':') + 1)});
    CHECK(r.code == 1);
    CHECK(r.out.empty());
    CHECK(r.err == "muster: cannot listen on " + there + ": Address already in use\n");
    CHECK(run_kazoo("create.py", {there, "/a", ""}) == "/a");
}

TEST_CASE("zk: session timeouts within the bounds it was given") {
    const auto p =
        start_muster({"zk", "--port", "0", "--tick", "50ms", "--min-session-timeout", "200ms", "--max-session-timeout", "300ms"});
    const std::string hosts = serving(*p);
    // Frozen, so that it expires; its session had been asked for with 60 s.
    const auto r = start_muster({"register", "--zk", hosts, "--service", "s", "--unique-code", "u", "--session-timeout", "60s"});
    wait_event(*r, "registered");
    const auto w = start_muster({"watch", "--zk", hosts, "--service", "s", "--session-timeout", "60s"});
    wait_event(*w, "added");    // it tells of changes only
    r->pause();
    wait_event(*w, "removed");
    r->resume();
    wait_event(*w, "added");
}
