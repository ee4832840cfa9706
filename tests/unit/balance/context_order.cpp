// Part of muster. Boost Software License 1.0, see LICENSE.
//
// A context, a client, a registrar and a balancer, destroyed in every order, at every stage of their lives.
#include <muster/balancer.hpp>
#include <muster/registrar.hpp>

#include "support/forwarding_world.hpp"
#include "unit/registry/sim_registry.hpp"
#include "zk/client_impl.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

using namespace muster;
using namespace muster::test;

namespace {

/// The virtual world, counting the timers and connections that are alive: none may outlive its context.
class counting_world final : public forwarding_world {
public:
    using forwarding_world::forwarding_world;

    int alive() const { return static_cast<int>(alive_.use_count()) - 1; }

    std::unique_ptr<runtime::timer> make_timer(const asio::any_io_executor& ex) override {
        return std::make_unique<timer>(forwarding_world::make_timer(ex), alive_);
    }

private:
    class timer final : public runtime::timer {
    public:
        timer(std::unique_ptr<runtime::timer> t, std::shared_ptr<int> alive) : timer_(std::move(t)), alive_(std::move(alive)) {}
        void expires_at(runtime::time_point t) override { timer_->expires_at(t); }
        void async_wait(runtime::void_handler h) override { timer_->async_wait(std::move(h)); }
        void cancel() noexcept override { timer_->cancel(); }

    private:
        std::unique_ptr<runtime::timer> timer_;
        std::shared_ptr<int> alive_;
    };

    std::shared_ptr<int> alive_ = std::make_shared<int>(0);
};

enum class stage { made, started, reached, closing };
constexpr std::array all_stages{stage::made, stage::started, stage::reached, stage::closing};

/// Everything there is, with handlers pending everywhere.
struct everything {
    everything(stage s, std::shared_ptr<int> guard)
        : sim(std::make_unique<simulation>()),
          registry(std::make_unique<sim_registry>(*sim)),
          virtual_world(sim->world),
          world(std::make_shared<counting_world>(sim->world)),
          client(zk::detail::make_client(sim->io.get_executor(), config_for_tests(), world)),
          reg(std::in_place, *client, registration("s", instance("10.1.1.1", 80))),
          lb(std::in_place, *client, balancer_params()) {
        const auto never = [g = std::move(guard)](auto&&...) { ++*g; };
        if (s == stage::made) {
            reg->status_change(1'000, never);
            reg->update(instance("10.1.1.1", 81), never);
            return;
        }
        if (s == stage::started) sim->world->set_server(at("10.0.0.1"), sim_world::answer::silence);
        client->start();
        reg->start([](error_code) {});
        reg->status_change(1'000, never);
        client->session_change(1'000, never);
        pick_options nobody;
        nobody.pool = pool::normals;
        nobody.wait = 1h;
        lb->pick("s", nobody, never);
        changes.emplace(lb->changes("t").value());
        pick.emplace(lb->picker("s").value());
        registry->serve();
        sim->run_for(50ms);
        registry->serve();
        if (s == stage::started) return;
        REQUIRE(reg->role() == role::master);
        if (s == stage::reached) return;
        reg->close(never);
        lb->close(never);
        client->close(never);
    }

    void destroy(char what) {
        if (what == 'x') {
            registry.reset();
            sim.reset();
            CHECK(world->alive() == 0);
        }
        if (what == 'c') client.reset();
        if (what == 'r') reg.reset();
        if (what == 'b') lb.reset();
        if (what == 's') changes.reset();
        if (what == 's') pick.reset();
    }

    std::unique_ptr<simulation> sim;
    std::unique_ptr<sim_registry> registry;
    std::shared_ptr<sim_world> virtual_world;
    std::shared_ptr<counting_world> world;
    std::optional<zk::client> client;
    std::optional<registrar> reg;
    std::optional<balancer> lb;
    std::optional<change_stream> changes;
    std::optional<picker> pick;
};

/// Calls `test(order, stage, guard)` for every order of what `sorted` names, at every stage.
template <class Test>
void in_every_order(std::string sorted, Test test) {
    do {
        CAPTURE(sorted);
        for (const stage s : all_stages) {
            CAPTURE(static_cast<int>(s));
            test(sorted, s, std::make_shared<int>(0));
        }
    } while (std::next_permutation(sorted.begin(), sorted.end()));
}

}    // namespace

TEST_CASE("a context, a client, a registrar, a balancer and what came of it may be destroyed in any order") {
    in_every_order("bcrsx", [](const std::string& order, stage s, const std::shared_ptr<int>& guard) {
        for (const bool run_between : {false, true}) {
            CAPTURE(run_between);
            *guard = 0;
            everything all(s, guard);
            for (const char what : order) {
                all.destroy(what);
                if (run_between && all.registry) all.registry->serve();
            }
            CHECK(guard.use_count() == 1);    // every handler was called or destroyed with its context
            if (!run_between) CHECK(*guard == 0);
        }
    });
}

TEST_CASE("with time to run between, each object ends in order, whichever goes first") {
    in_every_order("bcrs", [](const std::string& order, stage s, const std::shared_ptr<int>& guard) {
        everything all(s, guard);
        for (const char what : order) {
            all.destroy(what);
            all.registry->serve();
        }
        all.sim->run_for(1min);
        CHECK(all.world->alive() == 0);
        CHECK_FALSE(all.virtual_world->next_timer());
        CHECK(guard.use_count() == 1);    // completed, each once: nothing waits for what is gone
    });
}

TEST_CASE("objects of Asio's own world may outlive their context, too") {
    // With their timers pending and a connection that is refused; address sanitizer judges.
    std::string order = "bcrx";
    do {
        CAPTURE(order);
        auto io = std::make_unique<asio::io_context>();
        std::optional<zk::client> client(std::in_place, io->get_executor(), zk::config("127.0.0.1:1"));
        std::optional<registrar> reg(std::in_place, *io, zk::config("127.0.0.1:1"), registration("s", instance("10.1.1.1", 80)));
        std::optional<balancer> lb(std::in_place, *io, zk::config("127.0.0.1:1"), balancer_params());
        int called = 0;
        client->start();
        reg->start([&](error_code) { ++called; });
        lb->pick("s", {}, [&](error_code, lease) { ++called; });
        while (client->session().last_error == error_code() || reg->status().last_error == error_code()) io->run_one();
        for (const char what : order) {
            if (what == 'x') io.reset();
            if (what == 'c') client.reset();
            if (what == 'r') reg.reset();
            if (what == 'b') lb.reset();
        }
        CHECK(called == 0);
    } while (std::next_permutation(order.begin(), order.end()));
}
