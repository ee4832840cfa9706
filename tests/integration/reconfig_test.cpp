// Part of muster. Boost Software License 1.0, see LICENSE.
//
// An ensemble whose members change.
// GCC 12 takes the operators of Asio's coroutine frames, inlined in part, for mismatched ones.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"
#endif

#include "support/loop.hpp"
#include "support/session.hpp"
#include "support/zk_server.hpp"

#include <muster/zk/client.hpp>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/deferred.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <string>

using namespace muster::test;
using namespace muster::zk;
using namespace std::chrono_literals;
namespace asio = boost::asio;

namespace {

constexpr auto tuple = asio::as_tuple(asio::deferred);

bool has_member(const std::string& config, int id) {
    return config.find("server." + std::to_string(id) + "=") != std::string::npos;
}

std::int64_t version_of(const std::string& config) {
    constexpr std::string_view key = "version=";
    const auto at = config.find(key);
    REQUIRE(at != std::string::npos);
    return std::stoll(config.substr(at + key.size()), nullptr, 16);
}

}    // namespace

TEST_CASE("the configuration of an ensemble is read, watched and changed, also by who has a chroot") {
    zk_options options;
    options.config = {"reconfigEnabled=true"};
    options.jvm = {"-Dzookeeper.skipACL=yes"};
    zk_ensemble ensemble(options);
    ensemble.start();
    const int leaving = ensemble.leader() == 2 ? 2 : 3;    // no leader
    loop l;
    client root(l.io, config_for(ensemble.connect_string(), 8s));
    client c(l.io, config_for(ensemble.connect_string() + "/app", 8s));
    auto work = [&]() -> asio::awaitable<void> {
        co_await root.create("/app", "");
        auto [read, got, w] = co_await c.get_config_and_watch(tuple);
        REQUIRE_FALSE(read);
        for (const int id : {1, 2, 3}) CHECK(has_member(got.data, id));
        reconfiguration change;
        change.leaving = std::to_string(leaving);
        change.from_version = version_of(got.data) + 1;
        const auto [stale, nothing] = co_await c.reconfig(change, tuple);
        CHECK(stale == server_errc::bad_version);
        change.from_version = version_of(got.data);
        const auto [ec, now] = co_await c.reconfig(change, tuple);
        REQUIRE_FALSE(ec);
        CHECK_FALSE(has_member(now.data, leaving));
        CHECK(version_of(now.data) > change.from_version);
        const auto [told, event] = co_await w.next(tuple);
        CHECK_FALSE(told);
        CHECK(event.type == event_type::data_changed);
        co_await root.sync("/");    // its server may be behind that of the other
        const auto again = co_await root.get_config();
        CHECK(again.data == now.data);
        CHECK(again.stat.mzxid == now.stat.mzxid);
        change = {};
        change.joining = "nonsense";
        const auto [bad, none] = co_await c.reconfig(change, tuple);
        CHECK(bad == server_errc::bad_arguments);
        co_await c.close();
        co_await root.close();
    };
    l.run(work(), 60s);
}
