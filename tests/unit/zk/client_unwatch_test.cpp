// Part of muster. Boost Software License 1.0, see LICENSE.
//
// What becomes of the server's watch when subscribers go.
#include "watch_fixture.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>

using namespace muster;
using namespace muster::test;
using zk::add_watch_mode;
using zk::watch_event;

TEST_SUITE_BEGIN("client: unwatching");

TEST_CASE("the server's watch is removed when its last persistent subscriber goes") {
    fixture f;
    f.attach();
    auto a = add_watch(f, "/a");
    auto b = add_watch(f, "/a");
    a = zk::watcher();
    CHECK(f.requests().empty());
    CHECK(f.client.metrics().watched_paths == 1);
    b = zk::watcher();
    const auto r = f.request();
    CHECK(f.client.metrics().watched_paths == 0);    // whatever the server answers
    CHECK(r.is(opcode::remove_watches));
    CHECK(r.as<proto::remove_watches_request>().path == "/a");
    CHECK(r.as<proto::remove_watches_request>().type == 3);
    f.reply(r, -121);
    CHECK(!f.server.peer->closed());
    f.lose();
    f.attach();
    CHECK(f.requests().empty());
}

TEST_CASE("R9: a one-shot watch of the same path keeps the server's watches until it has fired") {
    fixture f;
    f.attach();
    auto one = get_and_watch(f, "/a");
    { auto p = add_watch(f, "/a"); }
    CHECK(f.requests().empty());
    f.server.event(data_changed, "/a");
    CHECK(next(f, one).second.type == event_type::data_changed);
    CHECK(f.request().is(opcode::remove_watches));
}

TEST_CASE("R10: the server's watch is removed when its last one-shot subscriber goes; one that has fired is gone") {
    fixture f;
    f.attach();
    auto a = get_and_watch(f, "/a");
    auto b = get_and_watch(f, "/a");
    auto fired = get_and_watch(f, "/b");
    a = zk::watcher();
    CHECK(f.requests().empty());
    b = zk::watcher();
    const auto r = f.request();
    CHECK(r.is(opcode::remove_watches));
    CHECK(r.as<proto::remove_watches_request>().path == "/a");
    f.reply(r, 0);
    f.server.event(data_changed, "/b");
    f.sim.run_ready();
    fired = zk::watcher();
    CHECK(f.requests().empty());
}

TEST_CASE("R10: a watch that replaces another one of its path takes the server's over") {
    fixture f;
    f.attach();
    auto w = get_and_watch(f, "/a");
    outcome<zk::get_result, zk::watcher> got;
    f.client.get_and_watch("/a", got.handler());
    w = zk::watcher();
    const auto r = f.request();
    CHECK(r.is(opcode::get_data));
    f.reply(r, 0, proto::get_data_response());
    CHECK(f.requests().empty());
    f.server.event(data_changed, "/a");
    CHECK(next(f, got.value<1>()).second.type == event_type::data_changed);
}

TEST_CASE("R9: a read of a path with a lasting watch gives a watcher that fires, though the server sets none") {
    fixture f;
    f.attach();
    auto lasting = add_watch(f, "/a", add_watch_mode::persistent);
    outcome<zk::get_result, zk::watcher> got;
    f.client.get_and_watch("/a", got.handler());
    const auto r = f.request();
    CHECK(!r.as<proto::path_watch_request>().watch);
    f.reply(r, 0, proto::get_data_response());
    for (const auto& [event, type] : {std::pair(data_changed, event_type::data_changed)}) {
        f.server.event(event, "/a");
        CHECK(next(f, got.value<1>()).second.type == type);
        CHECK(next(f, lasting).second.type == type);
    }
    CHECK(next(f, got.value<1>()).first == client_errc::watch_ended);
}

TEST_CASE("a removal does not take along a watch that is just being set") {
    for (const bool one_shot : {false, true}) {
        fixture f;
        f.attach();
        auto old = add_watch(f, "/a");
        outcome<zk::watcher> added;
        outcome<zk::get_result, zk::watcher> got;
        if (one_shot) {
            f.client.get_and_watch("/a", got.handler());
        } else {
            f.client.add_watch("/a", add_watch_mode::persistent, added.handler());
        }
        const auto r = f.request();
        old = zk::watcher();
        CHECK(f.requests().empty());
        if (one_shot) {
            f.reply(r, 0, proto::get_data_response());
            CHECK(got.value<1>());
        } else {
            f.reply(r, 0, proto::error_response());
            CHECK(added.value());
        }
        CHECK(f.requests().empty());
    }
}

TEST_CASE("a persistent watch whose caller gave up is removed again") {
    fixture f;
    f.attach();
    asio::cancellation_signal signal;
    outcome<zk::watcher> added;
    f.client.add_watch("/a", add_watch_mode::persistent, asio::bind_cancellation_slot(signal.slot(), added.handler()));
    const auto r = f.request();
    signal.emit(asio::cancellation_type::terminal);
    f.sim.run_ready();
    CHECK(added.ec() == asio::error::operation_aborted);
    CHECK(!added.value());
    f.reply(r, 0, proto::error_response());
    const auto removal = f.request();
    CHECK(removal.is(opcode::remove_watches));
    CHECK(removal.as<proto::remove_watches_request>().path == "/a");
}

TEST_CASE("R10: a removal that took too long ends the watchers once the server has done it") {
    fixture f;
    f.attach();
    auto one = get_and_watch(f, "/a");
    auto lasting = add_watch(f, "/a", add_watch_mode::persistent);
    outcome<> removed;
    f.client.with_timeout(50ms).remove_watches("/a", removed.handler());
    const auto r = f.request();
    REQUIRE(r.is(opcode::remove_watches));
    f.sim.run_for(50ms);
    CHECK(removed.ec() == client_errc::deadline_exceeded);
    CHECK(f.client.metrics().watched_paths == 1);
    f.reply(r, 0);
    CHECK(f.client.metrics().watched_paths == 0);
    CHECK(next(f, one).first == client_errc::watch_ended);
    CHECK(next(f, lasting).first == client_errc::watch_ended);
    auto fresh = get_and_watch(f, "/a");    // asks the server to watch, which nothing does any more
    f.server.event(data_changed, "/a");
    CHECK(next(f, fresh).second.type == event_type::data_changed);
}

TEST_CASE("a persistent watch whose caller gave up stays where others watch the path") {
    fixture f;
    f.attach();
    auto other = add_watch(f, "/a");
    asio::cancellation_signal signal;
    outcome<zk::watcher> added;
    f.client.add_watch("/a", add_watch_mode::persistent_recursive, asio::bind_cancellation_slot(signal.slot(), added.handler()));
    const auto r = f.request();
    signal.emit(asio::cancellation_type::terminal);
    f.reply(r, 0, proto::error_response());
    CHECK(f.requests().empty());
}

TEST_SUITE_END();
