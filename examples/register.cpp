// Part of muster. Boost Software License 1.0, see LICENSE.
//
// Registers an instance of "testserver" and keeps it registered until Ctrl-C: register [HOSTS [PORT]]
#include <muster/registrar.hpp>

#include <boost/asio.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/lexical_cast.hpp>

#include <iostream>

namespace asio = boost::asio;
using namespace asio::experimental::awaitable_operators;

asio::awaitable<void> run(std::string hosts, std::uint16_t port) {
    auto ex = co_await asio::this_coro::executor;
    asio::signal_set signals(ex, SIGINT, SIGTERM);    // before anything that must be undone
    muster::registrar reg(ex, hosts, {"testserver", {"127.0.0.1", port}});
    std::cout << "registering at " << hosts << std::endl;
    auto first = co_await (reg.start(asio::as_tuple(asio::use_awaitable)) || signals.async_wait(asio::use_awaitable));
    if (first.index() == 0) {    // else it was stopped before it got there
        if (auto [ec] = std::get<0>(first); ec) throw boost::system::system_error(ec, reg.status().message);
        std::cout << "registered as " << to_string(reg.role()) << ", " << reg.status().path << std::endl;
        co_await signals.async_wait(asio::deferred);
    }
    co_await reg.close();
    std::cout << "removed" << std::endl;
}

int main(int argc, char** argv) try {
    asio::io_context ioc;
    auto port = boost::lexical_cast<std::uint16_t>(argc > 2 ? argv[2] : "50000");    // throws where it is none
    asio::co_spawn(ioc, run(argc > 1 ? argv[1] : "127.0.0.1:2181", port), [](std::exception_ptr e) {
        if (e) std::rethrow_exception(e);
    });
    ioc.run();
} catch (const std::exception& e) {
    std::cerr << e.what() << '\n';
    return 1;
}
