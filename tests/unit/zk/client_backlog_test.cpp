// Part of muster. Boost Software License 1.0, see LICENSE.
//
// What a client does with more requests than it may keep.
#include "client_fixture.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/system/system_error.hpp>

using namespace muster;
using namespace muster::test;

namespace {

zk::config at_most(std::size_t requests) {
    auto c = config_for_tests();
    c.max_requests = requests;
    return c;
}

std::string complaint_about(const zk::config& c) {
    simulation sim;
    try {
        make_client(sim.io.get_executor(), c, sim.world);
    } catch (const boost::system::system_error& e) {
        CHECK(e.code() == client_errc::invalid_argument);
        return e.what();
    }
    return "none";
}

}    // namespace

TEST_SUITE_BEGIN("client: back-pressure");

TEST_CASE("what comes beyond the limit completes at once as overloaded, and is not sent") {
    fixture f(at_most(2));
    f.attach();
    outcome<zk::get_result> first;
    outcome<zk::stat> second;
    outcome<zk::stat> third;
    f.client.get("/a", first.handler());
    f.client.set("/b", "x", -1, second.handler());
    f.client.set("/c", "x", -1, third.handler());
    CHECK(!third.done());    // never inline
    const auto sent = f.requests();
    REQUIRE(sent.size() == 2);
    CHECK(third.ec() == client_errc::overloaded);
    CHECK(zk::outcome_of(third.ec()) == zk::outcome::not_sent);
    CHECK(f.client.metrics().requests_outstanding == 2);
    CHECK(f.client.metrics().requests_refused == 1);
    f.reply(sent[0], 0, proto::get_data_response());
    f.reply(sent[1], 0, proto::stat_response());
    CHECK(!first.ec());
    CHECK(!second.ec());
    CHECK(f.client.metrics().requests_outstanding == 0);
    CHECK(f.client.metrics().bytes_outstanding == 0);
}

TEST_CASE("requests count from the call on, connected or not, and the bytes of all are bounded") {
    auto c = config_for_tests();
    c.max_request_bytes = 4096;
    fixture f(c);
    outcome<zk::stat> fits;
    outcome<zk::stat> beyond;
    outcome<zk::stat> small;
    f.client.set("/a", std::string(3000, 'x'), -1, fits.handler());
    f.client.set("/a", std::string(3000, 'x'), -1, beyond.handler());
    f.client.set("/a", "x", -1, small.handler());
    f.sim.run_ready();
    CHECK(beyond.ec() == client_errc::overloaded);
    CHECK(!fits.done());
    CHECK(!small.done());    // the order of those that are taken stays
    CHECK(f.client.metrics().bytes_outstanding > 3000);
    f.client.close([](error_code) {});
    REQUIRE(f.sim.run_until([&] { return small.done(); }, 1min));
    CHECK(f.client.metrics().bytes_outstanding == 0);
}

TEST_CASE("capacity completes at once while nobody was refused") {
    fixture f(at_most(1));
    outcome<> idle;
    outcome<> busy;
    f.client.capacity(idle.handler());
    CHECK(!idle.done());
    f.sim.run_ready();
    CHECK(!idle.ec());
    f.client.get("/a", [](error_code, const zk::get_result&) {});
    f.client.capacity(busy.handler());
    f.sim.run_ready();
    CHECK(!busy.ec());
}

TEST_CASE("capacity tells all who wait when half of the limit is free") {
    fixture f(at_most(4));
    f.attach();
    outcome<zk::stat> refused;
    for (int i = 0; i != 4; ++i) f.client.set("/a", "x", -1, [](error_code, zk::stat) {});
    f.client.set("/a", "x", -1, refused.handler());
    outcome<> one;
    outcome<> other;
    f.client.capacity(one.handler());
    f.client.capacity(other.handler());
    const auto sent = f.requests();
    REQUIRE(sent.size() == 4);
    CHECK(refused.ec() == client_errc::overloaded);
    f.reply(sent[0], 0, proto::stat_response());
    CHECK(!one.done());
    f.reply(sent[1], 0, proto::stat_response());
    CHECK(!one.ec());
    CHECK(!other.ec());
    outcome<zk::stat> again;
    f.client.set("/a", "x", -1, again.handler());
    CHECK(f.requests().size() == 1);
}

TEST_CASE("who was refused for being large waits until something has ended, however much is free") {
    auto c = config_for_tests();
    c.max_request_bytes = 4096;
    fixture f(c);
    f.attach();
    f.client.set("/a", "x", -1, [](error_code, zk::stat) {});
    outcome<zk::stat> large;
    f.client.set("/a", std::string(4050, 'x'), -1, large.handler());
    outcome<> room;
    f.client.capacity(room.handler());
    const auto sent = f.request();
    CHECK(large.ec() == client_errc::overloaded);
    CHECK(!room.done());    // it would be refused again, and again
    f.reply(sent, 0, proto::stat_response());
    CHECK(!room.ec());
}

TEST_CASE("a request that is cancelled gives its place back: at once before it is written, then with its reply") {
    fixture f(at_most(1));
    outcome<zk::stat> waits;
    asio::cancellation_signal signal;
    f.client.set("/a", "x", -1, asio::bind_cancellation_slot(signal.slot(), waits.handler()));
    f.client.set("/a", "x", -1, [](error_code ec, zk::stat) { CHECK(ec == client_errc::overloaded); });
    outcome<> room;
    f.client.capacity(room.handler());
    f.sim.run_ready();
    CHECK(!room.done());
    signal.emit(asio::cancellation_type::terminal);
    f.sim.run_ready();
    CHECK(waits.ec() == asio::error::operation_aborted);
    CHECK(!room.ec());

    f.attach();
    outcome<zk::stat> written;
    f.client.set("/a", "x", -1, asio::bind_cancellation_slot(signal.slot(), written.handler()));
    const auto sent = f.request();
    signal.emit(asio::cancellation_type::terminal);
    f.sim.run_ready();
    CHECK(written.ec() == asio::error::operation_aborted);
    CHECK(f.client.metrics().requests_outstanding == 1);    // its reply is still to come
    f.reply(sent, 0, proto::stat_response());
    CHECK(f.client.metrics().requests_outstanding == 0);
}

TEST_CASE("waiting for capacity can be cancelled") {
    fixture f(at_most(1));
    f.client.set("/a", "x", -1, [](error_code, zk::stat) {});
    f.client.set("/a", "x", -1, [](error_code, zk::stat) {});
    outcome<> cancelled;
    outcome<> waits;
    asio::cancellation_signal signal;
    f.client.capacity(asio::bind_cancellation_slot(signal.slot(), cancelled.handler()));
    f.client.capacity(waits.handler());
    signal.emit(asio::cancellation_type::total);
    f.sim.run_ready();
    CHECK(cancelled.ec() == asio::error::operation_aborted);
    CHECK(!waits.done());
}

TEST_CASE("a session that ends gives room, and so does a client that is closed") {
    fixture f(at_most(1));
    f.attach();
    f.lose();
    f.sim.world->set_server(at("10.0.0.1"), sim_world::answer::refuse);
    outcome<zk::stat> expired;
    f.client.set("/a", "x", -1, expired.handler());
    f.client.set("/a", "x", -1, [](error_code, zk::stat) {});
    outcome<> room;
    f.client.capacity(room.handler());
    REQUIRE(f.sim.run_until([&] { return expired.done(); }, 1min));
    f.sim.run_ready();
    CHECK(expired.ec() == client_errc::session_expired);
    CHECK(!room.ec());

    f.client.set("/a", "x", -1, [](error_code, zk::stat) {});
    f.client.set("/a", "x", -1, [](error_code, zk::stat) {});
    outcome<> at_the_end;
    f.client.capacity(at_the_end.handler());
    f.client.close([](error_code) {});
    REQUIRE(f.sim.run_until([&] { return at_the_end.done(); }, 1min));
    CHECK(!at_the_end.ec());
    outcome<zk::stat> late;
    f.client.set("/a", "x", -1, late.handler());
    f.sim.run_ready();
    CHECK(late.ec() == client_errc::closed);
    CHECK(f.client.metrics().requests_outstanding == 0);
}

TEST_CASE("what keeps the session alive and what proves who one is are never refused") {
    fixture f(at_most(1));
    f.attach();
    outcome<zk::get_result, zk::watcher> watched;
    f.client.get_and_watch("/a", watched.handler());
    f.reply(f.request(), 0, proto::get_data_response());
    f.client.set("/a", "x", -1, [](error_code, zk::stat) {});
    outcome<> auth;
    f.client.add_auth("digest", "user:secret", auth.handler());
    const auto sent = f.requests();
    REQUIRE(sent.size() == 2);
    CHECK(sent[1].is(opcode::auth));
    f.sim.run_for(3s);
    CHECK(f.request().is(opcode::ping));
    f.lose();
    f.client.set("/a", "x", -1, [](error_code, zk::stat) {});
    f.client.set("/a", "x", -1, [](error_code ec, zk::stat) { CHECK(ec == client_errc::overloaded); });
    f.attach();
    const auto after = f.requests();
    REQUIRE(after.size() == 3);
    CHECK(after[0].is(opcode::auth));
    CHECK(after[1].is(opcode::set_watches));
    CHECK(after[2].is(opcode::set_data));
}

TEST_CASE("limits out of their ranges are refused, with the value and what was expected") {
    auto c = config_for_tests();
    c.max_requests = 0;
    CHECK(complaint_about(c).find("max_requests of 0: expected 1 to 2147483647") != std::string::npos);
    c = config_for_tests();
    c.max_request_bytes = 1023;
    CHECK(complaint_about(c).find("max_request_bytes of 1023: expected 1024 to 2147483647") != std::string::npos);
    c.max_request_bytes = 1024;
    c.max_requests = 1;
    CHECK(complaint_about(c) == "none");
}

TEST_SUITE_END();
