// Part of muster. Boost Software License 1.0, see LICENSE.
//
// Operations that take longer than they were given.
#include "client_fixture.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/system/system_error.hpp>

using namespace muster;
using namespace muster::test;

TEST_SUITE_BEGIN("client: deadlines");

TEST_CASE("an operation that cannot be sent in time is withdrawn") {
    fixture f;
    f.sim.world->set_server(at("10.0.0.1"), sim_world::answer::refuse);
    outcome<zk::stat> timed;
    outcome<zk::stat> patient;
    const auto begun = f.sim.world->now();
    f.client.with_timeout(250ms).set("/a", "x", -1, timed.handler());
    f.client.set("/b", "x", -1, patient.handler());
    REQUIRE(f.sim.run_until([&] { return timed.done(); }, 1min));
    CHECK(f.sim.world->now() == begun + 250ms);
    CHECK(timed.ec() == client_errc::deadline_exceeded_unsent);
    CHECK(timed.ec() == boost::system::errc::timed_out);
    CHECK(zk::outcome_of(timed.ec()) == zk::outcome::not_sent);
    f.sim.world->set_server(at("10.0.0.1"), sim_world::answer::accept);
    f.attach();
    const auto sent = f.request();
    CHECK(sent.is(opcode::set_data));
    f.reply(sent, 0, proto::stat_response());
    CHECK(!patient.ec());
}

TEST_CASE("an operation on a connection that swallows everything completes in time, as unknown") {
    fixture f;
    f.attach();
    outcome<zk::stat> timed;
    const auto begun = f.sim.world->now();
    f.client.with_timeout(1s).set("/a", "x", -1, timed.handler());
    const auto sent = f.request();
    REQUIRE(f.sim.run_until([&] { return timed.done(); }, 1min));
    CHECK(f.sim.world->now() == begun + 1s);
    CHECK(timed.ec() == client_errc::deadline_exceeded);
    CHECK(timed.ec() == boost::system::errc::timed_out);
    CHECK(zk::outcome_of(timed.ec()) == zk::outcome::unknown);
    f.reply(sent, 0, proto::stat_response());    // late
    outcome<zk::get_result> next;
    f.client.get("/a", next.handler());
    f.reply(f.request(), 0, proto::get_data_response());
    CHECK(!next.ec());
}

TEST_CASE("a deadline that is earlier than what the client waits for is kept") {
    fixture f;
    f.attach();
    outcome<zk::get_result> late;
    outcome<zk::get_result> soon;
    f.client.with_timeout(2s).get("/a", late.handler());
    f.sim.run_ready();
    const auto begun = f.sim.world->now();
    f.client.with_timeout(30ms).get("/b", soon.handler());
    REQUIRE(f.sim.run_until([&] { return soon.done(); }, 1min));
    CHECK(f.sim.world->now() == begun + 30ms);
    CHECK(!late.done());
}

TEST_CASE("a time that is used up has passed when the operation begins") {
    for (const auto left : {0ms, -5ms, std::chrono::milliseconds::min()}) {
        fixture f;
        f.attach();
        outcome<zk::stat> timed;
        f.client.with_timeout(left).set("/a", "x", -1, timed.handler());
        CHECK(!timed.done());    // never inline
        CHECK(f.requests().empty());
        CHECK(timed.ec() == client_errc::deadline_exceeded_unsent);
    }
}

TEST_CASE("the configuration has a time for all, and a handle another one") {
    auto c = config_for_tests();
    c.operation_timeout = 500ms;
    fixture f(c);
    f.attach();
    outcome<zk::stat> by_default;
    outcome<bool> of_a_group;
    outcome<zk::stat> longer;
    outcome<zk::stat> for_ever;
    f.client.set("/a", "x", -1, by_default.handler());
    f.client.check_watches("/a", zk::watch_type::any, of_a_group.handler());
    f.client.with_timeout(1s).set("/a", "x", -1, longer.handler());
    auto patient = f.client.with_timeout(zk::no_timeout);
    patient.set("/a", "x", -1, for_ever.handler());
    CHECK(f.requests().size() == 4);
    f.sim.run_for(500ms);
    CHECK(by_default.ec() == client_errc::deadline_exceeded);
    CHECK(of_a_group.ec() == client_errc::deadline_exceeded);
    CHECK(!longer.done());
    f.sim.run_for(500ms);
    CHECK(longer.ec() == client_errc::deadline_exceeded);
    f.sim.run_for(4s);
    CHECK(!for_ever.done());
}

TEST_CASE("a watch that was set too late is removed") {
    fixture f;
    f.attach();
    outcome<zk::get_result, zk::watcher> watched;
    f.client.with_timeout(100ms).get_and_watch("/a", watched.handler());
    const auto sent = f.request();
    f.sim.run_for(100ms);
    CHECK(watched.ec() == client_errc::deadline_exceeded);
    f.reply(sent, 0, proto::get_data_response());
    CHECK(f.request().is(opcode::remove_watches));
}

TEST_CASE("cancelling before the deadline wins, and the deadline is forgotten") {
    fixture f;
    f.attach();
    outcome<zk::stat> cancelled;
    asio::cancellation_signal signal;
    f.client.with_timeout(100ms).set("/a", "x", -1, asio::bind_cancellation_slot(signal.slot(), cancelled.handler()));
    const auto sent = f.request();
    signal.emit(asio::cancellation_type::terminal);
    f.sim.run_for(1s);
    CHECK(cancelled.ec() == asio::error::operation_aborted);
    f.reply(sent, 0, proto::stat_response());
}

TEST_CASE("a handle with a time keeps the client") {
    fixture f;
    std::optional<zk::client> view(f.client.with_timeout(10s));
    f.attach();
    f.client = *view;
    view.reset();
    outcome<zk::get_result> got;
    f.client.get("/a", got.handler());
    f.reply(f.request(), 0, proto::get_data_response());
    CHECK(!got.ec());
}

TEST_CASE("an operation timeout out of its range is refused") {
    auto c = config_for_tests();
    c.operation_timeout = -1ms;
    simulation sim;
    CHECK_THROWS_AS(make_client(sim.io.get_executor(), c, sim.world), boost::system::system_error);
}

TEST_SUITE_END();
