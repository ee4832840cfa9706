// Part of muster. Boost Software License 1.0, see LICENSE.
//
// A client at a server without a quorum asks the others whether they take writes.
#include "client_fixture.hpp"

#include <memory>
#include <string>
#include <utility>
#include <vector>

using namespace muster;
using namespace muster::test;

TEST_SUITE_BEGIN("client: search for a server that takes writes");

namespace {

zk::config reading() {
    auto c = config_for_tests("10.0.0.1:2181,10.0.0.2:2181");
    c.read_only = true;
    return c;
}

/// A client of two servers, of which the first one that it reaches has no quorum.
struct searching_fixture : fixture {
    explicit searching_fixture(zk::config c = reading()) : fixture(std::move(c)) {
        sim.world->set_server(at("10.0.0.2"), sim_world::answer::accept);
        client.start();
        const auto peer = next();
        server = server_end{peer, peer->take()};
        peer->send(handshake_frame(0x77, 9s, 'l', true, true));
        server.unread.clear();
        sim.run_ready();
        REQUIRE(client.session().state == session_state::connected);
        CHECK(client.session().read_only);
    }

    std::shared_ptr<sim_peer> next(runtime::duration limit = 1min) {
        std::shared_ptr<sim_peer> peer;
        REQUIRE(sim.run_until([&] { return (peer = sim.world->accept()) != nullptr; }, limit));
        sim.run_ready();
        return peer;
    }
    /// The next server that is asked.
    std::shared_ptr<sim_peer> asked(runtime::duration limit = 1min) {
        const auto peer = next(limit);
        CHECK(peer->take() == "isro");
        return peer;
    }
    void say(sim_peer& to, std::string_view word) {
        to.send(word);
        sim.run_ready();
    }
};

}    // namespace

TEST_CASE("it asks one after the other, and goes to the one that says yes, with what waits and watches") {
    searching_fixture f;
    outcome<zk::get_result, zk::watcher> got;
    f.client.get_and_watch("/a", got.handler());
    f.reply(f.request(), 0, proto::get_data_response());
    REQUIRE_FALSE(got.ec());

    const auto other = f.asked(0ms);
    CHECK(other->address() != f.server.peer->address());
    f.say(*other, "ro");
    CHECK(other->closed());
    const auto own = f.asked();
    CHECK(own->address() == f.server.peer->address());
    f.say(*own, "ro");
    const auto again = f.asked();
    CHECK(again->address() == other->address());
    CHECK_FALSE(f.server.peer->closed());
    f.say(*again, "r");
    CHECK_FALSE(again->closed());
    f.say(*again, "w");
    CHECK(again->closed());
    CHECK(f.server.peer->closed());

    const auto peer = f.next(0ms);
    CHECK(peer->address() == other->address());
    f.server = server_end{peer, {}};
    CHECK(f.server.greet(0x99).session_id == 0);
    f.sim.run_ready();
    CHECK_FALSE(f.client.session().read_only);
    CHECK(f.client.session().generation == 2);
    CHECK(f.request().is(opcode::set_watches));
    f.sim.run_for(3s);    // less than after which it would have to be answered
    CHECK(f.sim.world->accept() == nullptr);
}

TEST_CASE("what is no answer, or comes too late, is a no") {
    searching_fixture f;
    f.say(*f.asked(), "isro is not executed because it is not in the whitelist.\n");
    f.asked()->close();
    f.sim.run_ready();
    const auto cut = f.asked();
    f.say(*cut, "r");
    cut->close();
    f.sim.run_ready();
    const auto silent = f.asked();
    const auto next = f.asked(3s);
    CHECK(silent->closed());
    f.say(*silent, "rw");
    CHECK_FALSE(f.server.peer->closed());
    f.sim.world->set_server(at("10.0.0.1"), sim_world::answer::refuse);
    f.sim.world->set_server(at("10.0.0.2"), sim_world::answer::refuse);
    f.say(*next, "null");
    const auto before = f.sim.world->attempts().size();
    f.sim.run_for(2s);
    CHECK(f.sim.world->attempts().size() > before + 1);
    CHECK_FALSE(f.server.peer->closed());
    CHECK(f.client.session().read_only);
}

TEST_CASE("it ends with the connection, with the list, and with the client") {
    searching_fixture f;
    const auto one = f.asked();
    SUBCASE("connection") {
        f.lose();
        CHECK(one->closed());
        f.say(*one, "rw");
    }
    SUBCASE("list") {
        f.client.set_servers("10.0.0.1:2181,10.0.0.2:2181,10.0.0.3:2181");
        f.sim.run_ready();
        CHECK(one->closed());
    }
    SUBCASE("close") {
        outcome<> closed;
        f.client.close(closed.handler());
        f.reply(f.request(), 0);
        CHECK_FALSE(closed.ec());
        CHECK(one->closed());
        CHECK(f.sim.world->open_connections() == 0);
    }
    SUBCASE("destroyed with its context") {}
}

TEST_CASE("a write fails there by itself") {
    searching_fixture f;
    outcome<zk::create_result> written;
    f.client.create("/a", "", {}, written.handler());
    outcome<zk::get_result> read;
    f.client.get("/a", read.handler());
    const auto sent = f.requests();
    REQUIRE(sent.size() == 2);
    f.reply(sent[0], static_cast<std::int32_t>(server_errc::not_read_only));
    CHECK(written.ec() == server_errc::not_read_only);
    f.reply(sent[1], 0, proto::get_data_response());
    CHECK_FALSE(read.ec());
}

TEST_CASE(
    "R39: a server that says it takes writes, and to the next connection that it takes none, is not tried in a tight loop") {
    auto c = config_for_tests("10.0.0.1:2181");
    c.read_only = true;
    fixture f(std::move(c));
    f.client.start();
    constexpr std::size_t many = 200;
    const auto end = f.sim.world->now() + 10s;
    while (f.sim.world->now() < end && f.sim.world->attempts().size() < many) {
        std::shared_ptr<sim_peer> peer;
        if (!f.sim.run_until([&] { return (peer = f.sim.world->accept()) != nullptr; }, end - f.sim.world->now())) break;
        f.sim.run_ready();
        const bool question = peer->take() == "isro";
        peer->send(question ? "rw" : handshake_frame(0x77, 9s, 'l', true, true));
        f.sim.run_ready();
    }
    CHECK(f.sim.world->attempts().size() < many);
    CHECK(f.sim.world->attempts().size() > 4);
}

TEST_SUITE_END();
