// Part of muster. Boost Software License 1.0, see LICENSE.
//
// A test as a program of yours may have it: a ZooKeeper in the same process, a session that expires, and what comes of it.
#include <muster/balancer.hpp>
#include <muster/embedded_server.hpp>
#include <muster/registrar.hpp>

#include <boost/asio.hpp>

#include <chrono>
#include <future>
#include <iostream>
#include <stdexcept>

namespace asio = boost::asio;

void expect(bool holds, const char* what) {
    if (!holds) throw std::runtime_error(what);
    std::cout << "ok: " << what << std::endl;
}

asio::awaitable<void> test(asio::io_context& io, muster::embedded_server& server) {
    muster::registrar reg(io, server.connect_string(), {"testserver", {"127.0.0.1", 50000}});
    muster::balancer lb(io, server.connect_string());
    co_await reg.start();
    muster::lease l = co_await lb.pick("testserver");
    expect(l->port == 50000, "what is registered is picked");

    auto changes = lb.changes("testserver").value();
    muster::change c = co_await changes.next();
    expect(c.what == muster::change::kind::added, "the changes begin with what is there");

    // The server has done it when the call returns; clients hear of it when their executor runs next, which this awaits. Were the
    // registrar let in at once, it could be back before the balancer looks.
    server.refuse(true);
    server.expire_session(reg.status().session.id);
    do c = co_await changes.next();
    while (c.what != muster::change::kind::removed);
    expect(!lb.try_pick("testserver"), "an instance without a session is not picked");
    server.refuse(false);
    c = co_await changes.next();
    expect(c.what == muster::change::kind::added, "it comes back by itself");
    muster::registration_status status = reg.status();
    while (status.registrations < 2) status = co_await reg.status_change(status.version);
    expect(status.registrations == 2, "in a new session");

    co_await reg.close();
    co_await lb.close();
    server.stop();    // after its clients, which it answers; until then it keeps io.run() from returning
}

int main() try {
    asio::io_context io;
    muster::embedded_server server(io);
    server.start();
    auto done = asio::co_spawn(io, test(io, server), asio::use_future);
    while (done.wait_for(std::chrono::seconds(0)) != std::future_status::ready) io.run_one();
    done.get();    // throws what the test threw
} catch (const std::exception& e) {
    std::cerr << "failed: " << e.what() << '\n';
    return 1;
}
