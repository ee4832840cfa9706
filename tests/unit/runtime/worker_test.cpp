// Part of muster. Boost Software License 1.0, see LICENSE.
#include "runtime/worker.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include <doctest/doctest.h>

#include <future>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

using namespace muster;
namespace asio = boost::asio;

TEST_SUITE_BEGIN("worker");

TEST_CASE("jobs are done one after the other, on a thread that is not the caller's") {
    asio::io_context io;
    std::vector<int> done;    // by one thread, until the last has told
    std::promise<std::thread::id> last;
    for (int i = 0; i != 3; ++i) runtime::run_on_worker(io.get_executor(), [&done, i] { done.push_back(i); });
    runtime::run_on_worker(io.get_executor(), [&last] { last.set_value(std::this_thread::get_id()); });
    CHECK(last.get_future().get() != std::this_thread::get_id());
    CHECK(done == std::vector{0, 1, 2});
}

TEST_CASE("a job keeps its context at work") {
    asio::io_context io;
    bool told = false;
    std::promise<void> go_on;
    runtime::run_on_worker(io.get_executor(), [&, wait = go_on.get_future()]() mutable {
        wait.get();
        asio::post(io, [&told] { told = true; });
    });
    CHECK(io.poll() == 0);
    CHECK(!io.stopped());
    go_on.set_value();
    io.run();
    CHECK(told);
}

TEST_CASE("a context that is destroyed waits for the job that is being done, and nothing is left of the others") {
    auto io = std::make_unique<asio::io_context>();
    std::promise<void> begun;
    std::promise<void> go_on;
    bool ended = false;
    bool other = false;
    auto owned = std::make_shared<int>();
    runtime::run_on_worker(io->get_executor(), [&, wait = go_on.get_future()]() mutable {
        begun.set_value();
        wait.get();
        ended = true;
    });
    runtime::run_on_worker(io->get_executor(), [&other, owned] { other = true; });
    begun.get_future().get();
    // Destroying the context begins while the job waits, or when it has ended: the job ends first in either case.
    std::thread release([&go_on] { go_on.set_value(); });
    const std::weak_ptr<int> watched = std::exchange(owned, nullptr);
    io.reset();
    release.join();
    CHECK(ended);
    CHECK(watched.expired());
    static_cast<void>(other);    // it may have had its turn
}

TEST_SUITE_END();
