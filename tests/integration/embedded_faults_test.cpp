// Part of muster. Boost Software License 1.0, see LICENSE.
//
// Hooks of the embedded server by which writes are lost and streams are cut.
#include "integration/embedded_fixture.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <doctest/doctest.h>

#include <string>
#include <tuple>

using namespace muster::test;
using namespace muster::zk;
using muster::write_loss;
using fixture = embedded_fixture;

namespace {

namespace asio = boost::asio;

constexpr auto await = asio::use_awaitable;
constexpr auto quietly = asio::as_tuple(asio::use_awaitable);

}    // namespace

TEST_CASE("a write is lost with its connection, before it is applied or after: to its caller both look alike") {
    for (const auto when : {write_loss::before, write_loss::after}) {
        CAPTURE(static_cast<int>(when));
        fixture f;
        const auto session = f.c->session().id;
        const auto connections = f.c->metrics().connects;
        f.server.lose_next_write(when);
        CHECK_FALSE(f.exists("/a"));                     // no write
        f.l.run(f.c->check("/", any_version, await));    // nor this, which the leader is asked
        f.c->get("/", [](muster::error_code ec, const get_result&) { CHECK_FALSE(ec); });    // was asked before
        const auto [ec, made] = f.l.run(f.c->create("/a", "", create_mode::persistent, quietly));
        CHECK(ec == client_errc::connection_lost);
        CHECK(outcome_of(ec) == outcome::unknown);
        CHECK(f.exists("/a") == (when == write_loss::after));
        CHECK(f.create("/b").path == "/b");    // it was the next one only
        CHECK(f.c->session().id == session);
        CHECK(f.c->metrics().connects == connections + 1);
    }
}

TEST_CASE("a protected create makes one znode whichever way it is lost, and the end of a session is not lost") {
    for (const auto when : {write_loss::before, write_loss::after}) {
        CAPTURE(static_cast<int>(when));
        fixture f;
        f.create("/p");
        f.server.lose_next_write(write_loss::before);
        f.server.lose_next_write(when);    // this one counts
        const auto made = f.l.run(f.c->create_protected("/p/n", "", create_mode::persistent, await));
        const auto names = f.l.run(f.c->children("/p", await)).names;
        REQUIRE(names.size() == 1);
        CHECK(made.path == "/p/" + names.front());
        f.server.lose_next_write(when);
        const auto [ec] = f.l.run(f.c->close(quietly));
        CHECK_FALSE(ec);
        CHECK(f.server.counters().sessions == 0);
    }
}

TEST_CASE("byte by byte: replies and events are what they are otherwise") {
    fixture f;
    const std::string data(1'000, 'x');
    f.create("/a", data);
    const auto before = f.server.counters().bytes_out;
    auto watched = f.l.run(f.c->get_and_watch("/a", quietly));
    const auto whole = f.server.counters().bytes_out - before;
    CHECK(std::get<1>(watched).data == data);
    f.server.send_single_bytes(true);
    CHECK(f.l.run(f.c->get("/a", await)).data == data);
    CHECK(f.server.counters().bytes_out - before == 2 * whole);
    f.c->set("/a", "y", any_version, [](muster::error_code ec, const muster::zk::stat&) { CHECK_FALSE(ec); });
    const auto event = f.l.run(std::get<2>(watched).next(await));
    CHECK(event.type == event_type::data_changed);
    CHECK(event.path == "/a");
    f.server.send_single_bytes(false);
    CHECK(f.l.run(f.c->get("/a", await)).data == "y");
    CHECK(f.c->metrics().connects == 1);
}
