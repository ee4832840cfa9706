// Part of muster. Boost Software License 1.0, see LICENSE.
//
// TLS: what a client does over it, and how its connections end.
#include "tls_fixture.hpp"

#include <boost/asio/error.hpp>

using namespace muster;
using namespace muster::test;

TEST_SUITE_BEGIN("client: TLS");

namespace {

/// A client with a session.
struct secured : tls_fixture {
    explicit secured(const char* servers = "zk1.test:2281") {
        start(config(servers));
        greet();
        REQUIRE(state() == session_state::connected);
    }
    void get(const std::string& path, const std::string& data) {
        outcome<zk::get_result> got;
        client->get(path, got.handler());
        const auto r = request();
        CHECK(r.is(opcode::get_data));
        proto::get_data_response body;
        body.data = data;
        reply(r, 0, body);
        REQUIRE(!got.ec());
        CHECK(got.value().data == data);
    }
};

}    // namespace

TEST_CASE("requests and replies of any size go over TLS, and nothing is legible on the way") {
    secured f;
    CHECK(f.end().asked_for() == "zk1.test");
    f.get("/legible", std::string(300'000, 'x'));
    outcome<zk::stat> written;
    f.client->set("/large", std::string(200'000, 'y'), 0, written.handler());
    f.run_ready();
    f.run_ready();
    std::string came = f.end().take();
    const auto frames = take_frames(came);
    REQUIRE(frames.size() == 1);
    CHECK(parse_request(frames.front()).as<proto::set_data_request>().data == std::string(200'000, 'y'));
    for (const char* word : {"legible", "large", "yyyyyyyy"}) CHECK(f.end().wire().find(word) == std::string::npos);
    CHECK(f.end().wire().size() > 200'000);
}

TEST_CASE("R38: TLS may be cut anywhere") {
    tls_fixture f;
    f.on_accept = [](sim_peer& p) {
        p.limit_reads(1);
        p.limit_writes(1);
    };
    f.start();
    f.greet();
    CHECK(f.state() == session_state::connected);
    outcome<zk::get_result> got;
    f.client->get("/a", got.handler());
    proto::get_data_response body;
    body.data = std::string(20'000, 'z');
    f.reply(f.request(), 0, body);
    CHECK(got.value().data == body.data);
}

TEST_CASE("the time of a handshake counts in the connection timeout") {
    tls_fixture f;
    f.start();
    f.sim.run_ready();
    const auto silent = f.sim.world->accept();
    REQUIRE(silent);
    f.sim.run_ready();
    CHECK(silent->take().size() > 100);    // the client has begun
    f.sim.run_for(3s - 1ms);
    CHECK(!silent->closed());
    CHECK(!f.last_error());
    f.sim.run_for(1ms);
    CHECK(silent->closed());
    CHECK(f.last_error() == client_errc::timed_out);
    f.run_for(1s);    // it tries again
    f.greet();
    CHECK(f.state() == session_state::connected);
}

TEST_CASE("a handshake that was given up does not end the next attempt") {
    tls_fixture f;
    f.start(f.config("zk1.test:2281,zk2.test:2281"));
    f.sim.run_ready();
    const auto silent = f.sim.world->accept();
    REQUIRE(silent);
    f.sim.run_for(3s);
    CHECK(silent->closed());
    f.greet();
    CHECK(f.state() == session_state::connected);
    CHECK(f.sim.world->attempts().size() == 2);
}

TEST_CASE("a peer that sends its handshake and never reads counts as silent, too") {
    tls_fixture f;
    f.on_accept = [](sim_peer& p) { p.stall(true); };
    f.start();
    f.sim.run_ready();
    const auto deaf = f.sim.world->accept();
    REQUIRE(deaf);
    deaf->stall(true);
    f.sim.run_for(3s);
    CHECK(deaf->closed());
    CHECK(f.last_error() == client_errc::timed_out);
}

TEST_CASE("a session is resumed over a new TLS connection, on the next server") {
    secured f("zk1.test:2281,zk2.test:2281");
    const auto first = f.end().peer().address();
    f.lose();
    CHECK(f.last_error() == asio::error::eof);
    const auto again = f.greet();
    CHECK(again.session_id == 0x1234);
    CHECK(f.state() == session_state::connected);
    CHECK(f.end().peer().address() != first);
    f.get("/a", "b");
}

TEST_CASE("closing tells the server that it is the end") {
    secured f;
    outcome<> done;
    f.client->close(done.handler());
    const auto r = f.request();
    CHECK(r.is(opcode::close_session));
    CHECK(!f.end().told_of_end());
    f.reply(r, 0);
    CHECK(!done.ec());
    CHECK(f.end().peer().closed());
    CHECK(f.end().told_of_end());
    CHECK(!f.sim.world->next_timer());
}

TEST_CASE("closing does not wait for a peer that reads nothing") {
    secured f;
    f.end().peer().stall(true);
    outcome<zk::stat> written;
    f.client->set("/a", std::string(100'000, 'y'), 0, written.handler());
    f.run_ready();
    outcome<> done;
    f.client->close(done.handler());
    f.run_for(3s);
    CHECK(done.ec() == client_errc::close_timed_out);
    CHECK(written.ec() == client_errc::connection_lost);
    CHECK(f.end().peer().closed());
}

TEST_CASE("R43: close in the middle of a TLS handshake") {
    tls_fixture f;
    f.start();
    f.sim.run_ready();
    const auto peer = f.sim.world->accept();
    REQUIRE(peer);
    f.sim.run_ready();
    outcome<> done;
    f.client->close(done.handler());
    f.sim.run_ready();
    CHECK(!done.ec());
    CHECK(peer->closed());
    CHECK(!f.sim.world->next_timer());
    CHECK(f.sim.world->open_connections() == 0);
}

TEST_CASE("R44: a client with TLS may be destroyed inside a handler, and R46: at any other moment") {
    secured f;
    int calls = 0;
    f.client->get("/a", [&](error_code, const zk::get_result&) {
        ++calls;
        f.client.reset();
    });
    f.reply(f.request(), -101);
    CHECK(calls == 1);
    f.run_ready();
    CHECK(f.end().peer().closed());
    CHECK(!f.sim.world->next_timer());

    tls_fixture g;    // in the handshake
    g.start();
    g.sim.run_ready();
    const auto peer = g.sim.world->accept();
    REQUIRE(peer);
    g.client.reset();
    g.sim.run_ready();
    CHECK(peer->closed());
    CHECK(!g.sim.world->next_timer());
}

TEST_CASE("a context that goes away takes TLS connections with it") {
    for (const bool established : {false, true}) {
        CAPTURE(established);
        auto world = std::make_shared<sim_world>();
        temp_dir dir;
        const authority trusted("Trusted CA", world->wall_now());
        write_file((dir.path() / "ca.pem").string(), trusted.pem());
        world->set_server(at("10.0.0.1"), sim_world::answer::accept);
        auto io = std::make_unique<asio::io_context>();
        auto c = config_for_tests();
        c.tls.emplace();
        c.tls->ca_file = (dir.path() / "ca.pem").string();
        std::optional<zk::client> client(make_client(io->get_executor(), c, world));
        client->start();
        io->poll();
        const auto peer = world->accept();
        REQUIRE(peer);
        tls_end end(peer, {trusted.issue("zk", {"10.0.0.1"}), {}});
        io->restart();
        io->poll();
        while (established && end.step()) {
            io->restart();
            io->poll();
        }
        CHECK(end.established() == established);
        io.reset();
        CHECK(peer->closed());
        client.reset();
    }
}

TEST_CASE("R36: a request that is long on its way keeps the connection under TLS, too, and a black hole does not") {
    constexpr std::size_t part = 5'000;    // in 50 ms
    for (const bool ends : {false, true}) {
        CAPTURE(ends);
        tls_fixture f;
        f.start();
        f.greet();
        const auto end = f.ends.back();
        end->peer().slow(16'000);
        end->limit(part);
        outcome<zk::stat> set;
        f.client->set("/a", std::string(800'000, 'x'), zk::any_version, set.handler());
        const auto start = f.sim.world->now();
        auto last = start;
        std::string came;
        while (!end->peer().closed() && f.sim.world->now() - start < 10s) {
            f.sim.run_for(50ms);
            if (ends && f.sim.world->now() - start > 4s) continue;
            end->step();
            came += end->take();
            last = f.sim.world->now();
            if (!take_frames(came).empty()) break;
        }
        CHECK(end->peer().closed() == ends);
        CHECK((ends ? last : f.sim.world->now()) - start >= (ends ? 3900ms : 8000ms));
        if (ends) CHECK(f.sim.world->now() - last <= 6s + 50ms);
        f.sim.run_ready();
        CHECK(f.client->session().connection == 1);
        CHECK(set.done() == ends);
    }
}

TEST_CASE("a server without TLS is told from others") {
    tls_fixture f;
    f.start();
    f.sim.run_ready();
    const auto plain = f.sim.world->accept();
    REQUIRE(plain);
    f.sim.run_ready();
    SUBCASE("it closes, as ZooKeeper does") {
        plain->close();
        f.sim.run_ready();
        CHECK(f.message() == "zk1.test:2281 ended the connection in the TLS handshake: is the port one for TLS?");
    }
    SUBCASE("it answers") {
        plain->send("HTTP/1.1 400 Bad Request\r\n\r\n");
        f.sim.run_ready();
        CHECK(f.message() == "zk1.test:2281 does not speak TLS: is the port one for TLS?");
    }
    CHECK(f.last_error() == tls_errc::not_tls);
    CHECK(f.state() == session_state::connecting);
    f.run_for(1s);    // somebody may be about to configure it
    f.greet();
    CHECK(f.state() == session_state::connected);
    CHECK(f.message().empty());
}

TEST_CASE("a server that speaks only old versions is refused, and tried again") {
    tls_fixture f;
    f.policy.only_1_2 = true;
    f.start();
    f.greet();
    CHECK(f.state() == session_state::connected);    // TLS 1.2 is not old

    tls_fixture g;
    g.policy.only_1_2 = true;
    auto c = g.config();
    c.tls->min_version = zk::tls_version::v1_3;
    g.start(std::move(c));
    g.run_ready();
    CHECK(g.last_error() == tls_errc::handshake_failed);
    CHECK(g.message().starts_with("zk1.test:2281: "));
    CHECK(g.message().find("protocol version") != std::string::npos);
    CHECK(g.state() == session_state::connecting);
}

TEST_SUITE_END();
