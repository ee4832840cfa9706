// Part of muster. Boost Software License 1.0, see LICENSE.
//
// A client on a pool of threads. Thread sanitizer judges most of this.
#include "client_fixture.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>

#include <atomic>
#include <future>
#include <thread>

using namespace muster;
using namespace muster::test;

TEST_SUITE_BEGIN("client: threads");

namespace {

/// A server on a thread of its own: answers every request with "no such znode", and watches with success. It posts to the
/// pool of its clients, so it must not outlive that.
class answering_server {
public:
    explicit answering_server(std::shared_ptr<sim_world> w) : world_(std::move(w)), thread_([this] { serve(); }) {}
    ~answering_server() {
        stop_ = true;
        thread_.join();
    }

private:
    void serve() {
        std::vector<std::pair<server_end, bool>> connections;
        while (!stop_) {
            while (auto peer = world_->accept()) connections.emplace_back(server_end{std::move(peer), {}}, false);
            for (auto& [end, greeted] : connections) {
                end.unread += end.peer->take();
                for (const auto& f : take_frames(end.unread)) {
                    if (!std::exchange(greeted, true)) {
                        end.peer->send(handshake_frame(0x1234, 1h));
                        continue;
                    }
                    const auto r = parse_request(f);
                    if (r.is(opcode::add_watch)) {
                        end.reply(r.xid, 0, proto::error_response());
                        end.event(3, "/a");
                    } else {
                        end.reply(r.xid, r.is(opcode::close_session) ? 0 : -101);
                    }
                }
            }
            std::this_thread::yield();
        }
    }

    std::shared_ptr<sim_world> world_;
    std::atomic<bool> stop_{false};
    std::thread thread_;
};

}    // namespace

TEST_CASE("operations from several threads: each completes once, and a strand sees them in order") {
    constexpr int threads = 4;
    constexpr int each = 500;
    auto world = std::make_shared<sim_world>();
    world->set_server(at("10.0.0.1"), sim_world::answer::accept);
    asio::thread_pool pool(2);
    answering_server server(world);
    std::atomic<int> completed{0};
    {
        auto c = make_client(pool.get_executor(), config_for_tests(), world);
        c.start();
        std::vector<std::thread> callers;
        std::vector<std::vector<int>> orders(threads);
        for (int t = 0; t != threads; ++t) {
            callers.emplace_back([&, t] {
                const auto strand = asio::make_strand(pool);
                auto& order = orders[static_cast<std::size_t>(t)];
                for (int i = 0; i != each; ++i) {
                    c.exists("/a", asio::bind_executor(strand, [&, i](error_code ec, const std::optional<zk::stat>&) {
                                 order.push_back(ec ? -1 : i);
                                 ++completed;
                             }));
                    if (i % 50 == 0) (void)c.session();
                    if (i % 50 == 1) (void)c.metrics();
                }
                // Everything asked before is answered before this one.
                c.sync("/", asio::use_future).wait();
            });
        }
        for (auto& t : callers) t.join();
        c.close(asio::use_future).get();
        pool.join();
        CHECK(completed == threads * each);
        for (const auto& order : orders) {
            REQUIRE(order.size() == each);
            CHECK(order.front() == 0);
            CHECK(std::is_sorted(order.begin(), order.end()));
        }
    }
}

TEST_CASE("a handler on a strand may block: the client goes on on the pool's other threads") {
    auto world = std::make_shared<sim_world>();
    world->set_server(at("10.0.0.1"), sim_world::answer::accept);
    asio::thread_pool pool(2);
    answering_server server(world);
    auto c = make_client(pool.get_executor(), config_for_tests(), world);
    std::promise<bool> both;
    const auto in_strand = [&](error_code, const zk::get_result&) {
        std::promise<void> second;
        c.get("/b", [&](error_code, const zk::get_result&) { second.set_value(); });
        // For as long as a session lives, should it be in vain.
        both.set_value(second.get_future().wait_for(10s) == std::future_status::ready);
    };
    c.get("/a", asio::bind_executor(asio::make_strand(pool), in_strand));
    CHECK(both.get_future().get());
    c.close(asio::use_future).get();
    pool.join();
}

TEST_CASE("cancelling and watching from several threads") {
    auto world = std::make_shared<sim_world>();
    world->set_server(at("10.0.0.1"), sim_world::answer::accept);
    asio::thread_pool pool(3);
    answering_server server(world);
    auto c = make_client(pool.get_executor(), config_for_tests(), world);
    std::vector<std::thread> callers;
    std::atomic<int> completed{0};
    for (int t = 0; t != 3; ++t) {
        callers.emplace_back([&] {
            for (int i = 0; i != 200; ++i) {
                asio::cancellation_signal signal;
                auto done = std::make_shared<std::promise<void>>();
                c.get("/a", asio::bind_cancellation_slot(signal.slot(), [done, &completed](error_code, const zk::get_result&) {
                          ++completed;
                          done->set_value();
                      }));
                if (i % 2 == 0) signal.emit(asio::cancellation_type::terminal);
                done->get_future().wait();
            }
            for (int i = 0; i != 50; ++i) {
                auto w = c.add_watch("/a", zk::add_watch_mode::persistent, asio::use_future).get();
                CHECK(w.next(asio::use_future).get().path == "/a");
            }
        });
    }
    for (auto& t : callers) t.join();
    CHECK(completed == 600);
    c.close(asio::use_future).get();
    pool.join();
}

TEST_CASE("the last handle goes while operations run") {
    for (int i = 0; i != 20; ++i) {
        auto world = std::make_shared<sim_world>();
        world->set_server(at("10.0.0.1"), sim_world::answer::accept);
        asio::thread_pool pool(2);
        answering_server server(world);
        std::atomic<int> completed{0};
        {
            auto c = make_client(pool.get_executor(), config_for_tests(), world);
            for (int n = 0; n != 100; ++n) c.exists("/a", [&](error_code, const std::optional<zk::stat>&) { ++completed; });
            if (i % 2 == 0) c.sync("/", asio::use_future).wait();
        }
        pool.join();
        CHECK(completed == 100);
    }
}

TEST_SUITE_END();
