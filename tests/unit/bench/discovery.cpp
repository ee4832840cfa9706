// Part of muster. Boost Software License 1.0, see LICENSE.
#include "bench/discovery_work.hpp"
#include "bench/relay.hpp"

#include <muster/zk/connect_string.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>

#include <doctest/doctest.h>

#include <string>

using namespace muster::bench;
using namespace std::chrono_literals;
namespace asio = boost::asio;
using tcp = asio::ip::tcp;

TEST_CASE("discovery_meter: warming up counts neither in times nor in bytes") {
    std::uint64_t passed = 1000;
    discovery_work w;
    w.bytes = [&] { return passed; };
    discovery_meter m(w);
    m.bootstrapped(12ms, 3.5);
    m.added(90ms);
    m.removed(80ms);
    passed = 5000;
    m.warm();
    m.added(50us);
    m.removed(20us);
    m.added(70us);
    m.removed(30us);
    passed = 5400;
    const discovery_round r = m.result();
    CHECK(r.bootstrap_ms == 12);
    CHECK(r.rss_mib == 3.5);
    CHECK(r.add_p50_us == doctest::Approx(50).epsilon(0.01));
    CHECK(r.add_p99_us == doctest::Approx(70).epsilon(0.01));
    CHECK(r.remove_p50_us == doctest::Approx(20).epsilon(0.01));
    CHECK(r.bytes_per_change == 100);
}

TEST_CASE("discovery_meter: without a count of bytes there is none") {
    const discovery_work w;
    discovery_meter m(w);
    m.added(1us);
    CHECK(m.result().bytes_per_change == 0);
}

TEST_CASE("relay: passes what both sides say, counts it, and leads to the chroot") {
    asio::io_context ioc(1);
    tcp::acceptor server(ioc, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
    const relay r(fmt::format("127.0.0.1:{}/chroot", server.local_endpoint().port()));
    const muster::zk::connect_string through(r.connect_string());
    CHECK(through.chroot() == "/chroot");
    CHECK(r.bytes() == 0);

    tcp::socket client(ioc);
    client.connect({asio::ip::address_v4::loopback(), through.hosts().front().port});
    tcp::socket at_server = server.accept();
    std::string text(5, ' ');
    asio::write(client, asio::buffer("hello", 5));
    asio::read(at_server, asio::buffer(text));
    CHECK(text == "hello");
    asio::write(at_server, asio::buffer("bye", 3));
    text.resize(3);
    asio::read(client, asio::buffer(text));
    CHECK(text == "bye");
    CHECK(r.bytes() == 8);

    at_server.close();
    boost::system::error_code ec;
    client.read_some(asio::buffer(text), ec);
    CHECK(ec == asio::error::eof);
}

TEST_CASE("relay: where nobody listens the connection ends") {
    asio::io_context ioc(1);
    tcp::acceptor server(ioc, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
    const auto port = server.local_endpoint().port();
    server.close();
    const relay r(fmt::format("127.0.0.1:{}", port));
    tcp::socket client(ioc);
    client.connect({asio::ip::address_v4::loopback(), muster::zk::connect_string(r.connect_string()).hosts().front().port});
    boost::system::error_code ec;
    char byte = 0;
    client.read_some(asio::buffer(&byte, 1), ec);
    CHECK(ec);
}
