// Part of muster. Boost Software License 1.0, see LICENSE.
//
// A hundred clients in one process.
// GCC 12 takes the operators of Asio's coroutine frames, inlined in part, for mismatched ones.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"
#endif

#include "integration/embedded_fixture.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>

#include <doctest/doctest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <latch>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

using namespace muster::test;
using namespace muster::zk;
using namespace std::chrono_literals;

namespace {

namespace asio = boost::asio;

/// A context with a thread of its own.
class running_context {
public:
    asio::io_context io{1};

    ~running_context() {
        work_.reset();
        thread_.join();
    }

private:
    asio::executor_work_guard<asio::io_context::executor_type> work_ = asio::make_work_guard(io);
    std::thread thread_{[this] { io.run(); }};
};

}    // namespace

TEST_CASE("R47: a hundred clients of one process share nothing: what becomes of some is nothing to the others") {
    constexpr std::size_t many = 100;
    constexpr std::ptrdiff_t asked_at_once = 1'000;
    asio::thread_pool pool(1);
    muster::embedded_server server(pool);
    server.start();
    std::array<running_context, 2> contexts;
    std::vector<std::optional<client>> clients(many);
    const auto nth = [&](std::size_t i) -> client& { return *clients[i]; };
    const auto path = [](std::size_t i) { return "/n" + std::to_string(i); };
    const auto timeout = [](std::size_t i) { return 4s + std::chrono::milliseconds(100 * (i % 7)); };
    for (std::size_t i = 0; i != many; ++i) {
        config c(server.connect_string());
        c.session_timeout = timeout(i);
        if (i % 10 == 3) c.max_requests = 1;
        clients[i].emplace(contexts[i % 2].io, c);
        nth(i).create(path(i), std::to_string(i), create_mode::ephemeral, asio::use_future).get();
    }
    std::set<session_id> sessions;
    for (std::size_t i = 0; i != many; ++i) {
        const auto now = nth(i).session();
        CHECK(sessions.insert(now.id).second);
        CHECK(now.timeout == timeout(i));
    }
    // Of ten one is closed, one destroyed while it asks, one loses its session, and one asks for more than it may.
    for (std::size_t i = 0; i < many; i += 10) {
        nth(i).close(asio::use_future).get();
        for (int n = 0; n != 20; ++n) nth(i + 1).get(path(i + 1), [](muster::error_code, const get_result&) {});
        clients[i + 1].reset();
        const auto before = nth(i + 2).session();
        CHECK(server.expire_session(before.id));
        for (auto now = before; now.generation == before.generation;)
            now = nth(i + 2).session_change(now.version, asio::use_future).get();
        std::latch answers(asked_at_once);
        std::atomic<std::size_t> overloaded{0};
        for (std::ptrdiff_t n = 0; n != asked_at_once; ++n) {
            nth(i + 3).get(path(i + 3), [&](muster::error_code ec, const get_result&) {
                if (ec == client_errc::overloaded) ++overloaded;
                answers.count_down();
            });
        }
        answers.wait();
        CHECK(overloaded != 0);
    }
    for (std::size_t i = 0; i != many; ++i) {
        if (i % 10 <= 2) continue;
        CHECK(nth(i).get(path(i), asio::use_future).get().data == std::to_string(i));
        const auto m = nth(i).metrics();
        CHECK(m.connects == 1);
        CHECK(m.expiries == 0);
    }
    for (auto& c : clients) {
        if (c) c->close(asio::use_future).get();
    }
    server.stop();
    pool.join();
}
