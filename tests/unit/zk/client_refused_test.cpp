// Part of muster. Boost Software License 1.0, see LICENSE.
//
// Refused connections with real descriptors, while the time is the test's.
#include "client_fixture.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>

#include <ctime>
#include <filesystem>
#include <iterator>

using namespace muster;
using namespace muster::test;

TEST_SUITE_BEGIN("client: refused connections");

namespace {

/// Time is a simulation's, connections are the system's.
class real_sockets final : public runtime::world {
public:
    explicit real_sockets(std::shared_ptr<sim_world> time) : time_(std::move(time)) {}

    runtime::time_point now() noexcept override { return time_->now(); }
    runtime::wall_time_point wall_now() noexcept override { return time_->wall_now(); }
    std::uint64_t random() noexcept override { return time_->random(); }
    std::unique_ptr<runtime::timer> make_timer(const asio::any_io_executor& ex) override { return time_->make_timer(ex); }
    void async_resolve(const asio::any_io_executor& ex, std::string host, std::uint16_t port,
                       runtime::resolve_handler h) override {
        system_->async_resolve(ex, std::move(host), port, std::move(h));
    }
    void async_connect(const asio::any_io_executor& ex, runtime::endpoint to, runtime::connect_handler h) override {
        ++attempts;
        ++under_way;
        const auto slot = asio::get_associated_cancellation_slot(h);
        auto done = [this, h = std::move(h)](error_code ec, std::shared_ptr<runtime::byte_stream> s) mutable {
            --under_way;
            last = ec;
            std::move(h)(ec, std::move(s));
        };
        system_->async_connect(ex, to, asio::bind_cancellation_slot(slot, std::move(done)));
    }

    int attempts = 0;
    int under_way = 0;
    error_code last;

private:
    const std::shared_ptr<sim_world> time_;
    const std::shared_ptr<runtime::world> system_ = runtime::make_asio_world();
};

std::size_t descriptors() {
    const std::filesystem::directory_iterator all("/proc/self/fd");
    return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

/// A port of this machine that is bound, so that nobody gets it meanwhile, and that nobody listens on.
struct closed_port {
    explicit closed_port(asio::io_context& io) : socket(io, asio::ip::tcp::v4()) {
        socket.bind({asio::ip::make_address("127.0.0.1"), 0});
    }
    std::string name() const { return "127.0.0.1:" + std::to_string(socket.local_endpoint().port()); }

    asio::ip::tcp::socket socket;
};

}    // namespace

TEST_CASE("R39: a thousand connections refused by the system cost no descriptor, and next to no processor time") {
    constexpr int attempts = 1000;
    simulation sim;
    const closed_port nobody(sim.io);
    const auto world = std::make_shared<real_sockets>(sim.world);
    auto client = make_client(sim.io.get_executor(), config_for_tests(nobody.name().c_str()), world);
    client.start();
    std::size_t handlers = 0;
    const auto go_on = [&](int until) {
        while (world->attempts < until) {
            sim.io.restart();
            handlers += sim.io.poll();
            if (world->under_way != 0) {
                handlers += sim.io.run_one();    // the system answers at once
                CHECK(world->last == asio::error::connection_refused);
            } else if (const auto next = sim.world->next_timer()) {
                sim.world->advance_to(*next);
            }
        }
    };
    go_on(10);    // what is opened once is open by now
    const auto before = descriptors();
    const auto start = sim.world->now();
    const auto cpu = std::clock();
    handlers = 0;
    go_on(10 + attempts);
    while (world->under_way != 0) sim.io.run_one();
    CHECK(descriptors() == before);
    const std::chrono::duration<double> used(static_cast<double>(std::clock() - cpu) / CLOCKS_PER_SEC);
    const std::chrono::duration<double> passed = sim.world->now() - start;
    MESSAGE("1000 attempts in " << passed.count() << " s took " << used.count() << " s of the processor, " << handlers
                                << " handlers");
    CHECK(passed > 1000s);
    CHECK(used < passed * 0.05);
    CHECK(used < 5s);                                             // a millisecond or so each, with a sanitizer
    CHECK(handlers < 30 * static_cast<std::size_t>(attempts));    // nothing goes round and round between two of them
    CHECK(client.metrics().connect_failures >= attempts);
}

TEST_SUITE_END();
