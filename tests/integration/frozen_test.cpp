// Part of muster. Boost Software License 1.0, see LICENSE.
//
// A process that is stopped for longer than its session lives, as by a debugger, a full disk or a paused machine.
#include "fleet.hpp"
#include "muster_command.hpp"

#include "support/eventually.hpp"

#include <doctest/doctest.h>

#include <signal.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

using namespace muster::test;
using namespace std::chrono_literals;

TEST_CASE("a process that was frozen for longer than its session is back by itself, once") {
    zk_server server;
    server.start();
    const auto start = [&](int port) {
        auto p = start_muster({"register", "--zk", server.connect_string(), "--service", "testserver", "--ip", "127.0.0.1",
                               "--port", std::to_string(port), "--session-timeout", "4s"});
        wait_event(*p, "registered");
        return p;
    };
    auto master = start(50001);
    auto normal = start(50002);
    const auto before = children_by_kazoo(server.connect_string());
    REQUIRE(before.size() == 2);

    for (const int frozen_port : {50001, 50002}) {
        CAPTURE(frozen_port);
        process& frozen = frozen_port == 50001 ? *master : *normal;
        const auto old = children_of(server.connect_string(), frozen_port);
        REQUIRE(old.size() == 1);
        frozen.pause();
        REQUIRE(eventually([&] { return children_of(server.connect_string(), frozen_port).empty(); }, 20s));
        frozen.resume();
        REQUIRE(eventually([&] { return children_of(server.connect_string(), frozen_port).size() == 1; }, 20s));
        const auto now = children_of(server.connect_string(), frozen_port);
        CHECK(now[0].owner != old[0].owner);
        CHECK(masters(children_by_kazoo(server.connect_string())) == 1);
    }
    // Both were thrown out and came back, one after the other: so each has been a normal and a master.
    CHECK(children_by_kazoo(server.connect_string()).size() == 2);
    for (process* p : {master.get(), normal.get()}) {
        p->signal(SIGTERM);
        CHECK(p->wait() == 0);
    }
    CHECK(children_by_kazoo(server.connect_string()).empty());
}
