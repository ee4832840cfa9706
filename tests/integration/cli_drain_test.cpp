// Part of muster. Boost Software License 1.0, see LICENSE.
//
// muster register --drain: others get the work first.
#include "cli_fixture.hpp"
#include "support/eventually.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <csignal>
#include <string>

namespace muster::test {

using namespace std::chrono_literals;

namespace {

std::string state_of(const std::string& service) {
    const auto r = run_muster(on(service, {"ls"}));
    return r.out.size() == 1 && r.object().contains("state") ? text(r.object(), "state") : "";
}

}    // namespace

TEST_CASE("register --drain: SIGTERM says that it drains, and a second one ends it") {
    const auto p = registered("drains", 1, {"--drain", "1h"});
    p->signal(SIGTERM);
    wait_event(*p, "draining");
    CHECK(eventually([] { return state_of("drains") == "draining"; }));
    p->signal(SIGTERM);
    const auto r = finish(*p);
    CHECK(r.code == 0);
    CHECK(text(r.object(r.out.size() - 1), "event") == "closed");
    CHECK(children("drains").empty());
}

TEST_CASE("register --drain: it ends when the time is over") {
    const auto p = registered("drained", 1, {"--drain", "300ms"});
    const auto begin = std::chrono::steady_clock::now();
    p->signal(SIGINT);
    CHECK(finish(*p).code == 0);
    CHECK(std::chrono::steady_clock::now() - begin >= 300ms);
    CHECK(children("drained").empty());
}

TEST_CASE("register --drain -- COMMAND: the command serves on meanwhile, gets other signals, and its own end ends it") {
    const auto p = registered(
        "drains-command", 1,
        {"--drain", "1h", "--", "sh", "-c", "trap 'echo usr' USR1; trap 'exit 7' USR2; echo traps; while :; do read x; done"});
    REQUIRE(eventually([&] { return contains(p->lines(), "traps"); }));
    p->signal(SIGTERM);
    wait_event(*p, "draining");
    p->signal(SIGUSR1);
    CHECK(eventually([&] { return contains(p->lines(), "usr"); }));
    p->signal(SIGUSR2);
    CHECK(finish(*p).code == 7);
    CHECK(children("drains-command").empty());
}

TEST_CASE("register --drain: who was never registered has nothing to drain") {
    const auto p = start_muster({"register", "--zk", "127.0.0.1:" + std::to_string(free_port()), "--service", "s", "--ip", "::1",
                                 "--port", "1", "--drain", "1h", "--wait", "1h", "--", "sh", "-c", "echo up; read x; sleep 60"});
    CHECK(eventually([&] { return contains(p->lines(), "up"); }));
    p->signal(SIGTERM);
    CHECK(finish(*p).code == 128 + SIGTERM);
}

}    // namespace muster::test
