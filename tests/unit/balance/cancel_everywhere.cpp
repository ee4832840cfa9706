// Part of muster. Boost Software License 1.0, see LICENSE.
//
// Every asynchronous operation is cancelled at every one of its suspension points, in turn: it completes once, what it was to
// change is whole or not there, and nothing of it is left.
#include <muster/balancer.hpp>
#include <muster/registrar.hpp>

#include "unit/registry/sim_registry.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <exception>
#include <functional>
#include <optional>
#include <string>
#include <vector>

using namespace muster;
using namespace muster::test;

namespace {

using done = std::function<void(error_code)>;

constexpr zk::session_id stranger = 77;

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
    std::function<void(scene&, asio::cancellation_slot, done)> start;
    std::function<void(scene&)> after;    ///< What must hold once everything has come to rest.
};

auto bind(asio::cancellation_slot s, done d) {
    return asio::bind_cancellation_slot(s, [d = std::move(d)](error_code ec, auto&&...) { d(ec); });
}

auto bind_spawned(asio::cancellation_slot s, done d) {
    return asio::bind_cancellation_slot(s, [d = std::move(d)](std::exception_ptr e, const lease&) {
        try {
            if (e) std::rethrow_exception(e);
            d({});
        } catch (const boost::system::system_error& failure) {
            d(failure.code());
        }
    });
}

void nothing(scene&) {}
bool aborted(const scene& s) { return s.ec == asio::error::operation_aborted; }

std::vector<operation> registrar_operations() {
    const auto stands = [](scene& s) {
        CHECK(s.reg->role() == role::master);
        CHECK(s.find("/micro-service/s/master") != "absent");
    };
    return {
        {"registrar.start", nothing, [](scene& s, auto slot, done d) { s.reg->start(bind(slot, d)); }, stands},
        {"registrar.start, where its former master still is", [](scene& s) { s.put_master("10.1.1.1"); },
         [](scene& s, auto slot, done d) { s.reg->start(bind(slot, d)); }, stands},
        {"registrar.start, beside another master", [](scene& s) { s.put_master("10.1.1.2"); },
         [](scene& s, auto slot, done d) { s.reg->start(bind(slot, d)); },
         [](scene& s) {
             CHECK(s.reg->role() == role::normal);
             CHECK(s.find(s.reg->status().path.c_str()) != "absent");
         }},
        {"registrar.status_change", nothing,
         [](scene& s, auto slot, done d) {
             s.reg->status_change(0, bind(slot, d));
             s.reg->start([](error_code) {});
         },
         stands},
        {"registrar.update", [](scene& s) { s.register_now(); },
         [](scene& s, auto slot, done d) { s.reg->update(instance("10.1.1.1", 80, 7), bind(slot, d)); },
         [stands](scene& s) {
             stands(s);
             CHECK(s.find("/micro-service/s/master").find("7") != std::string::npos);
         }},
        {"registrar.drain", [](scene& s) { s.register_now(); }, [](scene& s, auto slot, done d) { s.reg->drain(bind(slot, d)); },
         [stands](scene& s) {
             stands(s);
             CHECK(s.find("/micro-service/s/master").find("draining") != std::string::npos);
         }},
        {"registrar.close", [](scene& s) { s.register_now(); }, [](scene& s, auto slot, done d) { s.reg->close(bind(slot, d)); },
         [](scene& s) { CHECK(s.find("/micro-service/s/master") == "absent"); }},
    };
}

std::vector<operation> balancer_operations() {
    const auto later = [](scene& s) { s.reg->start([](error_code) {}); };    // its instance comes while the operation waits
    const auto with_picker = [later](scene& s) {
        s.picker = s.lb->picker("s").value();
        later(s);
    };
    const auto pickable = [](scene& s) {
        CHECK((!s.ec || aborted(s)));
        CHECK(s.lb->try_pick("s").has_value());
        CHECK(s.lb->view("s").value().instances.size() == 1);
    };
    return {
        {"balancer.pick", later, [](scene& s, auto slot, done d) { s.lb->pick("s", {}, bind(slot, d)); }, pickable},
        {"balancer.pick, awaited", later,
         [](scene& s, auto slot, done d) { asio::co_spawn(s.sim.io, s.lb->pick("s"), bind_spawned(slot, d)); }, pickable},
        {"balancer.master", later,
         [](scene& s, auto slot, done d) { asio::co_spawn(s.sim.io, s.lb->master("s"), bind_spawned(slot, d)); }, pickable},
        {"balancer.master, for a time", later,
         [](scene& s, auto slot, done d) { asio::co_spawn(s.sim.io, s.lb->master("s", 10s), bind_spawned(slot, d)); }, pickable},
        {"balancer.master, by a callback", later, [](scene& s, auto slot, done d) { s.lb->master("s", 10s, bind(slot, d)); },
         pickable},
        {"picker.pick", with_picker, [](scene& s, auto slot, done d) { s.picker->pick("", bind(slot, d)); }, pickable},
        {"picker.pick, awaited", with_picker,
         [](scene& s, auto slot, done d) { asio::co_spawn(s.sim.io, s.picker->pick(), bind_spawned(slot, d)); }, pickable},
        {"change_stream.next",
         [later](scene& s) {
             s.changes = s.lb->changes("s").value();
             later(s);
         },
         [](scene& s, auto slot, done d) { s.changes->next(bind(slot, d)); },
         [pickable](scene& s) {
             pickable(s);
             outcome<change> first;    // it was not lost with the call that was cancelled
             if (!aborted(s)) return;
             s.changes->next(first.handler());
             s.registry.serve();
             CHECK(first.value().what == change::kind::added);
         }},
        {"balancer.until_draining",
         [](scene& s) {
             s.register_now();
             (void)s.lb->try_pick("s");
             s.registry.serve();
         },
         [](scene& s, auto slot, done d) {
             s.lb->until_draining(s.lb->try_pick("s").value(), bind(slot, d));
             s.reg->drain([](error_code) {});
         },
         [pickable](scene& s) {
             pickable(s);
             CHECK(s.lb->try_pick("s").value().draining());
         }},
        {"balancer.close",
         [](scene& s) {
             (void)s.lb->try_pick("s");
             s.registry.serve();
         },
         [](scene& s, auto slot, done d) { s.lb->close(bind(slot, d)); },
         [](scene& s) { CHECK(s.lb->try_pick("s").error().code == registry_errc::closed); }},
    };
}

std::vector<operation> client_operations() {
    const auto a_node = [](scene& s) { s.registry.tree.put("/a", "x"); };
    const auto lose_reply = [](scene& s) { s.registry.lose_next(sim_registry::loss::after); };
    const auto goes_on = [](scene& s) {
        outcome<zk::get_result> got;
        s.client.get("/", got.handler());
        s.registry.serve();
        CHECK_FALSE(got.ec());
    };
    const auto whole = [goes_on](scene& s) {
        goes_on(s);
        CHECK((s.ec || s.find("/a") == "y"));
        CHECK((s.find("/a") == "absent") == (s.find("/b") == "absent"));
    };
    return {
        {"client.create", nothing, [](scene& s, auto slot, done d) { s.client.create("/a", "y", {}, bind(slot, d)); },
         [goes_on](scene& s) {
             goes_on(s);
             CHECK((s.ec || s.find("/a") == "y"));
         }},
        {"client.multi", nothing,
         [](scene& s, auto slot, done d) {
             s.client.multi(zk::transaction().create("/a", "y", zk::create_mode::ephemeral).create("/b", "y"), bind(slot, d));
         },
         whole},
        {"client.get", a_node, [](scene& s, auto slot, done d) { s.client.get("/a", bind(slot, d)); }, goes_on},
        {"client.children", a_node, [](scene& s, auto slot, done d) { s.client.children("/", bind(slot, d)); }, goes_on},
        {"client.exists_and_watch", nothing, [](scene& s, auto slot, done d) { s.client.exists_and_watch("/a", bind(slot, d)); },
         goes_on},
        {"client.add_watch", nothing,
         [](scene& s, auto slot, done d) { s.client.add_watch("/a", zk::add_watch_mode::persistent_recursive, bind(slot, d)); },
         goes_on},
        {"client.sync", nothing, [](scene& s, auto slot, done d) { s.client.sync("/", bind(slot, d)); }, goes_on},
        {"client.create_protected", lose_reply,
         [](scene& s, auto slot, done d) { s.client.create_protected("/a", "y", {}, bind(slot, d)); },
         [goes_on](scene& s) {
             goes_on(s);
             const auto& nodes = s.registry.tree.nodes();
             const auto made =
                 std::count_if(nodes.begin(), nodes.end(), [](const auto& n) { return n.first.starts_with("/_c_"); });
             CHECK((s.ec ? made <= 1 : made == 1));
         }},
        {"client.set_guarded",
         [=](scene& s) {
             a_node(s);
             lose_reply(s);
         },
         [](scene& s, auto slot, done d) { s.client.set_guarded("/a", "y", 0, bind(slot, d)); },
         [goes_on](scene& s) {
             goes_on(s);
             CHECK((s.ec || s.find("/a") == "y"));
         }},
        {"client.remove_guarded",
         [=](scene& s) {
             a_node(s);
             lose_reply(s);
         },
         [](scene& s, auto slot, done d) { s.client.remove_guarded("/a", 0, bind(slot, d)); },
         [goes_on](scene& s) {
             goes_on(s);
             CHECK((s.ec || s.find("/a") == "absent"));
         }},
        {"client.session_change", [](scene& s) { s.client.start(); },
         [](scene& s, auto slot, done d) { s.client.session_change(s.client.session().version, bind(slot, d)); }, goes_on},
        {"watcher.next",
         [a_node](scene& s) {
             a_node(s);
             outcome<zk::get_result, zk::watcher> got;
             s.client.get_and_watch("/a", got.handler());
             s.registry.serve();
             s.watcher = std::move(got.value<1>());
             s.registry.tree.set("/a", "z");
         },
         [](scene& s, auto slot, done d) { s.watcher->next(bind(slot, d)); }, goes_on},
        {"client.close", [](scene& s) { s.client.start(); }, [](scene& s, auto slot, done d) { s.client.close(bind(slot, d)); },
         [](scene& s) { CHECK(s.client.session().state == zk::session_state::closed); }},
    };
}

/// Those whose outcome is one reply, or a word of the client's own.
std::vector<operation> simple_client_operations() {
    using slot = asio::cancellation_slot;
    const auto with = [](std::string name, std::function<void(zk::client&, slot, done)> start) {
        const auto before = [](scene& s) { s.registry.tree.put("/a", "x"); };
        const auto run = [start = std::move(start)](scene& s, slot c, done d) { start(s.client, c, std::move(d)); };
        const auto goes_on = [](scene& s) {
            outcome<zk::get_result> got;
            s.client.get("/", got.handler());
            s.registry.serve();
            CHECK_FALSE(got.ec());
        };
        return operation{"client." + std::move(name), before, run, goes_on};
    };
    return {
        with("remove", [](zk::client& c, slot s, done d) { c.remove("/a", 0, bind(s, d)); }),
        with("set", [](zk::client& c, slot s, done d) { c.set("/a", "y", 0, bind(s, d)); }),
        with("exists", [](zk::client& c, slot s, done d) { c.exists("/a", bind(s, d)); }),
        with("get_and_watch", [](zk::client& c, slot s, done d) { c.get_and_watch("/a", bind(s, d)); }),
        with("children_and_watch", [](zk::client& c, slot s, done d) { c.children_and_watch("/", bind(s, d)); }),
        with("multi_read", [](zk::client& c, slot s, done d) { c.multi_read(zk::read_batch().get("/a"), bind(s, d)); }),
        with("check", [](zk::client& c, slot s, done d) { c.check("/a", 0, bind(s, d)); }),
        with("ephemerals", [](zk::client& c, slot s, done d) { c.ephemerals("/", bind(s, d)); }),
        with("all_children_number", [](zk::client& c, slot s, done d) { c.all_children_number("/", bind(s, d)); }),
        with("get_acl", [](zk::client& c, slot s, done d) { c.get_acl("/a", bind(s, d)); }),
        with("set_acl", [](zk::client& c, slot s, done d) { c.set_acl("/a", {zk::acl()}, 0, bind(s, d)); }),
        with("add_auth", [](zk::client& c, slot s, done d) { c.add_auth("digest", "bob:sesame", bind(s, d)); }),
        with("who_am_i", [](zk::client& c, slot s, done d) { c.who_am_i(bind(s, d)); }),
        with("get_config", [](zk::client& c, slot s, done d) { c.get_config(bind(s, d)); }),
        with("get_config_and_watch", [](zk::client& c, slot s, done d) { c.get_config_and_watch(bind(s, d)); }),
        with("reconfig",
             [](zk::client& c, slot s, done d) {
                 zk::reconfiguration change;
                 change.leaving = "2";
                 c.reconfig(std::move(change), bind(s, d));
             }),
        with("check_watches", [](zk::client& c, slot s, done d) { c.check_watches("/a", zk::watch_type::any, bind(s, d)); }),
        with("remove_watches", [](zk::client& c, slot s, done d) { c.remove_watches("/a", bind(s, d)); }),
        with("capacity", [](zk::client& c, slot s, done d) { c.capacity(bind(s, d)); }),
        with("with_timeout.get", [](zk::client& c, slot s, done d) { c.with_timeout(5s).get("/a", bind(s, d)); }),
        with("with_timeout.set", [](zk::client& c, slot s, done d) { c.with_timeout(5s).set("/a", "y", 0, bind(s, d)); }),
    };
}

/// Closes what is open: nothing is left in the tree, no timer runs, no handler waits.
void check_end(scene& s) {
    outcome<> ends[5];
    s.reg->close(ends[0].handler());
    s.lb->close(ends[1].handler());
    s.pass(1s);
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
bool cancelled_after(const operation& op, int steps, asio::cancellation_type type) {
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
    check_end(s);
    CHECK(calls == 1);
    return before;
}

void cancel_everywhere(const std::vector<operation>& operations) {
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

}    // namespace

TEST_SUITE_BEGIN("cancel everywhere");

TEST_CASE("registrar") { cancel_everywhere(registrar_operations()); }
TEST_CASE("balancer") { cancel_everywhere(balancer_operations()); }
TEST_CASE("client") { cancel_everywhere(client_operations()); }
TEST_CASE("client, what one reply decides") { cancel_everywhere(simple_client_operations()); }

TEST_CASE("who does not want to wait for the end any more is told at once, and the end comes") {
    scene s;
    s.register_now();
    (void)s.lb->try_pick("s");
    s.client.start();
    s.registry.serve();
    asio::cancellation_signal signals[3];
    outcome<> ends[3];
    s.reg->close(asio::bind_cancellation_slot(signals[0].slot(), ends[0].handler()));
    s.lb->close(asio::bind_cancellation_slot(signals[1].slot(), ends[1].handler()));
    s.client.close(asio::bind_cancellation_slot(signals[2].slot(), ends[2].handler()));
    for (auto& each : signals) each.emit(asio::cancellation_type::terminal);
    s.sim.run_ready();    // without a word from any server
    for (const auto& e : ends) CHECK(e.ec() == asio::error::operation_aborted);
    check_end(s);
    CHECK(s.find("/micro-service/s/master") == "absent");
}
