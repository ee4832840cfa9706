// Part of muster. Boost Software License 1.0, see LICENSE.
#include "bench/relay.hpp"

#include <muster/zk/connect_string.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include <fmt/format.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <exception>
#include <new>
#include <system_error>
#include <utility>

#include <sys/mman.h>

namespace muster::bench {

namespace asio = boost::asio;
using tcp = asio::ip::tcp;

struct relay::counter {
    std::atomic<std::uint64_t> bytes{0};
};

namespace {

using count = std::atomic<std::uint64_t>;
using socket_ptr = std::shared_ptr<tcp::socket>;

/// One direction. When it ends, so does the other.
asio::awaitable<void> pass(socket_ptr from, socket_ptr to, count& bytes) {
    std::array<char, 65536> buffer;
    try {
        for (;;) {
            const std::size_t n = co_await from->async_read_some(asio::buffer(buffer), asio::use_awaitable);
            bytes += n;    // before it can be heard of
            co_await asio::async_write(*to, asio::buffer(buffer.data(), n), asio::use_awaitable);
        }
    } catch (const std::exception&) {
        boost::system::error_code ignored;
        from->close(ignored);
        to->close(ignored);
    }
}

asio::awaitable<void> serve(socket_ptr client, zk::host_port server, count& bytes) {
    const auto ex = co_await asio::this_coro::executor;
    auto upstream = std::make_shared<tcp::socket>(ex);
    try {
        tcp::resolver resolver(ex);
        const auto found = co_await resolver.async_resolve(server.host, std::to_string(server.port), asio::use_awaitable);
        co_await asio::async_connect(*upstream, found, asio::use_awaitable);
    } catch (const std::exception&) {
        co_return;    // the client finds its connection closed
    }
    client->set_option(tcp::no_delay(true));
    upstream->set_option(tcp::no_delay(true));
    asio::co_spawn(ex, pass(client, upstream, bytes), asio::detached);
    co_await pass(upstream, client, bytes);
}

asio::awaitable<void> listen(tcp::acceptor& acceptor, zk::host_port server, count& bytes) {
    const auto ex = co_await asio::this_coro::executor;
    for (;;) {
        auto client = std::make_shared<tcp::socket>(ex);
        co_await acceptor.async_accept(*client, asio::use_awaitable);
        asio::co_spawn(ex, serve(std::move(client), server, bytes), asio::detached);
    }
}

}    // namespace

relay::relay(const std::string& hosts) {
    const zk::connect_string server(hosts);
    void* shared = mmap(nullptr, sizeof(counter), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED) throw std::system_error(errno, std::system_category(), "mmap");
    counted_ = new (shared) counter;
    asio::io_context ioc(1);
    tcp::acceptor acceptor(ioc, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
    through_ = fmt::format("127.0.0.1:{}{}", acceptor.local_endpoint().port(), server.chroot());
    ioc.notify_fork(asio::io_context::fork_prepare);
    process_.emplace([&] {
        ioc.notify_fork(asio::io_context::fork_child);
        asio::co_spawn(ioc, listen(acceptor, server.hosts().front(), counted_->bytes), asio::detached);
        ioc.run();
    });
    ioc.notify_fork(asio::io_context::fork_parent);
}

relay::~relay() {
    process_.reset();
    munmap(counted_, sizeof(counter));
}

std::uint64_t relay::bytes() const noexcept { return counted_->bytes; }

}    // namespace muster::bench
