// Part of muster. Boost Software License 1.0, see LICENSE.
#include "runtime/world.hpp"

#include <doctest/doctest.h>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/write.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

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

TEST_CASE("a stream that was connected for a strand completes there, whichever thread finds out") {
    constexpr int rounds = 200;
    constexpr std::size_t large = 4 * 1024 * 1024;    // more than there is room for at once
    asio::io_context io;
    const auto world = runtime::make_asio_world();
    const asio::strand<asio::any_io_executor> strand(io.get_executor());
    asio::ip::tcp::acceptor acceptor(io, {asio::ip::make_address("127.0.0.1"), 0});
    asio::ip::tcp::socket peer(io);
    const std::string sent(large, 'w');
    std::string room(4096, '\0');
    std::shared_ptr<runtime::byte_stream> stream;
    int reads = 0;    // nothing but the strand guards these
    int writes = 0;
    int elsewhere = 0;
    std::size_t written = 0;
    const auto note = [&] { elsewhere += strand.running_in_this_thread() ? 0 : 1; };
    std::function<void()> read = [&] {
        stream->async_read_some(asio::buffer(room), [&](error_code ec, std::size_t) {
            note();
            if (!ec && ++reads != rounds) return read();
            stream->close();
        });
    };
    world->async_connect(strand, acceptor.local_endpoint(),
                         asio::bind_executor(strand, [&](error_code ec, std::shared_ptr<runtime::byte_stream> s) {
                             note();
                             REQUIRE(!ec);
                             stream = std::move(s);
                             read();
                             stream->async_write(asio::buffer(sent), [&](error_code, std::size_t n) {
                                 note();
                                 ++writes;
                                 written = n;
                             });
                         }));
    acceptor.accept(peer);
    std::vector<std::thread> threads;
    for (int i = 0; i != 3; ++i) threads.emplace_back([&] { io.run(); });
    std::string received(large, '\0');
    asio::read(peer, asio::buffer(received));
    error_code ec;
    while (!ec) asio::write(peer, asio::buffer("x", 1), ec);    // until the strand has read enough and closes
    for (std::thread& t : threads) t.join();
    CHECK(received == sent);
    CHECK(written == large);
    CHECK(writes == 1);
    CHECK(reads == rounds);
    CHECK(elsewhere == 0);
}

TEST_CASE("R36: a stream knows what has not arrived: neither taken by the system, nor acknowledged by the peer") {
    constexpr std::size_t large = 16 * 1024 * 1024;    // more than two machines keep
    asio::io_context io;
    const auto world = runtime::make_asio_world();
    asio::ip::tcp::acceptor acceptor(io, {asio::ip::make_address("127.0.0.1"), 0});
    std::shared_ptr<runtime::byte_stream> stream;
    world->async_connect(io.get_executor(), acceptor.local_endpoint(), [&](error_code, auto s) { stream = std::move(s); });
    auto peer = acceptor.accept();
    io.run();
    REQUIRE(stream);
    CHECK(stream->undelivered() == 0);
    const std::string sent(large, 'w');
    bool written = false;
    stream->async_write(asio::buffer(sent), [&](error_code ec, std::size_t) { written = !ec; });
    io.restart();
    io.poll();
    CHECK(!written);
    const auto most = stream->undelivered();
    CHECK(most > 0);
    CHECK(most < large);    // the peer's machine has some
    peer.non_blocking(true);
    std::string part(64 * 1024, '\0');
    bool falls = true;
    auto last = most;
    for (std::size_t read = 0; read != large;) {
        error_code would_block;
        read += peer.read_some(asio::buffer(part), would_block);
        io.restart();
        io.poll();
        falls = falls && stream->undelivered() <= last;
        last = stream->undelivered();
    }
    CHECK(falls);
    CHECK(written);
    while (stream->undelivered() != 0) std::this_thread::yield();    // the last acknowledgement may take a moment
    stream->close();
    CHECK(stream->undelivered() == 0);
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
