// Part of muster. Boost Software License 1.0, see LICENSE.
//
// The embedded server in the test's own process, with clients that misbehave, many at a time, or at the wrong moment.
// GCC 12 takes the operators of Asio's coroutine frames, inlined in part, for mismatched ones.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"
#endif

#include "integration/embedded_fixture.hpp"
#include "integration/raw_client.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace muster::test;
using namespace muster::zk;
using namespace std::chrono_literals;
using muster::embedded_server;
using muster::embedded_server_params;
using fixture = embedded_fixture;

namespace {

namespace asio = boost::asio;

constexpr auto await = asio::use_awaitable;

/// What a client sends to keep the server of `f` busy, each of the requests for many microseconds.
std::string busy(fixture& f, std::size_t requests) {
    f.create("/wide");
    for (int i = 0; i < 300; ++i) f.create("/wide/" + std::to_string(i));
    std::string frames = raw_client::connect_frame(60s);
    for (std::size_t i = 0; i < requests; ++i) {
        proto::request_header header;
        header.xid = static_cast<std::int32_t>(i + 1);
        header.type = proto::to_wire(proto::opcode::get_all_children_number);
        frames += frame_of(header, proto::path_request{"/wide"});
    }
    return frames;
}

}    // namespace

TEST_CASE("threads: many clients of a pool that runs the server, and hooks from beside") {
    asio::thread_pool pool(4);
    embedded_server server(pool);
    server.start();
    std::vector<client> clients;
    for (int i = 0; i < 8; ++i) {
        config cfg(server.connect_string());
        cfg.backoff_min = 1ms;
        cfg.backoff_max = 5ms;
        clients.emplace_back(pool, cfg);
    }
    std::atomic<int> done{0};
    auto work = [&](client c, int n) -> asio::awaitable<void> {
        const std::string path = "/t" + std::to_string(n);
        for (int i = 0; i < 200; ++i) {
            [[maybe_unused]] const auto [ec, made] =
                co_await c.create(path, std::to_string(i), create_mode::ephemeral, asio::as_tuple(await));
            [[maybe_unused]] const auto [read_ec, got] = co_await c.get(path, asio::as_tuple(await));
            [[maybe_unused]] const auto [gone_ec] = co_await c.remove(path, any_version, asio::as_tuple(await));
        }
        ++done;
    };
    for (int i = 0; i < 8; ++i) asio::co_spawn(pool, work(clients[static_cast<std::size_t>(i)], i), asio::detached);
    // Before the next hook the clients have got somewhere, if only to a door that is shut.
    constexpr std::uint64_t some = 32;
    std::uint64_t seen = 0;
    const auto got_on = [&] {
        const auto now = server.counters();
        if (now.requests + now.refused < seen + some) return false;
        seen = now.requests + now.refused;
        return true;
    };
    for (int i = 0; done < 8; ++i) {
        while (done < 8 && !got_on()) std::this_thread::yield();
        switch (i % 4) {
            case 0:
                server.delay(std::chrono::milliseconds(i % 3));
                break;
            case 1:
                server.drop_connections();
                break;
            case 2:
                if (const auto all = server.sessions(); !all.empty()) server.expire_session(all.front());
                break;
            default:
                server.refuse(i % 8 == 3);
        }
    }
    for (client& c : clients) c.close(asio::use_future).wait();
    server.stop();
    pool.join();
    CHECK(server.counters().connections == 0);
}

TEST_CASE("any bytes: that connection is closed, the others are served") {
    fixture f;
    f.create("/a");
    const unsigned seed = 20'261'122;
    CAPTURE(seed);
    std::mt19937 random(seed);
    const std::string greeting = raw_client::connect_frame(1s);
    const std::vector<std::string> bad{std::string("\x7f\xff\xff\xff", 4), std::string("\x00\x10\x00\x00", 4),
                                       std::string("\xff\xff\xff\xff", 4), std::string("\x80\x00\x00\x00", 4),
                                       std::string("\x00\x00\x00\x00", 4), std::string("\x00\x00\x00\x01x", 5)};
    for (const std::string& bytes : bad) {
        CAPTURE(bytes);
        raw_client fresh(f.l.io, f.server.port());
        fresh.send(bytes);
        CHECK(f.l.until([&] { return fresh.closed(); }));
        raw_client greeted(f.l.io, f.server.port());
        greeted.send(greeting + bytes);
        CHECK(f.l.until([&] { return greeted.closed(); }));
    }
    for (int i = 0; i < 300; ++i) {
        raw_client r(f.l.io, f.server.port());
        std::string bytes(random() % 200, '\0');
        std::generate(bytes.begin(), bytes.end(), [&] { return static_cast<char>(random()); });
        if (i % 3 == 1) bytes = greeting + bytes;
        if (i % 3 == 2) {
            // A frame of the right size, whose content is nonsense.
            std::string frame(4, '\0');
            frame[3] = static_cast<char>(bytes.size());
            frame[2] = static_cast<char>(bytes.size() >> 8);
            bytes = greeting + frame + bytes;
        }
        r.send(bytes);
        f.l.io.poll();
    }
    CHECK(f.exists("/a"));
    CHECK(f.l.until([&] { return f.server.counters().connections == 1; }));
}

TEST_CASE("a client that goes without a word leaves its session, and nothing else") {
    fixture f;
    f.create("/a");
    std::optional<raw_client> r(std::in_place, f.l.io, f.server.port());
    r->send(raw_client::connect_frame(60s) + raw_client::get_frame(1, "/a", true));
    REQUIRE(f.l.until([&] { return f.server.counters().watches == 1; }));
    CHECK(f.server.counters().connections == 2);
    r.reset();
    CHECK(f.l.until([&] { return f.server.counters().watches == 0; }));
    CHECK(f.server.counters().connections == 1);
    CHECK(f.server.sessions().size() == 2);
}

TEST_CASE("a client that does not read is not read from, costs bounded memory, and misses nothing") {
    embedded_server_params p;
    p.max_unread = 1 << 20;
    fixture f(p);
    const std::string large(50'000, 'x');
    f.create("/large", large);
    raw_client r(f.l.io, f.server.port());
    r.send(raw_client::connect_frame(60s));
    std::string requests;
    constexpr int count = 20'000;    // for 1 GB, more than one read of them
    for (int i = 0; i < count; ++i) requests += raw_client::get_frame(i + 1, "/large");
    std::size_t sent = 0;
    const auto push = [&] { sent += r.send(std::string_view(requests).substr(sent)); };
    push();
    // All buffers are full, and nothing goes out any more.
    REQUIRE(f.l.until([&, last = std::uint64_t{0}]() mutable {
        f.l.pass(50ms);
        return std::exchange(last, f.server.counters().bytes_out) == f.server.counters().bytes_out;
    }));
    CHECK(f.exists("/large"));                      // the others are served
    CHECK(f.server.counters().requests < 1'000);    // what the bound, the system's buffers and one portion of input allow

    std::size_t got = 0, replies = 0;
    REQUIRE(f.l.until(
        [&] {
            push();
            r.read(1 << 20);
            for (const auto& frame : take_frames(r.received)) {
                ++replies;
                got += frame.size();
            }
            return replies == count + 1;
        },
        60s));
    CHECK(got > count * large.size());
}

TEST_CASE("a few bytes that ask for a lot are not all served at once") {
    embedded_server_params p;
    p.max_unread = 1 << 20;
    fixture f(p);
    f.create("/large", std::string(1'000'000, 'x'));
    raw_client r(f.l.io, f.server.port());
    std::string requests = raw_client::connect_frame(60s);
    for (int i = 0; i < 50; ++i) requests += raw_client::get_frame(i + 1, "/large");    // 1 KB for 50 MB
    r.send(requests);
    REQUIRE(f.l.until([&] { return f.server.sessions().size() == 2; }));
    CHECK(f.exists("/large"));
    CHECK(f.server.counters().requests < 30);    // the system's buffers take some
    std::size_t replies = 0;
    CHECK(f.l.until([&] {
        r.read(1 << 20);
        replies += take_frames(r.received).size();
        return replies == 51;
    }));
}

TEST_CASE("one that keeps the server busy lets the others have their turn") {
    fixture f;
    constexpr std::size_t count = 4'000;    // many turns
    const std::string requests = busy(f, count);
    raw_client r(f.l.io, f.server.port());
    r.send(requests);
    REQUIRE(f.l.until([&] { return f.server.sessions().size() == 2; }));
    CHECK(f.exists("/wide"));
    r.read(1 << 20);
    std::size_t replies = take_frames(r.received).size();
    CHECK(replies < count / 2);
    CHECK(f.l.until(
        [&] {
            r.read(1 << 20);
            replies += take_frames(r.received).size();
            return replies == count + 1;
        },
        60s));
}

// What is not freed is found by LeakSanitizer.
TEST_CASE("one that awaits its turn goes with the server, or with its context") {
    std::optional<fixture> f(std::in_place);
    const std::string requests = busy(*f, 4'000);
    std::optional<raw_client> r(std::in_place, f->l.io, f->server.port());
    r->send(requests);
    REQUIRE(f->l.until([&] { return f->server.sessions().size() == 2; }));
    SUBCASE("the server stops, and starts") {
        f->server.stop();
        f->server.start();
        client late = f->make_client();
        f->connect(late);
    }
    SUBCASE("the server goes") { f->server = embedded_server(f->l.io); }
    SUBCASE("the context goes first") {
        const embedded_server outlives(std::move(f->server));
        r.reset();
        f.reset();
    }
}

TEST_CASE("clients that leave most unread go when all together leave too much, and the others stay") {
    embedded_server_params p;
    p.max_unread = 64 << 20;    // no bound of a single client's
    p.max_unread_total = 40 << 20;
    fixture f(p);
    f.create("/large", std::string(900'000, 'x'));
    f.create("/small", std::string(1'000, 'x'));
    std::optional<raw_client> modest(std::in_place, f.l.io, f.server.port());
    modest->send(raw_client::connect_frame(60s) + raw_client::get_frame(1, "/small"));    // never reads it
    REQUIRE(f.l.until([&] { return f.server.sessions().size() == 2; }));
    std::vector<std::unique_ptr<raw_client>> greedy;
    for (int i = 0; i < 5; ++i) {
        auto& r = *greedy.emplace_back(std::make_unique<raw_client>(f.l.io, f.server.port()));
        std::string requests = raw_client::connect_frame(60s);
        for (int k = 0; k < 18; ++k) requests += raw_client::get_frame(k + 1, "/large");    // 16 MB, and the system takes some
        r.send(requests);
    }
    REQUIRE(f.l.until([&] { return f.server.sessions().size() == 7; }));
    REQUIRE(f.l.until([&] { return f.server.counters().connections < 7; }));
    f.l.pass(50ms);
    const auto left = f.server.counters().connections;
    CHECK(left >= 4);    // the fixture's, the modest one, and two of the greedy at least
    CHECK(left <= 6);
    CHECK(f.exists("/small"));
    modest->read(1 << 20);
    CHECK(take_frames(modest->received).size() == 2);
}

TEST_CASE("the connection of a session that ended is closed, also where its client does not read") {
    fixture f;
    f.create("/large", std::string(900'000, 'x'));
    raw_client r(f.l.io, f.server.port());
    std::string requests = raw_client::connect_frame(60s);
    for (int k = 0; k < 18; ++k) requests += raw_client::get_frame(k + 1, "/large");
    r.send(requests);
    REQUIRE(f.l.until([&] { return f.server.sessions().size() == 2; }));
    f.l.pass(50ms);
    const auto sessions = f.server.sessions();
    REQUIRE(f.server.expire_session(sessions.front() == f.c->session().id ? sessions.back() : sessions.front()));
    CHECK(f.server.counters().connections == 2);    // it may still take what it was told before
    CHECK(f.l.until([&] { return f.server.counters().connections == 1; }));
    CHECK(f.exists("/large"));
}

TEST_CASE("a reply that is too large costs its connection only") {
    fixture f;
    f.create("/large", std::string(900'000, 'x'));
    raw_client r(f.l.io, f.server.port());
    r.send(raw_client::connect_frame(60s) + raw_client::multi_get_frame(1, std::vector<std::string>(70, "/large")));
    CHECK(f.l.until([&] { return r.closed(); }));
    CHECK(f.exists("/large"));
}

TEST_CASE("a server may be destroyed at any time, and may outlive its context") {
    std::optional<embedded_server> outlives;
    {
        loop l;
        outlives.emplace(asio::make_strand(l.io));    // a strand must be gone when its context is
        outlives->start();
        raw_client r(l.io, outlives->port());
        r.send(raw_client::connect_frame(4s));
        REQUIRE(l.until([&] { return outlives->sessions().size() == 1; }));
    }
    CHECK(outlives->expire_session(outlives->sessions().front()));
    outlives->read_only(true);
    outlives->drop_connections();
    CHECK(outlives->counters().connections == 0);
    muster::error_code late;
    outlives->start(late);
    CHECK(late == asio::error::shut_down);
    outlives.reset();

    loop l;
    config cfg;
    std::optional<embedded_server> s(std::in_place, l.io);
    s->start();
    cfg.servers = connect_string(s->connect_string());
    client c(l.io, cfg);
    bool done = false;
    c.create("/a", "", create_mode::persistent, [&](muster::error_code ec, create_result) {
        CHECK_FALSE(ec);
        s.reset();
        done = true;
    });
    REQUIRE(l.until([&] { return done; }));
    CHECK(l.until([&] { return c.session().state == session_state::suspended; }));

    embedded_server a(l.io), b(l.io);
    a.start();
    const auto port = a.port();
    b = std::move(a);
    CHECK(b.port() == port);
    CHECK(b.running());
}
