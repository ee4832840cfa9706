// Part of muster. Boost Software License 1.0, see LICENSE.
//
// Closing, destroying, and contexts that go away.
#include "client_fixture.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

using namespace muster;
using namespace muster::test;

TEST_SUITE_BEGIN("client: lifetime");

namespace {

/// A client with a session, whose server is gone.
struct disconnected : fixture {
    disconnected() {
        attach();
        sim.world->set_server(at("10.0.0.1"), sim_world::answer::refuse);
        lose();
    }
};

}    // namespace

TEST_CASE("close: what was asked before is served, and both sides are done") {
    fixture f;
    f.attach();
    outcome<zk::create_result> created;
    outcome<> first;
    outcome<> second;
    f.client.create("/a", "", {}, created.handler());
    f.client.close(first.handler());
    f.client.close(second.handler());
    const auto sent = f.requests();
    REQUIRE(sent.size() == 2);
    CHECK(sent[1].is(opcode::close_session));
    f.reply(sent[0], -110);
    CHECK(created.ec() == server_errc::node_exists);
    CHECK(!first.done());
    f.reply(sent[1], 0);
    CHECK(!first.ec());
    CHECK(!second.ec());
    CHECK(f.server.peer->closed());
    CHECK(f.client.session().state == session_state::closed);
    // Nothing is left to do.
    CHECK(!f.sim.world->next_timer());
    outcome<> third;
    f.client.close(third.handler());
    f.sim.run_ready();
    CHECK(!third.ec());
}

TEST_CASE("R43: close without a start, while connecting, while the handshake waits") {
    for (int phase = 0; phase != 3; ++phase) {
        CAPTURE(phase);
        fixture f;
        if (phase == 1) f.sim.world->set_server(at("10.0.0.1"), sim_world::answer::silence);
        if (phase > 0) {
            f.client.start();
            f.sim.run_ready();
        }
        outcome<> done;
        f.client.close(done.handler());
        CHECK(!done.done());
        f.sim.run_ready();
        CHECK(!done.ec());
        CHECK(f.sim.world->open_connections() == 0);
        CHECK(!f.sim.world->next_timer());
    }
}

TEST_CASE("close while disconnected ends with its time-out") {
    disconnected f;
    outcome<> done;
    f.client.close(done.handler());
    f.sim.run_for(3s - 1ms);
    CHECK(!done.done());
    f.sim.run_for(1ms);
    CHECK(done.ec() == client_errc::close_timed_out);
    CHECK(!f.sim.world->next_timer());
}

TEST_CASE("close while disconnected uses the server that comes back") {
    disconnected f;
    outcome<> done;
    f.client.close(done.handler());
    f.sim.run_for(500ms);
    f.sim.world->set_server(at("10.0.0.1"), sim_world::answer::accept);
    CHECK(f.attach().session_id == 0x1234);
    const auto r = f.request();
    CHECK(r.is(opcode::close_session));
    f.reply(r, 0);
    CHECK(!done.ec());
}

TEST_CASE("R43: close during a back-off asks the servers at once") {
    disconnected f;
    f.sim.run_for(5s);
    f.sim.world->set_server(at("10.0.0.1"), sim_world::answer::accept);
    const auto began = f.sim.world->now();
    outcome<> done;
    f.client.close(done.handler());
    f.attach();
    CHECK(f.sim.world->now() == began);
    f.reply(f.request(), 0);
    CHECK(!done.ec());
}

TEST_CASE("who waits for close may stop waiting; closing goes on") {
    fixture f;
    f.attach();
    asio::cancellation_signal signal;
    outcome<> done;
    f.client.close(asio::bind_cancellation_slot(signal.slot(), done.handler()));
    signal.emit(asio::cancellation_type::terminal);
    f.sim.run_ready();
    CHECK(done.ec() == asio::error::operation_aborted);
    f.reply(f.request(), 0);
    CHECK(f.client.session().state == session_state::closed);
}

TEST_CASE("R46: the last handle destroyed: operations complete, the connection ends, nothing is left") {
    fixture f;
    f.attach();
    outcome<zk::create_result> written;
    outcome<zk::get_result> unwritten;
    outcome<zk::session_info> change;
    f.client.create("/a", "", {}, written.handler());
    f.sim.run_ready();
    f.server.peer->stall(true);
    f.client.session_change(f.client.session().version, change.handler());
    {
        auto copy = f.client;
        const auto moved = std::move(f.client);
        f.sim.run_ready();
        CHECK(!f.server.peer->closed());
        copy.get("/b", unwritten.handler());
    }
    f.sim.run_ready();
    CHECK(written.ec() == client_errc::connection_lost);
    CHECK(unwritten.done());
    CHECK(change.value().state == session_state::closed);
    CHECK(f.server.peer->closed());
    CHECK(!f.sim.world->next_timer());
    f.sim.io.restart();
    f.sim.io.run();    // returns: there is no work left
}

TEST_CASE("the last handle destroyed while it closes: it closes in order") {
    fixture f;
    f.attach();
    outcome<> done;
    {
        const auto moved = std::move(f.client);
        moved.get_executor();
        auto copy = moved;
        copy.close(done.handler());
    }
    const auto r = f.request();
    CHECK(r.is(opcode::close_session));
    f.reply(r, 0);
    CHECK(!done.ec());
}

TEST_CASE("R44: a client may be destroyed inside any handler of its own") {
    for (int handler = 0; handler != 5; ++handler) {
        CAPTURE(handler);
        simulation sim;
        sim.world->set_server(at("10.0.0.1"), sim_world::answer::accept);
        auto c = std::make_unique<zk::client>(make_client(sim.io.get_executor(), config_for_tests(), sim.world));
        c->start();
        sim.run_ready();
        server_end server{sim.world->accept(), {}};
        server.greet();
        sim.run_ready();
        int destroyed = 0;
        int completed = 0;
        const auto destroy = [&](auto&&...) {
            ++destroyed;
            c.reset();
        };
        const auto count = [&](auto&&...) { ++completed; };
        zk::watcher w;
        if (handler == 0) c->get("/a", destroy);
        if (handler == 1) c->session_change(c->session().version, destroy);
        if (handler == 2) c->close(destroy);
        if (handler == 3) c->get("not a path", destroy);
        if (handler == 4) {
            c->get_and_watch("/a", [&](error_code, const zk::get_result&, zk::watcher got) {
                w = std::move(got);
                w.next(destroy);
            });
        }
        if (handler != 2) c->get("/b", count);
        sim.run_ready();
        for (const auto& r : server.requests()) {
            server.reply(r.xid, 0, proto::get_data_response());
            server.event(3, "/a");
        }
        sim.run_ready();
        if (handler == 1) server.peer->close();
        sim.run_ready();
        CHECK(destroyed == 1);
        CHECK(completed == (handler == 2 ? 0 : 1));
        CHECK(server.peer->closed());
    }
}

TEST_CASE("the context destroyed with everything pending: handlers are destroyed, not called") {
    // A guard in each handler tells that it was destroyed; address sanitizer tells the rest.
    for (int phase = 0; phase != 4; ++phase) {
        CAPTURE(phase);
        const auto guard = std::make_shared<int>(0);
        {
            simulation sim;
            sim.world->set_server(at("10.0.0.1"), phase == 0 ? sim_world::answer::silence : sim_world::answer::accept);
            if (phase == 3) sim.world->stall_names(true);
            auto c = make_client(sim.io.get_executor(), config_for_tests(), sim.world);
            c.start();
            sim.run_ready();
            server_end server{sim.world->accept(), {}};
            if (phase == 2) {
                server.greet();
                sim.run_ready();
            }
            const auto never = [guard](auto&&...) { ++*guard; };
            c.get("/a", never);
            c.create("/b", "", {}, never);
            c.session_change(1'000, never);
            sim.run_ready();
            if (phase == 2) c.close(never);
            sim.run_ready();
            c.get("/in the inbox", never);
            CHECK(guard.use_count() > 4);
            // The client first, as a program does; what it posts at its end is not run either.
        }
        CHECK(guard.use_count() == 1);
        CHECK(*guard == 0);
    }
}

TEST_CASE("the context destroyed with coroutines that own clients and watchers") {
    const auto guard = std::make_shared<int>(0);
    {
        simulation sim;
        sim.world->set_server(at("10.0.0.1"), sim_world::answer::accept);
        const auto watch = [](zk::client c, std::shared_ptr<int> g) -> asio::awaitable<void> {
            auto w = co_await c.add_watch("/a", zk::add_watch_mode::persistent, asio::use_awaitable);
            for (;;) {
                co_await w.next(asio::use_awaitable);
                ++*g;
            }
        };
        const auto read = [](zk::client c, std::shared_ptr<int> g) -> asio::awaitable<void> {
            co_await c.get("/never answered", asio::use_awaitable);
            ++*g;
        };
        const auto change = [](zk::client c, std::shared_ptr<int> g) -> asio::awaitable<void> {
            co_await c.session_change(1'000'000, asio::use_awaitable);
            ++*g;
        };
        {
            auto c = make_client(sim.io.get_executor(), config_for_tests(), sim.world);
            asio::co_spawn(sim.io, watch(c, guard), asio::detached);
            asio::co_spawn(sim.io, read(c, guard), asio::detached);
            asio::co_spawn(sim.io, change(c, guard), asio::detached);
        }
        sim.run_ready();
        server_end server{sim.world->accept(), {}};
        server.greet();
        sim.run_ready();
        for (const auto& r : server.requests()) {
            if (r.is(opcode::add_watch)) server.reply(r.xid, 0, proto::error_response());
        }
        server.event(3, "/a");
        sim.run_ready();
        CHECK(*guard == 1);
        CHECK(guard.use_count() > 1);
    }
    CHECK(guard.use_count() == 1);
    CHECK(*guard == 1);
}

TEST_CASE("a watcher that lives longer than everything") {
    zk::watcher w;
    {
        fixture f;
        f.attach();
        outcome<zk::watcher> added;
        f.client.add_watch("/a", zk::add_watch_mode::persistent, added.handler());
        f.reply(f.request(), 0, proto::error_response());
        w = std::move(added.value());
        w.next([](error_code, const zk::watch_event&) { FAIL("called"); });
        f.sim.run_ready();
        w = zk::watcher();
    }
    CHECK(!w);
}

TEST_CASE("what is destroyed with its context may call a client that outlives it: nothing comes of it") {
    struct guard {
        explicit guard(zk::client c) : client(std::move(c)) {}
        guard(const guard&) = delete;
        guard& operator=(const guard&) = delete;
        ~guard() {
            const auto never = [](auto&&...) { FAIL("called without a context"); };
            client.get("/a", never);
            client.session_change(1'000, never);
            client.close(never);
            client.start();
        }
        zk::client client;
    };
    for (const bool started : {true, false}) {
        CAPTURE(started);
        auto sim = std::make_unique<simulation>();
        asio::steady_timer(sim->io).cancel();    // a service that is older than the client's is shut down after it
        {
            zk::client client = make_client(sim->io.get_executor(), config_for_tests(), sim->world);
            if (started) client.start();
            auto wait = [](zk::client c) -> asio::awaitable<void> {
                const guard g(std::move(c));
                asio::steady_timer t(co_await asio::this_coro::executor, std::chrono::hours(1));
                co_await t.async_wait(asio::use_awaitable);
            };
            asio::co_spawn(sim->io, wait(client), asio::detached);
        }
        sim->run_ready();
        sim.reset();
    }
}

TEST_SUITE_END();
