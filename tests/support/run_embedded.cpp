// Part of muster. Boost Software License 1.0, see LICENSE.
//
// The embedded server as a process of its own, for tests: `run-embedded PORT TICK SHORTEST LONGEST`, times in milliseconds.
// SIGUSR1 is a crash that loses nothing: it is gone from the network, as Apache's server is when it is killed, and keeps what
// that has on disk. SIGUSR2 brings it back.
#include <muster/embedded_server.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>

#include <chrono>
#include <csignal>
#include <cstdint>
#include <exception>
#include <functional>
#include <iostream>
#include <stdexcept>
#include <string>

int main(int argc, char** argv) try {
    if (argc != 5) throw std::runtime_error("expected PORT TICK SHORTEST LONGEST");
    const auto time = [argv](int i) { return std::chrono::milliseconds(std::stoi(argv[i])); };
    muster::embedded_server_params p;
    p.port = static_cast<std::uint16_t>(std::stoi(argv[1]));
    p.tick = time(2);
    p.min_session_timeout = time(3);
    p.max_session_timeout = time(4);

    boost::asio::io_context io;
    boost::asio::signal_set signals(io, SIGUSR1, SIGUSR2, SIGTERM);    // before anybody can see it serve
    muster::embedded_server server(io, p);
    std::function<void()> listen = [&] {
        signals.async_wait([&](const muster::error_code& ec, int number) {
            if (ec || number == SIGTERM) return io.stop();
            if (number == SIGUSR1)
                server.stop();
            else
                server.start();
            listen();
        });
    };
    listen();
    server.start();
    io.run();
} catch (const std::exception& e) {
    std::cerr << "run-embedded: " << e.what() << "\n";
    return 1;
}
