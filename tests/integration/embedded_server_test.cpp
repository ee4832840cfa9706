// Part of muster. Boost Software License 1.0, see LICENSE.
//
// The embedded server in the test's own process: its life and its hooks.
#include "integration/embedded_fixture.hpp"
#include "integration/raw_client.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

using namespace muster::test;
using namespace muster::zk;
using namespace std::chrono_literals;
using muster::embedded_server;
using muster::embedded_server_params;
using fixture = embedded_fixture;
using clock_type = std::chrono::steady_clock;

namespace {

namespace asio = boost::asio;

constexpr auto await = asio::use_awaitable;

// GCC 12 destroys aggregates in co_await expressions twice.
static_assert(!std::is_aggregate_v<embedded_server_params>);

}    // namespace

TEST_CASE("a server on any free port serves, counts, and ends with its object") {
    loop l;
    embedded_server server(l.io);
    CHECK_FALSE(server.running());
    CHECK(server.port() == 0);
    server.start();
    CHECK(server.running());
    CHECK(server.port() != 0);
    CHECK(server.connect_string() == "127.0.0.1:" + std::to_string(server.port()));
    const auto empty = server.counters();
    CHECK(empty.requests == 0);

    client c(l.io, server.connect_string());
    l.run(c.create("/a", "data", create_mode::persistent, await));
    l.run(c.create("/a/e", "", create_mode::ephemeral, await));
    const auto watched = l.run(c.get_and_watch("/a", asio::as_tuple(await)));
    CHECK(std::get<1>(watched).data == "data");
    const auto counters = server.counters();
    CHECK(counters.connections == 1);
    CHECK(counters.sessions == 1);
    CHECK(counters.watches == 1);
    CHECK(counters.znodes == empty.znodes + 2);
    CHECK(counters.requests >= empty.requests + 4);
    CHECK(counters.bytes_in > 0);
    CHECK(counters.bytes_out > 0);
    CHECK(server.sessions() == std::vector<std::int64_t>{c.session().id});
    l.run(c.close(await));
    CHECK(l.until([&] { return server.counters().connections == 0; }));
    const auto after = server.counters();
    CHECK(after.sessions == 0);
    CHECK(after.watches == 0);
    CHECK(after.znodes == empty.znodes + 1);
}

TEST_CASE("a port in use is told by its number, and nothing runs") {
    loop l;
    embedded_server first(l.io);
    first.start();
    embedded_server_params p;
    p.port = first.port();
    embedded_server second(l.io, p);
    muster::error_code ec;
    second.start(ec);
    CHECK(ec == asio::error::address_in_use);
    CHECK_FALSE(second.running());
    const std::string where = "127.0.0.1:" + std::to_string(first.port());
    const std::string message = "cannot listen on " + where + ": Address already in use [system:98]";
    CHECK_THROWS_WITH_AS(second.start(), message.c_str(), boost::system::system_error);
    first.stop();
    second.start();
    CHECK(second.running());
}

TEST_CASE("parameters out of their ranges are refused with the value and what was expected") {
    loop l;
    const auto refused = [&](auto change) {
        embedded_server_params p;
        change(p);
        try {
            embedded_server s(l.io, p);
        } catch (const boost::system::system_error& e) {
            CHECK(e.code() == client_errc::invalid_argument);
            return std::string(e.what());
        }
        return std::string();
    };
    const auto starts = [](const std::string& message, const char* expected) { return message.starts_with(expected); };
    CHECK(starts(refused([](auto& p) { p.address = "localhost"; }), "address of 'localhost': expected an IP address"));
    CHECK(starts(refused([](auto& p) { p.address = ""; }), "address of '': expected"));
    CHECK(starts(refused([](auto& p) { p.tick = 0ms; }), "tick of 0 ms: expected 1 ms to 24 days"));
    CHECK(starts(refused([](auto& p) { p.cleanup_interval = -7ms; }), "cleanup_interval of -7 ms: expected"));
    CHECK(starts(refused([](auto& p) { p.min_session_timeout = 0ms; }), "min_session_timeout of 0 ms: expected"));
    CHECK(starts(refused([](auto& p) { p.max_session_timeout = p.min_session_timeout - 1ms; }),
                 "max_session_timeout of 99 ms: expected at least min_session_timeout"));
    CHECK(starts(refused([](auto& p) { p.max_frame = 100; }), "max_frame of 100 bytes: expected 1024 to"));
    for (const char* digest :
         {"x", "super:", "super:secret", "supra:gG7s8t3oDEtIqF6DM9LlI/R+9Ss=", "super:gG7s8t3oDEtIqF6DM9LlI R+9Ss="})
        CHECK(starts(refused([&](auto& p) { p.super_digest = digest; }), "super_digest of "));
    const std::string secret = refused([](auto& p) { p.super_digest = "super:sesame"; });
    CHECK(starts(secret, "super_digest of 12 characters: expected \"super:\" and the Base64 of"));
    CHECK(secret.find("sesame") == std::string::npos);
    CHECK(refused([](auto& p) { p.super_digest = "super:gG7s8t3oDEtIqF6DM9LlI/R+9Ss="; }).empty());
}

TEST_CASE("all interfaces and IPv6: the connect string leads to it") {
    for (const char* address : {"0.0.0.0", "::", "::1"}) {
        CAPTURE(address);
        loop l;
        embedded_server_params p;
        p.address = address;
        embedded_server server(l.io, p);
        muster::error_code ec;
        server.start(ec);
        if (ec == asio::error::address_family_not_supported || ec == boost::system::errc::address_not_available) {
            MESSAGE("there is no IPv6 here");
            continue;
        }
        REQUIRE_FALSE(ec);
        client c(l.io, server.connect_string());
        l.run(c.create("/a", "", create_mode::persistent, await));
        l.run(c.close(await));
    }
}

TEST_CASE("a client that comes by IPv4 to a server of both kinds has its IPv4 address") {
    loop l;
    embedded_server_params p;
    p.address = "::";
    embedded_server server(l.io, p);
    muster::error_code ec;
    server.start(ec);
    if (ec == asio::error::address_family_not_supported || ec == boost::system::errc::address_not_available) {
        MESSAGE("there is no IPv6 here");
        return;
    }
    REQUIRE_FALSE(ec);
    client c(l.io, "127.0.0.1:" + std::to_string(server.port()));
    l.run(c.create("/a", "data", create_mode::persistent, await));
    l.run(c.set_acl("/a", std::vector<acl>{acl(1, "ip", "127.0.0.0/8")}, any_version, await));
    const auto who = l.run(c.who_am_i(await));
    REQUIRE(who.size() == 1);
    CHECK(who[0].scheme == "ip");
    CHECK(who[0].user == "127.0.0.1");
    CHECK(l.run(c.get("/a", await)).data == "data");
    l.run(c.close(await));
}

TEST_CASE("stopped and started: nobody is reached meanwhile; port, data, sessions and watches are there again") {
    fixture f;
    f.create("/e", "data", create_mode::ephemeral);
    const auto id = f.c->session().id;
    auto watched = f.l.run(f.c->get_and_watch("/e", asio::as_tuple(await)));
    const auto port = f.server.port();
    f.server.stop();
    CHECK_FALSE(f.server.running());
    f.server.stop();
    REQUIRE(f.l.until([&] { return f.c->session().last_error == asio::error::connection_refused; }));
    f.server.start();
    f.server.start();
    CHECK(f.server.port() == port);
    REQUIRE(f.l.until([&] { return f.connected(*f.c); }));
    CHECK(f.c->session().id == id);
    CHECK(f.exists("/e"));
    bool fired = false;
    std::get<2>(watched).next([&](muster::error_code ec, watch_event e) { fired = !ec && e.type == event_type::data_changed; });
    f.l.run(f.c->set("/e", "", any_version, await));
    CHECK(f.l.until([&] { return fired; }));
}

TEST_CASE("an expired session takes its ephemerals along, at once") {
    fixture f;
    client other = f.make_client();
    f.connect(other);
    const auto id = other.session().id;
    f.l.run(other.create("/e", "", create_mode::ephemeral, await));
    CHECK_FALSE(f.server.expire_session(id + 1'000));
    CHECK(f.server.sessions().size() == 2);
    CHECK(f.server.expire_session(id));
    CHECK(f.server.sessions() == std::vector<std::int64_t>{f.c->session().id});
    CHECK_FALSE(f.server.expire_session(id));
    CHECK_FALSE(f.exists("/e"));
    REQUIRE(f.l.until([&] { return other.session().generation == 2 && f.connected(other); }));
    CHECK(other.session().id != id);
    CHECK(other.metrics().expiries == 1);
}

TEST_CASE("a session can be ended while the server is stopped: its client hears of it when it is back") {
    fixture f;
    f.create("/e", "", create_mode::ephemeral);
    f.create("/stays");
    const auto id = f.c->session().id;
    f.server.stop();
    REQUIRE(f.server.sessions() == std::vector<std::int64_t>{id});
    CHECK(f.server.expire_session(id));
    CHECK(f.server.sessions().empty());
    CHECK(f.server.counters().sessions == 0);
    CHECK_FALSE(f.server.expire_session(id));
    f.server.start();
    REQUIRE(f.l.until([&] { return f.c->session().generation == 2 && f.connected(*f.c); }));
    CHECK(f.c->session().id != id);
    CHECK(f.c->metrics().expiries == 1);
    CHECK_FALSE(f.exists("/e"));
    CHECK(f.exists("/stays"));
}

TEST_CASE("a session that is silent expires by the server's clock") {
    embedded_server_params p;
    p.tick = 10ms;
    fixture f(p);
    raw_client silent(f.l.io, f.server.port());
    silent.send(raw_client::connect_frame(100ms));
    REQUIRE(f.l.until([&] { return f.server.sessions().size() == 2; }));
    const auto begin = clock_type::now();
    REQUIRE(f.l.until([&] { return f.server.sessions().size() == 1; }));
    CHECK(clock_type::now() - begin < 1s);
    CHECK(f.l.until([&] { return silent.closed(); }));
}

TEST_CASE("dropped connections: the session is resumed, its ephemerals stay") {
    fixture f;
    f.create("/e", "", create_mode::ephemeral);
    const auto id = f.c->session().id;
    for (int i = 0; i < 3; ++i) {
        const auto version = f.c->session().version;
        f.server.drop_connections();
        CHECK(f.server.counters().connections == 0);
        REQUIRE(f.l.until([&] { return f.c->session().version > version && f.connected(*f.c); }));
        CHECK(f.c->session().id == id);
        CHECK(f.exists("/e"));
    }
    CHECK(f.c->metrics().expiries == 0);
}

TEST_CASE("delayed replies and events come late, and in order") {
    fixture f;
    f.create("/a", "0");
    client other = f.make_client();
    f.connect(other);
    auto watched = f.l.run(other.get_and_watch("/a", asio::as_tuple(await)));
    clock_type::time_point event_at;
    std::get<2>(watched).next([&](muster::error_code, watch_event) { event_at = clock_type::now(); });

    f.server.delay(300ms);
    std::vector<int> order;
    const auto begin = clock_type::now();
    const auto done = [&](int i) {
        return [&, i](muster::error_code ec, muster::zk::stat) {
            CHECK_FALSE(ec);
            order.push_back(i);
        };
    };
    for (int i = 0; i < 3; ++i) f.c->set("/a", std::to_string(i), any_version, done(i));
    REQUIRE(f.l.until([&] { return order.size() == 1; }));
    CHECK(clock_type::now() - begin >= 300ms);
    REQUIRE(f.l.until([&] { return event_at != clock_type::time_point{}; }));
    CHECK(event_at - begin >= 300ms);

    // What is said after the delay has ended does not overtake what it holds back.
    f.c->set("/a", "3", any_version, done(3));
    REQUIRE(f.l.until([&] { return f.l.io.poll() == 0 && order.size() >= 3; }));
    f.server.delay(0ms);
    f.c->set("/a", "4", any_version, done(4));
    REQUIRE(f.l.until([&] { return order.size() == 5; }));
    CHECK(order == std::vector<int>{0, 1, 2, 3, 4});
    auto best = 1h + 0ns;
    for (int i = 5; i != 10; ++i) {
        const auto again = clock_type::now();
        f.l.run(f.c->set("/a", std::to_string(i), any_version, await));
        best = std::min<std::chrono::nanoseconds>(best, clock_type::now() - again);
    }
    CHECK(best < 80ms);
}

TEST_CASE("refused: new connections are closed, old ones are served") {
    fixture f;
    f.server.refuse(true);
    client other = f.make_client();
    other.start();
    CHECK(f.l.until([&] { return f.server.counters().refused > 2; }));
    CHECK_FALSE(f.connected(other));
    CHECK(f.create("/a").path == "/a");
    f.server.refuse(false);
    CHECK(f.l.until([&] { return f.connected(other); }));
}

TEST_CASE("read-only: who does not ask for that is not served, and who does is told") {
    fixture f;
    const auto ask = [&](std::string_view word) {
        raw_client r(f.l.io, f.server.port());
        r.send(word);
        CHECK(f.l.until([&] { return r.closed(); }));
        return r.received;
    };
    CHECK(ask("isro") == "rw");
    f.server.read_only(true);
    CHECK(f.server.counters().connections == 0);
    CHECK(ask("isro") == "ro");
    raw_client r(f.l.io, f.server.port());
    r.send(raw_client::connect_frame(4s, true) + raw_client::get_frame(1, "/zookeeper"));
    std::vector<std::string> frames;
    REQUIRE(f.l.until([&] {
        r.read();
        for (auto& each : take_frames(r.received)) frames.push_back(std::move(each));
        return frames.size() == 2;
    }));
    proto::reader in(frames[0]);
    proto::connect_response response;
    response.read(in);
    CHECK(response.session_id != 0);
    CHECK(response.read_only);
    CHECK_FALSE(f.connected(*f.c));
    f.server.read_only(false);
    REQUIRE(f.l.until([&] { return f.connected(*f.c); }));
    CHECK(f.create("/a").path == "/a");
    CHECK(f.c->metrics().expiries == 0);
}

TEST_CASE("read-only: sessions of before outlast it, and those of meanwhile are counted, told and ended like others") {
    embedded_server_params p;
    p.tick = 10ms;
    fixture f(p);
    client brief = f.make_client(400ms);
    f.connect(brief);
    const auto before = f.server.sessions();
    REQUIRE(before.size() == 2);
    f.server.read_only(true);
    raw_client r(f.l.io, f.server.port());
    r.send(raw_client::connect_frame(4s, true));
    REQUIRE(f.l.until([&] { return f.server.sessions().size() == 3; }));
    CHECK(f.server.counters().sessions == 3);
    f.l.pass(700ms);
    auto all = f.server.sessions();
    CHECK(std::is_sorted(all.begin(), all.end()));
    for (const auto id : before) CHECK(std::erase(all, id) == 1);
    REQUIRE(all.size() == 1);
    CHECK_FALSE(r.closed());
    CHECK(f.server.expire_session(all[0]));
    CHECK_FALSE(f.server.expire_session(all[0]));
    CHECK(f.l.until([&] { return r.closed(); }));
    CHECK(f.server.sessions() == before);
    CHECK(f.server.counters().sessions == 2);
    f.server.read_only(false);
    CHECK(f.server.sessions() == before);
}

TEST_CASE("hooks can be called from handlers of the server's own thread") {
    fixture f;
    bool done = false;
    f.c->create("/e", "", create_mode::ephemeral, [&](muster::error_code ec, create_result) {
        CHECK_FALSE(ec);
        CHECK(f.server.expire_session(f.c->session().id));
        f.server.delay(1ms);
        f.server.drop_connections();
        f.server.stop();
        f.server.start();
        done = true;
    });
    REQUIRE(f.l.until([&] { return done; }));
    REQUIRE(f.l.until([&] { return f.c->session().generation == 2 && f.connected(*f.c); }));
    CHECK_FALSE(f.exists("/e"));
}

TEST_CASE("hooks take effect although nothing runs the context") {
    asio::io_context io;
    embedded_server server(io);
    server.start();
    raw_client r(io, server.port());
    r.send(raw_client::connect_frame(4s));
    io.run_for(20ms);
    while (server.sessions().empty()) io.run_for(1ms);
    io.stop();
    CHECK(server.expire_session(server.sessions().at(0)));
    CHECK(server.counters().connections == 0);
    CHECK(r.closed());
    server.stop();
}
