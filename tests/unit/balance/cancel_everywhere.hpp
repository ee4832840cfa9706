// Part of muster. Boost Software License 1.0, see LICENSE.
//
// An asynchronous operation is cancelled at every one of its suspension points, in turn: it completes once, what it was to change
// is whole or not there, and nothing of it is left.
#pragma once

#include <muster/balancer.hpp>
#include <muster/registrar.hpp>

#include "unit/registry/sim_registry.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>

#include <doctest/doctest.h>

#include <exception>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace muster::test {

using completion = std::function<void(error_code)>;

inline constexpr zk::session_id stranger = 77;

/// A registrar, a balancer and a client in the virtual world, each with a session of its own.
struct scene {
    scene()
        : registry(sim),
          client(make_client(sim.io.get_executor(), config_for_tests(), sim.world)),
          of_registrar(make_client(sim.io.get_executor(), config_for_tests(), sim.world)),
          of_balancer(make_client(sim.io.get_executor(), config_for_tests(), sim.world)),
          reg(std::in_place, of_registrar, registration("s", instance("10.1.1.1", 80))),
          lb(std::in_place, of_balancer, balancer_params()) {}

    /// Runs one handler; where there is none, the server; where that has nothing to do, time passes until the next timer.
    /// False if nothing will ever happen.
    bool step() {
        sim.io.restart();
        if (sim.io.poll_one() != 0 || registry.answer_all()) return true;
        const auto next = sim.world->next_timer();
        if (next) sim.world->advance_to(*next);
        return next.has_value();
    }
    void pass(runtime::duration time) {
        for (const auto end = sim.world->now() + time; sim.world->now() < end;) {
            registry.serve();
            sim.run_for(20ms);
        }
        registry.serve();
    }
    void register_now() {
        outcome<> started;
        reg->start(started.handler());
        registry.serve();
        REQUIRE_FALSE(started.ec());
    }
    /// A master that a session has which is nobody's here.
    void put_master(const std::string& ip) {
        for (const char* path : {"/micro-service", "/micro-service/s"}) registry.tree.put(path, "");
        registry.tree.put("/micro-service/s/master", R"({"serverip":")" + ip + R"(","serverport":80})", stranger);
    }
    std::string find(const char* path) {
        const auto* n = registry.tree.find(path);
        return n ? n->data : "absent";
    }

    simulation sim;
    sim_registry registry;
    zk::client client;
    zk::client of_registrar;
    zk::client of_balancer;
    std::optional<registrar> reg;
    std::optional<balancer> lb;
    std::optional<change_stream> changes;
    std::optional<muster::picker> picker;
    std::optional<zk::watcher> watcher;
    error_code ec;    ///< What the operation completed with.
};

struct operation {
    std::string name;
    std::function<void(scene&)> before;
    std::function<void(scene&, asio::cancellation_slot, completion)> start;
    std::function<void(scene&)> after;                     ///< What must hold once everything has come to rest.
    std::function<void(scene&)> at_end = [](scene&) {};    ///< And when all has been closed.
};

inline auto bind(asio::cancellation_slot s, completion d) {
    return asio::bind_cancellation_slot(s, [d = std::move(d)](error_code ec, auto&&...) { d(ec); });
}

inline auto bind_spawned(asio::cancellation_slot s, completion d) {
    return asio::bind_cancellation_slot(s, [d = std::move(d)](std::exception_ptr e, const lease&) {
        try {
            if (e) std::rethrow_exception(e);
            d({});
        } catch (const boost::system::system_error& failure) {
            d(failure.code());
        }
    });
}

inline void nothing(scene&) {}
inline bool aborted(const scene& s) { return s.ec == asio::error::operation_aborted; }

/// Nothing is left of an operation whose results are gone: no watch, here or at the server, and no lease.
inline void check_nothing_kept(scene& s) {
    s.watcher.reset();
    s.registry.serve();
    CHECK(s.client.metrics().watched_paths == 0);
    CHECK(s.registry.watches(s.client.session().id) == 0);
    const auto view = s.lb->view("s");
    if (!view) return;
    for (const auto& i : view.value().instances) CHECK(i.open == 0);
}

/// Closes what is open: nothing is left in the tree, no timer runs, no handler waits.
inline void check_end(scene& s) {
    outcome<> ends[5];
    s.reg->close(ends[0].handler());
    s.lb->close(ends[1].handler());
    s.pass(1s);
    const auto session = s.of_registrar.session().id;
    CHECK((session == 0 || s.registry.tree.owned_by(session).empty()));    // removed, not left to the end of the session
    s.of_registrar.close(ends[2].handler());
    s.of_balancer.close(ends[3].handler());
    s.client.close(ends[4].handler());
    s.pass(10s);
    for (const auto& e : ends) CHECK(e.done());
    for (const auto& [path, node] : s.registry.tree.nodes())
        CHECK((node.stat.ephemeral_owner == 0 || node.stat.ephemeral_owner == stranger));
    CHECK_FALSE(s.sim.world->next_timer().has_value());
    s.sim.run_ready();
    CHECK(s.sim.io.stopped());    // no work is left
}

/// Cancels after `steps` of them. False if the operation had completed before.
inline bool cancelled_after(const operation& op, int steps, asio::cancellation_type type) {
    CAPTURE(op.name);
    CAPTURE(steps);
    CAPTURE(static_cast<unsigned>(type));
    scene s;
    op.before(s);
    asio::cancellation_signal signal;
    int calls = 0;
    op.start(s, signal.slot(), [&](error_code ec) {
        s.ec = ec;
        ++calls;
    });
    CHECK(calls == 0);    // never inline
    for (int n = 0; n != steps && calls == 0; ++n) REQUIRE(s.step());
    const bool before = calls == 0;
    signal.emit(type);
    s.pass(3s);
    CHECK(calls == 1);
    op.after(s);
    check_nothing_kept(s);
    check_end(s);
    op.at_end(s);
    CHECK(calls == 1);
    return before;
}

inline void cancel_everywhere(const std::vector<operation>& operations) {
    for (const operation& op : operations) {
        for (const auto type :
             {asio::cancellation_type::terminal, asio::cancellation_type::partial, asio::cancellation_type::total}) {
            int points = 0;
            while (cancelled_after(op, points, type)) REQUIRE(++points < 1000);
            INFO(op.name);
            CHECK(points > 0);
        }
    }
}

}    // namespace muster::test
