// Part of muster. Boost Software License 1.0, see LICENSE.
#include "runtime/world.hpp"

#include <doctest/doctest.h>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>

#include <memory>
#include <optional>
#include <string>

using namespace muster;
namespace asio = boost::asio;

TEST_SUITE_BEGIN("asio_world");

namespace {

/// A port of this machine that nobody listens on.
runtime::endpoint closed_port(asio::io_context& io) {
    asio::ip::tcp::acceptor acceptor(io, {asio::ip::make_address("127.0.0.1"), 0});
    return acceptor.local_endpoint();
}

}    // namespace

TEST_CASE("a refused connection leaves nothing to cancel") {
    asio::io_context io;
    const auto world = runtime::make_asio_world();
    const auto to = closed_port(io);
    asio::cancellation_signal signal;
    for (int i = 0; i != 3; ++i) {
        std::optional<error_code> result;
        world->async_connect(
            io.get_executor(), to,
            asio::bind_cancellation_slot(signal.slot(), [&](error_code ec, std::shared_ptr<runtime::byte_stream> s) {
                CHECK(!s);
                result = ec;
            }));
        CHECK(!result);
        io.restart();
        io.run();
        REQUIRE(result);
        CHECK(*result == asio::error::connection_refused);
        signal.emit(asio::cancellation_type::terminal);    // the socket is gone
    }
}

TEST_CASE("a stream reads what comes and writes all") {
    asio::io_context io;
    const auto world = runtime::make_asio_world();
    asio::ip::tcp::acceptor acceptor(io, {asio::ip::make_address("127.0.0.1"), 0});
    std::shared_ptr<runtime::byte_stream> stream;
    world->async_connect(io.get_executor(), acceptor.local_endpoint(), [&](error_code ec, auto s) {
        CHECK(!ec);
        stream = std::move(s);
    });
    auto peer = acceptor.accept();
    io.run();
    REQUIRE(stream);
    std::string room(10, '\0');
    std::size_t read = 0;
    stream->async_read_some(asio::buffer(room), [&](error_code, std::size_t n) { read = n; });
    std::size_t written = 0;
    stream->async_write(asio::buffer("hello", 5), [&](error_code, std::size_t n) { written = n; });
    std::string received(5, '\0');
    asio::read(peer, asio::buffer(received));
    asio::write(peer, asio::buffer("abc", 3));
    io.restart();
    io.run();
    CHECK(received == "hello");
    CHECK(written == 5);
    CHECK(room.substr(0, read) == "abc");
    error_code aborted;
    stream->async_read_some(asio::buffer(room), [&](error_code ec, std::size_t) { aborted = ec; });
    stream->close();
    stream->close();
    CHECK(!aborted);
    io.restart();
    io.run();
    CHECK(aborted == asio::error::operation_aborted);
}

TEST_CASE("addresses are answered without a look-up, names with one") {
    asio::io_context io;
    const auto world = runtime::make_asio_world();
    std::vector<runtime::endpoint> address;
    std::vector<runtime::endpoint> name;
    world->async_resolve(io.get_executor(), "::1", 7, [&](error_code, auto found) { address = std::move(found); });
    world->async_resolve(io.get_executor(), "localhost", 8, [&](error_code, auto found) { name = std::move(found); });
    CHECK(address.empty());
    io.run();
    CHECK(address == std::vector<runtime::endpoint>{{asio::ip::make_address("::1"), 7}});
    REQUIRE(!name.empty());
    CHECK(name.front().address().is_loopback());
    CHECK(name.front().port() == 8);
}

TEST_SUITE_END();
