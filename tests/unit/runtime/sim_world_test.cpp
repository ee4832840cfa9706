// Part of muster. Boost Software License 1.0, see LICENSE.
//
// The tests' own world keeps the contract of runtime::world.
#include "support/sim_world.hpp"

#include <doctest/doctest.h>
#include <boost/asio/error.hpp>

#include <array>

using namespace muster;
using namespace muster::test;
using namespace std::chrono_literals;

TEST_SUITE_BEGIN("sim_world");

TEST_CASE("timers end in order, when time has come to them") {
    simulation sim;
    std::vector<int> order;
    auto a = sim.world->make_timer(sim.io.get_executor());
    auto b = sim.world->make_timer(sim.io.get_executor());
    const auto start = sim.world->now();
    a->expires_at(start + 2s);
    b->expires_at(start + 1s);
    a->async_wait([&](error_code ec) { order.push_back(ec ? -1 : 2); });
    b->async_wait([&](error_code ec) { order.push_back(ec ? -1 : 1); });
    sim.run_for(999ms);
    CHECK(order.empty());
    sim.run_for(1ms);
    CHECK(order == std::vector<int>{1});
    a->expires_at(start + 5s);
    sim.run_ready();
    CHECK(order == std::vector<int>{1, -1});
    a->async_wait([&](error_code ec) { order.push_back(ec ? -2 : 5); });
    sim.run_for(1h);
    CHECK(order == std::vector<int>{1, -1, 5});
    CHECK(sim.world->now() == start + 1h + 1s);
}

TEST_CASE("streams carry bytes both ways and end") {
    simulation sim;
    const runtime::endpoint to(asio::ip::make_address("10.0.0.1"), 1);
    sim.world->set_server(to, sim_world::answer::accept);
    std::shared_ptr<runtime::byte_stream> stream;
    sim.world->async_connect(sim.io.get_executor(), to, [&](error_code, auto s) { stream = std::move(s); });
    sim.run_ready();
    const auto peer = sim.world->accept();
    REQUIRE(peer);
    std::size_t written = 0;
    stream->async_write(asio::buffer("abc", 3), [&](error_code, std::size_t n) { written = n; });
    CHECK(written == 0);
    sim.run_ready();
    CHECK(written == 3);
    CHECK(peer->take() == "abc");
    std::array<char, 2> room{};
    std::vector<std::size_t> read;
    error_code last;
    const auto note = [&](error_code ec, std::size_t n) {
        read.push_back(n);
        last = ec;
    };
    peer->send("xyz");
    peer->close();
    for (int i = 0; i != 3; ++i) {
        stream->async_read_some(asio::buffer(room), note);
        sim.run_ready();
    }
    CHECK(read == std::vector<std::size_t>{2, 1, 0});
    CHECK(last == asio::error::eof);
    CHECK(!peer->closed());
    stream.reset();
    CHECK(peer->closed());
}

TEST_CASE("the same seed draws the same numbers") {
    sim_world a(7);
    sim_world b(7);
    sim_world c(8);
    const auto x = a.random();
    CHECK(x == b.random());
    CHECK(x != c.random());
}

TEST_SUITE_END();
