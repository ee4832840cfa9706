// Part of muster. Boost Software License 1.0, see LICENSE.
//
// A member of Apache's ensemble that has lost its quorum, and the way back.
// GCC 12 takes the operators of Asio's coroutine frames, inlined in part, for mismatched ones.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"
#endif

#include "support/loop.hpp"
#include "support/session.hpp"
#include "support/zk_server.hpp"

#include <muster/zk/client.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

using namespace muster::test;
using namespace muster::zk;
using namespace std::chrono_literals;
using muster::error_code;

TEST_SUITE_BEGIN("read-only mode");

TEST_CASE("reads go on without a quorum, and everything does once there is one again") {
    zk_options o;
    o.jvm = {"-Dreadonlymode.enabled=true"};
    o.config = {"localSessionsEnabled=true"};    // or else a server without a quorum gives no sessions
    zk_ensemble ensemble(o);
    ensemble.start();
    loop l;
    auto cfg = config_for(ensemble.connect_string(), 4s);
    cfg.read_only = true;
    int violations = 0;
    cfg.log = [&violations](const log_record& r) { violations += r.event == log_event::protocol_error; };
    client before(l.io, cfg);
    std::optional<error_code> written;
    before.create("/kept", "v", {}, [&](error_code ec, create_result) { written = ec; });
    REQUIRE(l.until([&] { return written.has_value(); }));
    REQUIRE_FALSE(*written);
    CHECK_FALSE(before.session().read_only);
    {
        client last(l.io, config_for(ensemble[2].connect_string(), 4s));
        std::optional<error_code> caught_up;    // the server that stays may be behind that of the writer
        last.sync("/kept", [&](error_code ec) { caught_up = ec; });
        REQUIRE(l.until([&] { return caught_up.has_value(); }));
        REQUIRE_FALSE(*caught_up);
    }
    ensemble[0].kill();
    ensemble[1].kill();
    // Its session belongs to the ensemble: the server alone does not know whether it lives.
    REQUIRE(l.until([&] { return before.session().read_only; }, 60s));
    CHECK(before.session().generation >= 2);    // while the others went it may have had one of theirs
    CHECK(before.session().safe_until == std::chrono::steady_clock::time_point{});

    client c(l.io, cfg);
    std::optional<error_code> read;
    std::string data;
    std::optional<watcher> watch;
    c.get_and_watch("/kept", [&](error_code ec, get_result r, watcher w) {
        read = ec;
        data = r.data;
        watch.emplace(std::move(w));
    });
    REQUIRE(l.until([&] { return read.has_value(); }, 60s));
    REQUIRE_FALSE(*read);
    CHECK(data == "v");
    CHECK(c.session().read_only);
    CHECK(c.session().generation == 1);

    // Refusals overtake the reads before them on Apache's server.
    std::vector<error_code> results;
    for (int i = 0; i != 100; ++i) {
        c.get("/kept", [&](error_code ec, get_result) { results.push_back(ec); });
        c.set("/kept", "other", any_version, [&](error_code ec, const muster::zk::stat&) { results.push_back(ec); });
    }
    REQUIRE(l.until([&] { return results.size() == 200; }, 60s));
    const auto count = [&](const error_code& ec) { return std::count(results.begin(), results.end(), ec); };
    CHECK(count({}) == 100);
    CHECK(count(server_errc::not_read_only) > 0);
    CHECK(count(server_errc::not_read_only) + count(client_errc::connection_lost) == 100);    // it may elect meanwhile
    CHECK(violations == 0);

    std::optional<event_type> seen;
    watch->next([&](error_code ec, watch_event e) {
        if (!ec) seen = e.type;
    });
    ensemble.start();
    REQUIRE(l.until([&] { return connected(c) && !c.session().read_only; }, 60s));
    CHECK(c.session().generation >= 2);
    written.reset();
    c.set("/kept", "w", any_version, [&](error_code ec, const muster::zk::stat&) { written = ec; });
    REQUIRE(l.until([&] { return written.has_value() && seen.has_value(); }, 60s));
    CHECK_FALSE(*written);
    CHECK(*seen == event_type::data_changed);

    std::optional<error_code> closed;
    c.close([&](error_code ec) { closed = ec; });
    REQUIRE(l.until([&] { return closed.has_value(); }, 30s));
    CHECK_FALSE(*closed);
}

TEST_SUITE_END();
