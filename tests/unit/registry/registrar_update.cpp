// Part of muster. Boost Software License 1.0, see LICENSE.
//
// An update is complete once ZooKeeper has it, and not before.
#include <muster/registrar.hpp>

#include "runtime/world.hpp"
#include "sim_registry.hpp"

#include <doctest/doctest.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>

namespace muster::test {
namespace {

/// The virtual world, in which another thread seems to act whenever somebody looks at the clock.
class interrupting_world final : public runtime::world {
public:
    explicit interrupting_world(std::shared_ptr<sim_world> w) : world_(std::move(w)) {}

    std::function<void()> act;

    runtime::time_point now() noexcept override {
        if (const auto once = std::exchange(act, nullptr)) once();
        return world_->now();
    }
    runtime::wall_time_point wall_now() noexcept override { return world_->wall_now(); }
    std::uint64_t random() noexcept override { return world_->random(); }
    std::unique_ptr<runtime::timer> make_timer(const asio::any_io_executor& ex) override { return world_->make_timer(ex); }
    void async_resolve(const asio::any_io_executor& ex, std::string host, std::uint16_t port,
                       runtime::resolve_handler h) override {
        world_->async_resolve(ex, std::move(host), port, std::move(h));
    }
    void async_connect(const asio::any_io_executor& ex, runtime::endpoint to, runtime::connect_handler h) override {
        world_->async_connect(ex, std::move(to), std::move(h));
    }

private:
    std::shared_ptr<sim_world> world_;
};

}    // namespace

TEST_CASE("an update that another thread makes at any moment is complete only once it is published") {
    for (int looks = 0; looks < 12; ++looks) {    // until then the registrar and its client look at the clock so often
        CAPTURE(looks);
        simulation sim;
        sim_registry registry(sim);
        const auto world = std::make_shared<interrupting_world>(sim.world);
        registrar reg(zk::detail::make_client(sim.io.get_executor(), config_for_tests(), world),
                      registration("s", instance("10.1.1.1", 80)));
        outcome<> started;
        reg.start(started.handler());
        registry.serve();
        REQUIRE_FALSE(started.ec());

        outcome<> first;
        int completed = 0;
        std::string published;
        std::function<void(int)> update_after = [&](int left) {
            world->act = [&, left] {
                if (left > 0) return update_after(left - 1);
                reg.update(instance("10.1.1.1", 80, 3), [&](error_code ec) {
                    CHECK_FALSE(ec);
                    ++completed;
                    published = registry.tree.find("/micro-service/s/master")->data;
                });
            };
        };
        reg.update(instance("10.1.1.1", 80, 2), first.handler());
        update_after(looks);
        for (int i = 0; i < 20; ++i) {    // pings look at the clock, too
            registry.serve();
            sim.run_for(1s);
        }
        CHECK_FALSE(first.ec());
        CHECK(completed == 1);
        CHECK(published.find("\"weight\":3") != std::string::npos);
    }
}

}    // namespace muster::test
