// Part of muster. Boost Software License 1.0, see LICENSE.
#include "watch_fixture.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>

using namespace muster;
using namespace muster::test;
using zk::add_watch_mode;
using zk::watch_event;

TEST_SUITE_BEGIN("client: watches");

TEST_CASE("a one-shot watch gives one event and ends") {
    fixture f;
    f.attach();
    auto w = get_and_watch(f, "/a");
    outcome<watch_event> first;
    w.next(first.handler());
    f.sim.run_ready();
    CHECK(!first.done());
    f.server.event(data_changed, "/a");
    f.server.event(data_changed, "/a");
    f.sim.run_ready();
    CHECK(!first.ec());
    CHECK(first.value() == watch_event(event_type::data_changed, "/a"));
    CHECK(next(f, w).first == client_errc::watch_ended);
    CHECK(next(f, w).first == client_errc::watch_ended);
}

TEST_CASE("an event right behind the reply is kept until it is asked for") {
    fixture f;
    f.attach();
    outcome<zk::get_result, zk::watcher> got;
    f.client.get_and_watch("/a", got.handler());
    const auto r = f.request();
    f.server.peer->send(reply_frame(r.xid, 1, 0, proto::get_data_response()) + event_frame(2, "/a", 0x55));
    f.sim.run_ready();
    const auto [ec, e] = next(f, got.value<1>());
    CHECK(!ec);
    CHECK(e == watch_event(event_type::deleted, "/a", 0x55));
}

TEST_CASE("which reads arm which watch") {
    fixture f;
    f.attach();
    outcome<std::optional<zk::stat>, zk::watcher> there;
    outcome<std::optional<zk::stat>, zk::watcher> missing;
    outcome<zk::get_result, zk::watcher> failed;
    outcome<zk::children_result, zk::watcher> listed;
    f.client.exists_and_watch("/there", there.handler());
    f.client.exists_and_watch("/missing", missing.handler());
    f.client.get_and_watch("/failed", failed.handler());
    f.client.children_and_watch("/listed", listed.handler());
    const auto sent = f.requests();
    REQUIRE(sent.size() == 4);
    f.reply(sent[0], 0, proto::stat_response());
    f.reply(sent[1], -101);
    f.reply(sent[2], -101);
    f.reply(sent[3], 0, proto::get_children2_response());
    CHECK(there.value<1>());
    CHECK(!missing.ec());
    CHECK(!missing.value().has_value());
    CHECK(missing.value<1>());
    CHECK(failed.ec() == server_errc::no_node);
    CHECK(!failed.value<1>());
    CHECK(listed.value<1>());
    f.lose();
    f.attach();
    const auto armed = f.request().as<proto::set_watches_request>();
    CHECK(armed.data == std::vector<std::string>{"/there"});
    CHECK(armed.exist == std::vector<std::string>{"/missing"});
    CHECK(armed.child == std::vector<std::string>{"/listed"});
}

TEST_CASE("R8: a chroot applies to events and to arming again") {
    fixture f(config_for_tests("10.0.0.1:2181/ab"));
    f.attach();
    auto w = add_watch(f, "/");
    f.server.event(created, "/ab/x");
    f.server.event(data_changed, "/ab");
    f.server.event(data_changed, "/abc");
    CHECK(next(f, w).second.path == "/x");
    CHECK(next(f, w).second.path == "/");
    f.lose();
    f.attach();
    CHECK(f.request().as<proto::set_watches2_request>().persistent_recursive == std::vector<std::string>{"/ab"});
    const auto [ec, e] = next(f, w);
    CHECK(e == watch_event(event_type::resync, "/"));
    outcome<watch_event> none;
    w.next(none.handler());
    f.sim.run_ready();
    CHECK(!none.done());
}

TEST_CASE("a persistent watch goes on through reconnections, with a resync before later events") {
    fixture f;
    f.attach();
    auto w = add_watch(f, "/a", add_watch_mode::persistent);
    f.server.event(children_changed, "/a");
    CHECK(next(f, w).second.type == event_type::children_changed);
    f.lose();
    f.attach();
    CHECK(f.request().is(opcode::set_watches2));
    f.server.event(data_changed, "/a");
    f.sim.run_ready();
    CHECK(next(f, w).second == watch_event(event_type::resync, "/a"));
    CHECK(next(f, w).second == watch_event(event_type::data_changed, "/a"));
}

TEST_CASE("a subscriber that does not read is told to resync instead") {
    fixture f;
    f.attach();
    auto w = add_watch(f, "/a");
    for (int i = 0; i != 10'001; ++i) f.server.event(data_changed, "/a/b");
    f.server.event(created, "/a/c");
    f.sim.run_ready();
    CHECK(next(f, w).second == watch_event(event_type::resync, "/a"));
    CHECK(next(f, w).second == watch_event(event_type::created, "/a/c"));
}

TEST_CASE("a server cannot fill the memory with long paths that nobody reads") {
    fixture f;
    f.attach();
    auto w = add_watch(f, "/a");
    const std::string longest = "/a/" + std::string(1'000'000, 'x');
    const auto tell = [&] {
        f.server.event(created, longest);
        f.sim.run_ready();
    };
    for (int i = 0; i != 4; ++i) tell();
    for (int i = 0; i != 4; ++i) CHECK(next(f, w).second.path == longest);    // what was read is not counted any more
    for (int i = 0; i != 5; ++i) tell();
    CHECK(next(f, w).second == watch_event(event_type::resync, "/a"));
    outcome<watch_event> none;
    w.next(none.handler());
    f.sim.run_ready();
    CHECK(!none.done());
}

TEST_CASE("addWatch: an error in the body is the result") {
    fixture f;
    f.attach();
    outcome<zk::watcher> added;
    f.client.add_watch("/a", add_watch_mode::persistent, added.handler());
    proto::error_response e;
    e.err = -6;
    f.reply(f.request(), 0, e);
    CHECK(added.ec() == server_errc::unimplemented);
    CHECK(!added.value());
    f.lose();
    f.attach();
    CHECK(f.requests().empty());
}

TEST_CASE("destroying a watcher ends its pending next") {
    fixture f;
    f.attach();
    outcome<watch_event> e;
    {
        auto w = add_watch(f, "/a");
        w.next(e.handler());
        f.sim.run_ready();
        CHECK(!e.done());
    }
    CHECK(!e.done());
    f.sim.run_ready();
    CHECK(e.ec() == client_errc::watch_ended);
}

TEST_CASE("only one next at a time") {
    fixture f;
    f.attach();
    auto w = add_watch(f, "/a");
    outcome<watch_event> first;
    w.next(first.handler());
    CHECK(next(f, w).first == client_errc::invalid_argument);
    f.server.event(data_changed, "/a");
    f.sim.run_ready();
    CHECK(!first.ec());
}

TEST_CASE("a cancelled next loses no event") {
    fixture f;
    f.attach();
    auto w = add_watch(f, "/a");
    asio::cancellation_signal signal;
    outcome<watch_event> cancelled;
    w.next(asio::bind_cancellation_slot(signal.slot(), cancelled.handler()));
    f.sim.run_ready();
    signal.emit(asio::cancellation_type::total);
    f.server.event(data_changed, "/a");
    f.sim.run_ready();
    CHECK(cancelled.ec() == asio::error::operation_aborted);
    const auto [ec, e] = next(f, w);
    CHECK(!ec);
    CHECK(e.type == event_type::data_changed);
    // A cancellation that comes late hits nobody else.
    outcome<watch_event> later;
    w.next(later.handler());
    signal.emit(asio::cancellation_type::terminal);
    f.sim.run_ready();
    CHECK(!later.done());
}

TEST_CASE("watches end with their session") {
    fixture f;
    f.attach();
    auto one = get_and_watch(f, "/a");
    auto w = add_watch(f, "/b");
    outcome<watch_event> waiting;
    w.next(waiting.handler());
    f.lose();
    f.attach(0x99);    // another session
    CHECK(waiting.ec() == client_errc::session_expired);
    CHECK(next(f, one).first == client_errc::session_expired);
    CHECK(f.requests().empty());
}

TEST_CASE("watches end with their client, and outlive it") {
    zk::watcher one;
    zk::watcher w;
    {
        fixture f;
        f.attach();
        one = get_and_watch(f, "/a");
        w = add_watch(f, "/b");
        outcome<watch_event> waiting;
        w.next(waiting.handler());
        f.server.event(data_changed, "/a");
        f.sim.run_ready();
        { const auto moved = std::move(f.client); }
        f.sim.run_ready();
        CHECK(waiting.ec() == client_errc::closed);
        // What came before is still there.
        CHECK(next(f, one).second.type == event_type::data_changed);
        CHECK(f.server.peer->closed());
        one = zk::watcher();
        w = zk::watcher();
        f.sim.run_ready();
    }
}

TEST_SUITE_END();
