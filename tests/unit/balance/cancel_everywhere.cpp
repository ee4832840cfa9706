// Part of muster. Boost Software License 1.0, see LICENSE.
//
// Every asynchronous operation of the registrar and of the balancer, cancelled everywhere.
#include "cancel_everywhere.hpp"

#include <boost/asio/co_spawn.hpp>

#include <string>
#include <vector>

using namespace muster;
using namespace muster::test;

namespace {

std::vector<operation> registrar_operations() {
    const auto stands = [](scene& s) {
        CHECK(s.reg->role() == role::master);
        CHECK(s.find("/micro-service/s/master") != "absent");
    };
    return {
        {"registrar.start", nothing, [](scene& s, auto slot, completion d) { s.reg->start(bind(slot, d)); }, stands},
        {"registrar.start, where its former master still is", [](scene& s) { s.put_master("10.1.1.1"); },
         [](scene& s, auto slot, completion d) { s.reg->start(bind(slot, d)); }, stands},
        {"registrar.start, beside another master", [](scene& s) { s.put_master("10.1.1.2"); },
         [](scene& s, auto slot, completion d) { s.reg->start(bind(slot, d)); },
         [](scene& s) {
             CHECK(s.reg->role() == role::normal);
             CHECK(s.find(s.reg->status().path.c_str()) != "absent");
         }},
        {"registrar.status_change", nothing,
         [](scene& s, auto slot, completion d) {
             s.reg->status_change(0, bind(slot, d));
             s.reg->start([](error_code) {});
         },
         stands},
        {"registrar.update", [](scene& s) { s.register_now(); },
         [](scene& s, auto slot, completion d) { s.reg->update(instance("10.1.1.1", 80, 7), bind(slot, d)); },
         [stands](scene& s) {
             stands(s);
             CHECK(s.find("/micro-service/s/master").find("7") != std::string::npos);
         }},
        {"registrar.drain", [](scene& s) { s.register_now(); },
         [](scene& s, auto slot, completion d) { s.reg->drain(bind(slot, d)); },
         [stands](scene& s) {
             stands(s);
             CHECK(s.find("/micro-service/s/master").find("draining") != std::string::npos);
         }},
        {"registrar.close", [](scene& s) { s.register_now(); },
         [](scene& s, auto slot, completion d) { s.reg->close(bind(slot, d)); },
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
        {"balancer.pick", later, [](scene& s, auto slot, completion d) { s.lb->pick("s", {}, bind(slot, d)); }, pickable},
        {"balancer.pick, awaited", later,
         [](scene& s, auto slot, completion d) { asio::co_spawn(s.sim.io, s.lb->pick("s"), bind_spawned(slot, d)); }, pickable},
        {"balancer.master", later,
         [](scene& s, auto slot, completion d) { asio::co_spawn(s.sim.io, s.lb->master("s"), bind_spawned(slot, d)); }, pickable},
        {"balancer.master, for a time", later,
         [](scene& s, auto slot, completion d) { asio::co_spawn(s.sim.io, s.lb->master("s", 10s), bind_spawned(slot, d)); },
         pickable},
        {"balancer.master, by a callback", later,
         [](scene& s, auto slot, completion d) { s.lb->master("s", 10s, bind(slot, d)); }, pickable},
        {"picker.pick", with_picker, [](scene& s, auto slot, completion d) { s.picker->pick("", bind(slot, d)); }, pickable},
        {"picker.pick, awaited", with_picker,
         [](scene& s, auto slot, completion d) { asio::co_spawn(s.sim.io, s.picker->pick(), bind_spawned(slot, d)); }, pickable},
        {"change_stream.next",
         [later](scene& s) {
             s.changes = s.lb->changes("s").value();
             later(s);
         },
         [](scene& s, auto slot, completion d) { s.changes->next(bind(slot, d)); },
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
         [](scene& s, auto slot, completion d) {
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
         [](scene& s, auto slot, completion d) { s.lb->close(bind(slot, d)); },
         [](scene& s) { CHECK(s.lb->try_pick("s").error().code == registry_errc::closed); }},
    };
}

}    // namespace

TEST_SUITE_BEGIN("cancel everywhere");

TEST_CASE("registrar") { cancel_everywhere(registrar_operations()); }
TEST_CASE("balancer") { cancel_everywhere(balancer_operations()); }

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
