// Part of muster. Boost Software License 1.0, see LICENSE.
//
// The operations that few programs need, on a real server.
// GCC 12 takes the operators of Asio's coroutine frames, inlined in part, for mismatched ones.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"
#endif

#include "support/eventually.hpp"
#include "support/loop.hpp"
#include "support/sanitized.hpp"
#include "support/session.hpp"
#include "support/zk_server.hpp"

#include <muster/zk/client.hpp>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <vector>

using namespace muster::test;
using namespace muster::zk;
using namespace std::chrono_literals;
namespace asio = boost::asio;

namespace {

constexpr auto tuple = asio::as_tuple(asio::deferred);

}    // namespace

TEST_CASE("containers, times to live, counts, ephemerals and reads of several things") {
    zk_server server;
    server.start();
    loop l;
    client root(l.io, config_for(server.connect_string(), 8s));
    client c(l.io, config_for(server.connect_string() + "/app", 8s));

    auto work = [&]() -> asio::awaitable<void> {
        co_await root.create("/app", "");
        co_await root.create("/apple", "");
        const auto container = co_await c.create("/box", "b", create_mode::container);
        CHECK(container.stat.czxid > 0);
        create_options options(create_mode::persistent_sequential_with_ttl);
        options.ttl = 1h;
        const auto mortal = co_await c.create("/mortal", "m", options);
        CHECK(mortal.path == "/mortal0000000001");
        co_await c.create("/box/me", "x", create_mode::ephemeral);
        co_await c.create("/box/you", "y", create_mode::ephemeral);

        const auto number = co_await c.all_children_number("/");
        CHECK(number == 4);
        auto mine = co_await c.ephemerals();
        std::sort(mine.begin(), mine.end());
        const std::vector<std::string> both{"/box/me", "/box/you"};
        CHECK(mine == both);
        const auto one = co_await c.ephemerals("/box/y");
        CHECK(one == std::vector<std::string>(1, "/box/you"));

        read_batch batch;
        batch.get("/box/me").children("/box").get("/missing");
        const auto read = co_await c.multi_read(batch);
        REQUIRE(read.size() == 3);
        CHECK(read[0].data == "x");
        CHECK(read[0].stat.ephemeral_owner == c.session().id);
        CHECK(read[1].names.size() == 2);
        CHECK(read[2].ec == server_errc::no_node);
        const auto nothing = co_await c.multi_read(read_batch());
        CHECK(nothing.empty());

        co_await c.check("/box", 0);
        auto [wrong] = co_await c.check("/box", 7, tuple);
        CHECK(wrong == server_errc::bad_version);
        auto [none] = co_await c.check("/missing", any_version, tuple);
        CHECK(none == server_errc::no_node);
    };
    l.run(work());
    // What one of them leaves behind, the server cleans up.
    auto leave = [&]() -> asio::awaitable<void> {
        co_await c.remove("/box/me");
        co_await c.remove("/box/you");
    };
    l.run(leave());
    CHECK(l.until([&] { return !l.run(c.exists("/box", asio::use_awaitable)); }, 20s));
}

TEST_CASE("access: ACLs, credentials, whom the server takes us for") {
    zk_server server;
    server.start();
    loop l;
    client owner(l.io, config_for(server.connect_string(), 8s));
    client other(l.io, config_for(server.connect_string(), 8s));

    auto work = [&]() -> asio::awaitable<void> {
        co_await owner.add_auth("digest", "me:secret");
        create_options options;
        options.acls.assign(1, acl(31, "auth", ""));
        co_await owner.create("/mine", "x", options);

        auto [denied, nothing] = co_await other.get("/mine", tuple);
        CHECK(denied == server_errc::no_auth);
        auto [hidden, no_acl] = co_await other.get_acl("/mine", tuple);
        CHECK(hidden == server_errc::no_auth);

        const auto own = co_await owner.get_acl("/mine");
        REQUIRE(own.acls.size() == 1);
        CHECK(own.acls[0].scheme == "digest");
        CHECK(own.acls[0].id.substr(0, 3) == "me:");
        std::vector<acl> wider = own.acls;
        wider.emplace_back(1, "world", "anyone");
        const auto changed = co_await owner.set_acl("/mine", wider, own.stat.aversion);
        CHECK(changed.aversion == own.stat.aversion + 1);
        auto [stale, unchanged] = co_await owner.set_acl("/mine", wider, own.stat.aversion, tuple);
        CHECK(stale == server_errc::bad_version);
        const std::vector<acl> empty;
        auto [invalid, kept] = co_await owner.set_acl("/mine", empty, any_version, tuple);
        CHECK(invalid == server_errc::invalid_acl);

        const auto got = co_await other.get("/mine");
        CHECK(got.data == "x");
        const auto masked = co_await other.get_acl("/mine");
        CHECK(masked.acls[0].id.find(':') != std::string::npos);
        CHECK(masked.acls[0].id != own.acls[0].id);

        const auto who = co_await owner.who_am_i();
        const identity me("digest", "me");
        CHECK(std::find(who.begin(), who.end(), me) != who.end());
    };
    l.run(work());
}

TEST_CASE("R50: credentials survive a server that is killed" * apache_only("the data must be there after a crash")) {
    zk_server server;
    server.start();
    loop l;
    client c(l.io, config_for(server.connect_string(), 8s));
    auto prepare = [&]() -> asio::awaitable<void> {
        co_await c.add_auth("digest", "me:secret");
        create_options options;
        options.acls.assign(1, acl(31, "auth", ""));
        co_await c.create("/mine", "x", options);
    };
    l.run(prepare());
    server.kill();
    REQUIRE(l.until([&] { return !connected(c); }));
    server.start();
    const auto got = l.run(c.get("/mine", asio::use_awaitable));
    CHECK(got.data == "x");
}

TEST_CASE("R50: refused credentials are the end, told once") {
    zk_server server;
    server.start();
    loop l;
    client c(l.io, config_for(server.connect_string(), 8s));
    auto work = [&]() -> asio::awaitable<void> {
        co_await c.exists("/");
        auto [refused] = co_await c.add_auth("nosuchscheme", "x", tuple);
        CHECK(refused == server_errc::auth_failed);
        auto [late, got] = co_await c.get("/", tuple);
        CHECK(late == server_errc::auth_failed);
        CHECK(c.session().state == session_state::auth_failed);
        auto [closed] = co_await c.close(tuple);
        CHECK(closed == client_errc::close_timed_out);    // nobody was told that the session is over
    };
    l.run(work());
    CHECK(c.metrics().connects == 1);
}

TEST_CASE("the ensemble of one: its configuration is there and cannot be changed") {
    zk_server server;
    server.start();
    loop l;
    client root(l.io, config_for(server.connect_string(), 8s));
    client c(l.io, config_for(server.connect_string() + "/app", 8s));
    auto work = [&]() -> asio::awaitable<void> {
        co_await root.create("/app", "");
        const auto got = co_await c.get_config();
        CHECK(got.stat.czxid == 0);
        reconfiguration change;
        change.leaving = "2";
        auto [ec, result] = co_await c.reconfig(change, tuple);
        CHECK(ec == server_errc::reconfig_disabled);
        CHECK(outcome_of(ec) == outcome::rejected);
        co_await c.exists("/");
    };
    l.run(work());
    CHECK(c.metrics().connects == 1);
}

TEST_CASE("asking for watches and removing them") {
    zk_server server;
    server.start();
    loop l;
    client c(l.io, config_for(server.connect_string(), 8s));
    auto work = [&]() -> asio::awaitable<void> {
        co_await c.create("/a", "");
        auto [ec, got, one] = co_await c.get_and_watch("/a", tuple);
        REQUIRE_FALSE(ec);
        auto lasting = co_await c.add_watch("/b", add_watch_mode::persistent_recursive);
        const auto data = co_await c.check_watches("/a", watch_type::data);
        CHECK(data);
        const auto children = co_await c.check_watches("/a", watch_type::children);
        CHECK_FALSE(children);
        co_await c.remove_watches("/a");
        co_await c.remove_watches("/a");
        co_await c.remove_watches("/b");
        const auto left = co_await c.check_watches("/a");
        CHECK_FALSE(left);
        auto [ended, event] = co_await one.next(tuple);
        CHECK(ended == client_errc::watch_ended);
        auto [ended_too, no_event] = co_await lasting.next(tuple);
        CHECK(ended_too == client_errc::watch_ended);
        co_await c.set("/a", "x");
        co_await c.create("/b", "x");
    };
    l.run(work());
    CHECK(c.metrics().events_received == 0);
    CHECK(c.metrics().connects == 1);
}

TEST_CASE("R10: destroyed watchers leave nothing at the server") {
    zk_server server;
    server.start();
    loop l;
    client c(l.io, config_for(server.connect_string(), 8s));
    auto work = [&]() -> asio::awaitable<void> {
        co_await c.create("/a", "");
        {
            auto [data_ec, data, of_data] = co_await c.get_and_watch("/a", tuple);
            auto [same_ec, same, of_same] = co_await c.get_and_watch("/a", tuple);
            auto [child_ec, children, of_children] = co_await c.children_and_watch("/a", tuple);
            auto [none_ec, none, of_none] = co_await c.exists_and_watch("/missing", tuple);
            auto lasting = co_await c.add_watch("/b", add_watch_mode::persistent);
            auto recursive = co_await c.add_watch("/c", add_watch_mode::persistent_recursive);
            for (const char* path : {"/a", "/missing", "/b", "/c"}) {
                const auto watched = co_await c.check_watches(path);
                CHECK(watched);
            }
            of_data = watcher();
            of_same = watcher();
            co_await c.sync("/");    // what is destroyed is told behind what is under way
            const auto data_left = co_await c.check_watches("/a", watch_type::data);
            CHECK_FALSE(data_left);
            const auto child_left = co_await c.check_watches("/a", watch_type::children);
            CHECK(child_left);
        }
        co_await c.sync("/");
        for (const char* path : {"/a", "/missing", "/b", "/c"}) {
            const auto watched = co_await c.check_watches(path);
            CHECK_FALSE(watched);
        }
    };
    l.run(work());
    CHECK(c.metrics().events_received == 0);
    CHECK(c.metrics().connects == 1);
}

TEST_CASE("R9: one-shot and lasting watches of one path do not cost each other their events") {
    zk_server server;
    server.start();
    loop l;
    client c(l.io, config_for(server.connect_string(), 8s));
    client writer(l.io, config_for(server.connect_string(), 8s));

    auto beside_persistent = [&]() -> asio::awaitable<void> {
        co_await writer.create("/p", "");
        auto lasting = co_await c.add_watch("/p", add_watch_mode::persistent);
        for (int i = 0; i < 3; ++i) {
            auto [data_ec, data, one] = co_await c.get_and_watch("/p", tuple);
            co_await writer.set("/p", "x");
            const auto once = co_await one.next();
            CHECK(once.type == event_type::data_changed);
            const auto also = co_await lasting.next();
            CHECK(also.type == event_type::data_changed);
            auto [child_ec, children, two] = co_await c.children_and_watch("/p", tuple);
            co_await writer.create("/p/" + std::to_string(i), "");
            const auto child = co_await two.next();
            CHECK(child.type == event_type::children_changed);
            const auto child_too = co_await lasting.next();
            CHECK(child_too.type == event_type::children_changed);
        }
    };
    l.run(beside_persistent());

    auto beside_recursive = [&]() -> asio::awaitable<void> {
        co_await writer.create("/r", "");
        auto [ec, children, child] = co_await c.children_and_watch("/r", tuple);
        auto recursive = co_await c.add_watch("/r", add_watch_mode::persistent_recursive);
        auto [data_ec, data, one] = co_await c.get_and_watch("/r", tuple);
        co_await writer.create("/r/a", "");
        const auto list = co_await child.next();
        CHECK(list.type == event_type::children_changed);
        const auto created = co_await recursive.next();
        CHECK(created == watch_event(event_type::created, "/r/a", created.at));
        co_await writer.set("/r", "x");
        const auto once = co_await one.next();
        CHECK(once.type == event_type::data_changed);
        const auto changed = co_await recursive.next();
        CHECK(changed.type == event_type::data_changed);
        co_await writer.set("/r/a", "x");
        const auto below = co_await recursive.next();
        CHECK(below == watch_event(event_type::data_changed, "/r/a", below.at));
    };
    l.run(beside_recursive());
}

TEST_CASE("R25: a session with 10 000 ephemerals is closed in order") {
    zk_server server;
    server.start();
    loop l;
    client watching(l.io, config_for(server.connect_string(), 8s));
    auto patient = config_for(server.connect_string(), 8s);
    if (sanitized) patient.close_timeout = 30s;    // otherwise the default will do
    client owner(l.io, patient);
    constexpr int count = 10'000;
    l.run(watching.create("/crowd", "", {}, asio::use_awaitable));
    int created = 0;
    for (int i = 0; i < count; ++i) {
        owner.create("/crowd/" + std::to_string(i), "", create_mode::ephemeral, [&](muster::error_code ec, create_result) {
            CHECK_FALSE(ec);
            ++created;
        });
    }
    REQUIRE(l.until([&] { return created == count; }, 60s));
    CHECK(l.run(owner.ephemerals("/", asio::use_awaitable)).size() == count);
    l.run(owner.close(asio::use_awaitable));    // throws where the server did not confirm
    l.run(watching.sync("/crowd", asio::use_awaitable));
    CHECK(l.run(watching.children("/crowd", asio::use_awaitable)).names.empty());
}
