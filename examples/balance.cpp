// Part of muster. Boost Software License 1.0, see LICENSE.
//
// Picks an instance of "testserver" every 100 ms and prints it: balance HOSTS [COUNT]
#include <muster/balancer.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <iostream>

namespace asio = boost::asio;

asio::awaitable<void> run(std::string hosts, int count) {
    auto ex = co_await asio::this_coro::executor;
    muster::balancer lb(ex, hosts);
    asio::steady_timer timer(ex);
    for (int i = 0; i != count; ++i) {
        muster::lease server = co_await lb.pick("testserver");
        std::cout << server->ip << ':' << server->port << std::endl;    // here the server would be called
        server.success();
        timer.expires_after(std::chrono::milliseconds(100));
        co_await timer.async_wait(asio::deferred);
    }
    co_await lb.close();
}

int main(int argc, char** argv) try {
    asio::io_context ioc;
    int count = argc > 2 ? std::stoi(argv[2]) : -1;
    asio::co_spawn(ioc, run(argc > 1 ? argv[1] : "127.0.0.1:2181", count), [](std::exception_ptr e) {
        if (e) std::rethrow_exception(e);
    });
    ioc.run();
} catch (const std::exception& e) {
    std::cerr << e.what() << '\n';
    return 1;
}
