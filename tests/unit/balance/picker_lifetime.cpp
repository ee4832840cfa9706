// Part of muster. Boost Software License 1.0, see LICENSE.
//
// Pickers, picks under way and leases that live longer than the balancer or the picker they came from. Address sanitizer
// judges most of this.
#include <muster/balancer.hpp>

#include "balance/balancer_impl.hpp"
#include "bench/allocations.hpp"
#include "unit/registry/sim_registry.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/steady_timer.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

using namespace muster;
using namespace muster::test;

namespace {

/// A balancer in the virtual world, and a service "s" without instances.
struct scene {
    scene()
        : registry(sim),
          client(make_client(sim.io.get_executor(), config_for_tests(), sim.world)),
          lb(std::in_place, client, balancer_params()) {
        for (const char* path : {"/micro-service", "/micro-service/s"}) registry.tree.put(path, "");
    }

    void add_instance() {
        registry.tree.put("/micro-service/s/master", R"({"serverip":"10.1.1.1","serverport":80})");
        settle();
    }
    /// Lets what was asked be answered, and changes that are gathered be shown.
    void settle() {
        registry.serve();
        sim.run_for(50ms);
        registry.serve();
    }

    simulation sim;
    sim_registry registry;
    zk::client client;
    std::optional<balancer> lb;
};

/// How a pick ended.
struct ending {
    int calls = 0;
    error_code ec;
    lease lent;
};

/// Awaits a pick that was begun elsewhere.
asio::awaitable<void> await_pick(asio::awaitable<lease> pick, ending& e) {
    try {
        e.lent = co_await std::move(pick);
    } catch (const boost::system::system_error& failure) {
        e.ec = failure.code();
    }
    ++e.calls;
}

}    // namespace

TEST_CASE("a picker that outlives its balancer picks nobody any more, and its leases go on") {
    scene s;
    s.add_instance();
    std::optional<picker> p(s.lb->picker("s").value());
    s.settle();
    error_code ec;
    lease before = p->try_pick(ec);
    REQUIRE_FALSE(ec);
    std::optional<picker> copy(*p);

    s.lb.reset();
    s.settle();
    for (picker* each : {&*p, &*copy}) {
        CHECK_FALSE(each->try_pick(ec).valid());
        CHECK(ec == registry_errc::closed);
        ending e;
        asio::co_spawn(s.sim.io, await_pick(each->pick(), e), asio::detached);
        outcome<lease> by_callback;
        each->pick("", by_callback.handler());
        s.sim.run_ready();
        CHECK(e.calls == 1);
        CHECK(e.ec == registry_errc::closed);
        CHECK(by_callback.ec() == registry_errc::closed);
    }
    p.reset();
    copy.reset();
    CHECK(before->port == 80);
    before.success();
}

TEST_CASE("a pick that waits does not keep its balancer open: it ends with it") {
    scene s;
    std::optional<picker> p(s.lb->picker("s").value());
    s.settle();
    ending by_picker;
    ending by_name;
    outcome<lease> by_callback;
    asio::co_spawn(s.sim.io, await_pick(p->pick(), by_picker), asio::detached);
    asio::co_spawn(s.sim.io, await_pick(s.lb->pick("s"), by_name), asio::detached);
    p->pick("", by_callback.handler());
    s.settle();
    CHECK(by_picker.calls + by_name.calls == 0);
    s.lb.reset();
    s.sim.run_ready();
    CHECK(by_picker.calls == 1);
    CHECK(by_picker.ec == registry_errc::closed);
    CHECK(by_name.calls == 1);
    CHECK(by_name.ec == registry_errc::closed);
    CHECK(by_callback.ec() == registry_errc::closed);
}

TEST_CASE("a pick is made by its call: awaited late it gives what was picked, never awaited it gives it back") {
    scene s;
    s.add_instance();
    std::optional<picker> p(s.lb->picker("s").value());
    s.settle();
    const auto open = [&s] { return s.lb->view("s").value().instances.at(0).open; };
    {
        const auto by_name = s.lb->pick("s");
        CHECK(open() == 1);
        const auto by_picker = p->pick();
        CHECK(open() == 2);
        const auto of_master = s.lb->master("s");
        CHECK(open() == 3);
    }
    CHECK(open() == 0);

    auto by_name = s.lb->pick("s");
    auto by_picker = p->pick();
    p.reset();
    s.lb.reset();
    s.settle();
    for (auto* each : {&by_name, &by_picker}) {
        ending e;
        asio::co_spawn(s.sim.io, await_pick(std::move(*each), e), asio::detached);
        s.sim.run_ready();
        REQUIRE(e.calls == 1);
        REQUIRE_FALSE(e.ec);
        CHECK(e.lent->port == 80);
    }
}

TEST_CASE("a pick that waits has copies of what it was called with") {
    scene s;
    pick_options kept;
    kept.policy = policy::urlhash;
    picker p = s.lb->picker("s", kept).value();
    auto service = std::make_unique<std::string>("s");
    auto o = std::make_unique<pick_options>(kept);
    o->key = "/item/longer/than/what/strings/keep/in/themselves";
    auto by_name = s.lb->pick(*service, *o);
    auto by_picker = p.pick(o->key);
    service.reset();
    o.reset();

    ending ends[2];
    asio::co_spawn(s.sim.io, await_pick(std::move(by_name), ends[0]), asio::detached);
    asio::co_spawn(s.sim.io, await_pick(std::move(by_picker), ends[1]), asio::detached);
    s.settle();
    REQUIRE(ends[0].calls + ends[1].calls == 0);
    s.add_instance();
    for (const ending& e : ends) {
        REQUIRE(e.calls == 1);
        REQUIRE_FALSE(e.ec);    // without the key it would be key_required
        CHECK(e.lent->port == 80);
    }
}

TEST_CASE("an awaited pick by key allocates nothing") {
    scene s;
    s.add_instance();
    pick_options o;
    o.policy = policy::urlhash;
    o.key = "/item/longer/than/what/strings/keep/in/themselves";
    picker p = s.lb->picker("s", o).value();
    s.settle();
    std::int64_t allocated = -1;
    auto loop = [&]() -> asio::awaitable<void> {
        co_await s.lb->pick("s", o);    // Asio keeps the memory of the first frame for the next
        const auto before = muster::bench::allocations_of_this_thread();
        for (int i = 0; i < 100; ++i) {
            lease by_name = co_await s.lb->pick("s", o);
            lease by_picker = co_await p.pick(o.key);
            CHECK(&*by_name == &*by_picker);
        }
        allocated = static_cast<std::int64_t>(muster::bench::allocations_of_this_thread() - before);
    };
    asio::co_spawn(s.sim.io, loop(), asio::detached);
    s.sim.run_ready();
    CHECK(allocated == 0);
}

TEST_CASE("a pick outlives the picker that began it") {
    scene s;
    SUBCASE("where it waits") {
        std::optional<picker> p(s.lb->picker("s").value());
        s.settle();
        ending e;
        outcome<lease> by_callback;
        asio::co_spawn(s.sim.io, await_pick(p->pick(), e), asio::detached);
        p->pick("", by_callback.handler());
        s.settle();
        CHECK(e.calls == 0);
        p.reset();
        s.add_instance();
        CHECK(e.calls == 1);
        CHECK(e.lent->port == 80);
        CHECK(by_callback.value()->port == 80);
    }
    SUBCASE("where it has not begun to run") {
        s.add_instance();
        std::optional<picker> p(s.lb->picker("s").value());
        s.settle();
        ending e;
        outcome<lease> by_callback;
        asio::awaitable<lease> begun = p->pick();
        auto deferred = p->pick("", asio::deferred);
        p.reset();
        asio::co_spawn(s.sim.io, await_pick(std::move(begun), e), asio::detached);
        std::move(deferred)(by_callback.handler());
        s.sim.run_ready();
        CHECK(e.calls == 1);
        CHECK(e.lent->port == 80);
        CHECK(by_callback.value()->port == 80);
    }
}

TEST_CASE("a picker that outlives its balancer does not keep the balancer's own session") {
    scene s;
    s.lb.reset();
    s.settle();
    zk::client own = make_client(s.sim.io.get_executor(), config_for_tests(), s.sim.world);
    auto impl = std::make_shared<detail::balancer_impl>(std::move(own), balancer_params(), true);
    const auto service = impl->find("s").value();
    s.client = make_client(s.sim.io.get_executor(), config_for_tests(), s.sim.world);    // the scene's own ends
    s.settle();
    CHECK(s.sim.world->open_connections() == 1);
    impl->abandon();    // as the balancer's destructor does
    impl.reset();
    s.settle();
    CHECK(s.sim.world->open_connections() == 0);
    s.sim.run_for(1min);
    CHECK_FALSE(s.sim.world->next_timer());
    error_code ec;
    CHECK_FALSE(balance::hot_picker(service->channel({policy::roundrobin, pool::all})).pick("", ec).valid());
    CHECK(ec == registry_errc::closed);
}

TEST_CASE("a picker that outlives context and balancer picks nobody any more") {
    for (const bool balancer_first : {true, false}) {
        CAPTURE(balancer_first);
        std::optional<scene> s(std::in_place);
        s->add_instance();
        picker p = s->lb->picker("s").value();
        s->settle();
        error_code ec;
        REQUIRE(p.try_pick(ec).valid());
        std::optional<balancer> lb(std::move(*s->lb));
        if (balancer_first) lb.reset();    // with no time to run for what that begins
        s.reset();
        lb.reset();
        CHECK_FALSE(p.try_pick(ec).valid());
        CHECK(ec == registry_errc::closed);
    }
}

TEST_CASE("what is destroyed with its context may close a balancer that outlives it: nothing comes of it") {
    struct guard {
        explicit guard(balancer& b) : lb(b) {}
        guard(const guard&) = delete;
        guard& operator=(const guard&) = delete;
        ~guard() {
            lb.close([](error_code) { FAIL("called without a context"); });
        }
        balancer& lb;
    };
    auto io = std::make_unique<asio::io_context>();
    asio::steady_timer(*io).cancel();    // a service that is older than the balancer's is shut down after it
    const auto world = std::make_shared<sim_world>();
    balancer lb(make_client(io->get_executor(), config_for_tests(), world));
    auto wait = [](balancer& b) -> asio::awaitable<void> {
        const guard g(b);
        asio::steady_timer t(co_await asio::this_coro::executor, std::chrono::hours(1));
        co_await t.async_wait(asio::deferred);
    };
    asio::co_spawn(*io, wait(lb), asio::detached);
    io->poll();
    io.reset();
}
