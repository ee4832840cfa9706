// Part of muster. Boost Software License 1.0, see LICENSE.
//
// A list of servers that changes while the client runs.
#include "client_fixture.hpp"

#include <boost/system/system_error.hpp>

#include <string>
#include <utility>
#include <vector>

using namespace muster;
using namespace muster::test;

TEST_SUITE_BEGIN("client: servers");

namespace {

/// The client leaves for 10.0.0.2, and goes on with its session there.
void expect_move(fixture& f) {
    f.sim.run_ready();
    CHECK(f.server.peer->closed());
    auto peer = f.sim.world->accept();
    REQUIRE(peer);
    CHECK(peer->address() == at("10.0.0.2"));
    f.server = server_end{peer, {}};
    f.sim.run_ready();
    CHECK(f.server.greet().session_id == 0x1234);
    f.sim.run_ready();
    CHECK(f.client.session().state == session_state::connected);
}

struct moving_fixture : fixture {
    explicit moving_fixture(zk::config c = config_for_tests()) : fixture(std::move(c)) {
        sim.world->set_server(at("10.0.0.2"), sim_world::answer::accept);
    }
};

}    // namespace

TEST_CASE("a client whose server went moves to another, with its session and its watches") {
    moving_fixture f;
    f.attach();
    outcome<zk::get_result, zk::watcher> got;
    f.client.get_and_watch("/a", got.handler());
    f.reply(f.request(), 0, proto::get_data_response());
    REQUIRE_FALSE(got.ec());
    f.client.set_servers("10.0.0.2:2181");
    CHECK(f.client.servers().to_string() == "10.0.0.2:2181");
    expect_move(f);
    CHECK(f.client.session().generation == 1);
    CHECK(f.request().is(opcode::set_watches));
}

TEST_CASE("who moves awaits the replies to what was sent, and sends the rest where it goes") {
    moving_fixture f;
    f.attach();
    outcome<zk::create_result> written;
    f.client.create("/a", "", {}, written.handler());
    const auto sent = f.request();
    f.client.set_servers("10.0.0.2:2181");
    outcome<zk::create_result> later;
    f.client.create("/b", "", {}, later.handler());
    CHECK(f.requests().empty());
    CHECK_FALSE(f.server.peer->closed());

    proto::create2_response r;
    r.path = "/a";
    f.reply(sent, 0, r);
    CHECK_FALSE(written.ec());
    CHECK_FALSE(later.done());
    expect_move(f);
    const auto resent = f.request();
    CHECK(resent.as<proto::create_request>().path == "/b");
    r.path = "/b";
    f.reply(resent, 0, r);
    CHECK_FALSE(later.ec());
}

TEST_CASE("a server that does not answer holds nobody who moves for longer than it holds others") {
    moving_fixture f;
    f.attach();
    outcome<zk::create_result> written;
    f.client.create("/a", "", {}, written.handler());
    (void)f.request();
    f.client.set_servers("10.0.0.2:2181");
    f.sim.run_for(6s);    // two thirds of the timeout
    CHECK(written.ec() == client_errc::connection_lost);
    expect_move(f);
}

TEST_CASE("who is closing does not move any more") {
    moving_fixture f;
    f.attach();
    outcome<> closed;
    f.client.close(closed.handler());
    const auto r = f.request();
    f.client.set_servers("10.0.0.2:2181");
    f.sim.run_ready();
    f.reply(r, 0);
    CHECK_FALSE(closed.ec());
}

TEST_CASE("a list that still has the server changes nothing on the connection") {
    moving_fixture f;
    f.attach();
    f.client.set_servers("10.0.0.1:2181");
    f.sim.run_ready();
    CHECK_FALSE(f.server.peer->closed());
    CHECK(f.client.metrics().connects == 1);
}

TEST_CASE("what the server before did not know is asked of the next") {
    moving_fixture f;
    f.attach();
    outcome<std::vector<zk::identity>> unknown;
    f.client.who_am_i(unknown.handler());
    const auto r = f.request();
    f.client.set_servers("10.0.0.2:2181");
    f.reply(r, static_cast<std::int32_t>(server_errc::unimplemented));
    CHECK(unknown.ec() == server_errc::unimplemented);
    expect_move(f);
    outcome<std::vector<zk::identity>> asked;
    f.client.who_am_i(asked.handler());
    CHECK(f.request().is(opcode::who_am_i));
}

TEST_CASE("what is told of a move names the servers that it is about") {
    std::vector<std::string> told;
    auto c = config_for_tests();
    c.log = [&told](const zk::log_record& r) {
        if (r.event == zk::log_event::connecting || r.event == zk::log_event::resumed ||
            r.event == zk::log_event::connection_lost)
            told.push_back(std::string(r.server));
    };
    c.log_level = zk::log_level::debug;
    moving_fixture f(std::move(c));
    f.attach();
    f.client.set_servers("10.0.0.9:2181,10.0.0.1:2181,10.0.0.8:2181");
    f.client.set_servers("10.0.0.2:2181");    // this server is of no list by now, and was second of one
    expect_move(f);
    CHECK(told == std::vector<std::string>{"10.0.0.1:2181", "", "10.0.0.2:2181", "10.0.0.2:2181"});
}

TEST_CASE("an attempt to reach a server that went is given up, and a wait for the next one ends") {
    for (const auto answer : {sim_world::answer::silence, sim_world::answer::refuse}) {
        CAPTURE(static_cast<int>(answer));
        moving_fixture f;
        f.sim.world->set_server(at("10.0.0.1"), answer);
        f.client.start();
        f.sim.run_for(1s);
        f.client.set_servers("10.0.0.2:2181");
        f.sim.run_ready();
        auto peer = f.sim.world->accept();
        REQUIRE(peer);
        CHECK(peer->address() == at("10.0.0.2"));
    }
}

TEST_CASE("servers set before the start are the ones it begins with") {
    moving_fixture f;
    f.client.set_servers("10.0.0.2:2181");
    f.sim.run_ready();
    CHECK_FALSE(f.sim.world->accept());
    f.client.start();
    f.sim.run_ready();
    auto peer = f.sim.world->accept();
    REQUIRE(peer);
    CHECK(peer->address() == at("10.0.0.2"));
}

TEST_CASE("another chroot and what is no list are refused with what was expected") {
    moving_fixture f;
    const auto message = [&](const char* servers) -> std::string {
        try {
            f.client.set_servers(servers);
        } catch (const boost::system::system_error& e) {
            return e.what();
        }
        return {};
    };
    CHECK(message("10.0.0.2/app").find("chroot '/app' of '10.0.0.2:2181/app': expected ''") != std::string::npos);
    CHECK(message("10.0.0.2:x").find("10.0.0.2:x") != std::string::npos);
    CHECK(f.client.servers().to_string() == "10.0.0.1:2181");
}
