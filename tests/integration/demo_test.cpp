// Part of muster. Boost Software License 1.0, see LICENSE.
//
// `muster demo` as people run it. It tells how long a fail-over takes.
#include "cli_fixture.hpp"
#include "support/median.hpp"
#include "support/sanitized.hpp"
#include "support/scratch.hpp"

#include <boost/json.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <string>
#include <vector>

using namespace muster::test;
using namespace std::chrono_literals;
namespace json = boost::json;

TEST_CASE("demo: the whole tour, for people and for programs, and nothing is left") {
    const temp_dir own;    // for its folders
    const strings environment{"TMPDIR=" + own.path().string()};
    SUBCASE("for people") {
        const auto r = run_muster({"demo"}, environment);
        CAPTURE(r.err);
        CHECK(r.code == 0);
        CHECK(r.err.empty());
        for (const char* part : {"roundrobin", "leastconnect", "SIGKILL", "SIGTERM", "fail-over after a crash"})
            CHECK(contains(r.out, part));
        CHECK_FALSE(contains(r.out, "\033"));
    }
    SUBCASE("on a ZooKeeper that is there, which is left as it was") {
        std::vector<double> order_ms;
        for (int i = 0; i != 3; ++i) {
            const auto r = run_muster({"demo", "--json", "--zk", hosts()}, environment);
            CAPTURE(r.err);
            CHECK(r.code == 0);
            const auto done = json::parse(r.out.back()).as_object();
            CHECK(text(done, "event") == "done");
            CHECK(done.at("failed") == 0);
            CHECK(done.at("crash_ms").to_number<double>() < 3'000);
            order_ms.push_back(done.at("order_ms").to_number<double>());
            CHECK(run_kazoo("children.py", {hosts(), "/micro-service"}).find("/micro-service/demo") == std::string::npos);
        }
        CHECK(median(order_ms) < (sanitized ? 1'000 : 100));
    }
    SUBCASE("interrupted on a ZooKeeper that is there, after a crash whose session has not ended") {
        const auto d = start_muster({"demo", "--zk", hosts()}, environment);
        d->wait_line("is killed: SIGKILL", 30s);
        d->signal(SIGTERM);
        CHECK(finish(*d, 40s).code == 128 + SIGTERM);
        CHECK(d->err() == "");
        CHECK(run_kazoo("children.py", {hosts(), "/micro-service"}).find("/micro-service/demo") == std::string::npos);
    }
    SUBCASE("nobody looks on, and nothing is left in a ZooKeeper that is there") {
        process d({"sh", "-c", "( " MUSTER_COMMAND " demo --zk " + hosts() + "; echo code $? >&2 ) | head -n 4"});
        CHECK(finish(d, 40s).out.size() == 4);
        CHECK(d.err() == "muster: standard output cannot be written\ncode 1\n");
        CHECK(run_kazoo("children.py", {hosts(), "/micro-service"}).find("/micro-service/demo") == std::string::npos);
    }
    SUBCASE("on a terminal, with its pauses: it has begun and is over in less than five seconds") {
        const auto begun = std::chrono::steady_clock::now();
        process d({"env", environment.front(), "TERM=xterm", "script", "-qec", MUSTER_COMMAND " demo", "/dev/null"});
        const auto r = finish(d, 20s);
        CHECK(r.code == 0);
        CHECK(contains(r.out, "\033"));
        CHECK((sanitized || std::chrono::steady_clock::now() - begun < 5s));
    }
    SUBCASE("interrupted") {
        const auto d = start_muster({"demo"}, environment);
        d->wait_line("Twenty picks", 30s);
        d->signal(SIGINT);
        CHECK(finish(*d).code == 128 + SIGINT);
        CHECK(d->err() == "");
    }
    CHECK(std::filesystem::is_empty(own.path()));
}
