// Part of muster. Boost Software License 1.0, see LICENSE.
//
// A program with a loop of its own, such as a game or a GUI: muster runs inside of it by callbacks, without a thread and
// without coroutines: embed HOSTS [FRAMES]
#include <muster/balancer.hpp>
#include <muster/registrar.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>

#include <iostream>
#include <string>
#include <thread>

namespace asio = boost::asio;

/// Tells what becomes of the session: connected, suspended and why, closed.
void tell_of_session(muster::zk::client& session, std::uint64_t seen, const std::string& said) {
    session.session_change(seen, [&session, said](muster::error_code, const muster::zk::session_info& now) {
        const std::string news = to_string(now.state) + (now.last_error ? ": " + now.last_error.message() : std::string());
        if (news != said) std::cout << "session " << news << std::endl;    // not every attempt that fails as the one before
        if (!now.ended) tell_of_session(session, now.version, news);
    });
}

int main(int argc, char** argv) try {
    const std::string hosts = argc > 1 ? argv[1] : "127.0.0.1:2181";
    const int frames = argc > 2 ? std::stoi(argv[2]) : -1;

    asio::io_context ioc;
    bool running = true;
    asio::signal_set signals(ioc, SIGINT, SIGTERM);
    signals.async_wait([&](muster::error_code, int) { running = false; });

    muster::zk::client session(ioc, hosts);    // one session for both
    muster::registrar reg(session, {"testserver", {"127.0.0.1", 50001}});
    muster::balancer lb(session);
    tell_of_session(session, 0, "");

    reg.start([&](muster::error_code ec) {
        if (ec)
            std::cerr << "not registered: " << ec.message() << std::endl;
        else
            std::cout << "registered as " << to_string(reg.role()) << std::endl;
    });

    for (int frame = 0; running && frame != frames; ++frame) {
        ioc.poll();    // all that is due, and no waiting
        if (frame % 60 == 0) {
            lb.pick("testserver", {}, [frame](muster::error_code ec, muster::lease server) {
                if (ec)
                    std::cerr << "frame " << frame << ": " << ec.message() << std::endl;
                else
                    std::cout << "frame " << frame << ": " << server->ip << ':' << server->port << std::endl;
            });
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(16));    // here the program would do its own work
    }

    // In order: the instance is removed, then the session ends. run() returns when nothing is left to do.
    signals.cancel();
    lb.close([](muster::error_code) {});
    reg.close([&](muster::error_code) { session.close([](muster::error_code) {}); });
    ioc.run();
} catch (const std::exception& e) {
    std::cerr << "embed: " << e.what() << '\n';
    return 1;
}
