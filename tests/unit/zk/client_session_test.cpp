// Part of muster. Boost Software License 1.0, see LICENSE.
#include "client_fixture.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/system/system_error.hpp>

#include <functional>
#include <set>
#include <vector>

using namespace muster;
using namespace muster::test;

TEST_SUITE_BEGIN("client: session");

TEST_CASE("nothing happens before the start") {
    fixture f;
    f.sim.run_for(1min);
    CHECK(f.sim.world->attempts().empty());
    CHECK(f.client.session().state == session_state::connecting);
    CHECK(f.client.session().version == 0);
}

TEST_CASE("the first operation starts") {
    fixture f;
    f.client.sync("/", [](error_code) {});
    f.sim.run_ready();
    CHECK(f.sim.world->attempts().size() == 1);
}

TEST_CASE("R28: who waits sees each state, also of a program that was frozen for longer than its session lives") {
    fixture f;
    f.attach();
    std::vector<session_state> seen;
    std::function<void(error_code, zk::session_info)> look = [&](error_code ec, const zk::session_info& now) {
        if (ec) return;
        seen.push_back(now.state);
        if (!now.ended) f.client.session_change(now.version, look);
    };
    f.client.session_change(f.client.session().version, look);
    f.server.peer->close();
    f.sim.world->advance_to(f.sim.world->now() + 1min);    // nothing has run
    f.sim.run_ready();
    CHECK(seen == std::vector{session_state::suspended, session_state::expired});
    f.attach(0x99);
    REQUIRE(!seen.empty());
    CHECK(seen.back() == session_state::connected);
}

TEST_CASE("the session is kept while nothing is asked") {
    fixture f;
    f.attach();
    int pings = 0;
    for (int i = 0; i != 600; ++i) {
        f.sim.run_for(1s);
        for (const auto& r : f.server.requests()) {
            CHECK(r.is(opcode::ping));
            f.server.peer->send(ping_frame());
            ++pings;
        }
    }
    CHECK(pings >= 190);
    CHECK(pings <= 210);
    CHECK(!f.server.peer->closed());
    const auto info = f.client.session();
    CHECK(info.state == session_state::connected);
    CHECK(info.safe_until > f.sim.world->now() + 4s);
    CHECK(f.client.metrics().connects == 1);
}

TEST_CASE("what does not fit into the socket at once is written when there is room") {
    for (const std::size_t room : {0U, 1U, 10U, 40U}) {
        CAPTURE(room);
        fixture f;
        f.attach();
        f.server.peer->limit_writes(room);
        outcome<> done;
        f.client.sync("/some/path", done.handler());
        const auto r = f.request();
        CHECK(r.is(opcode::sync));
        CHECK(r.as<proto::path_request>().path == "/some/path");
        proto::path_response body;
        body.path = "/some/path";
        f.reply(r, 0, body);
        CHECK(!done.ec());
    }
}

TEST_CASE("R45: what handlers of one read ask for goes out in one write") {
    fixture f;
    f.attach();
    outcome<> again[3];
    for (auto& o : again) f.client.sync("/", [&](error_code) { f.client.sync("/", o.handler()); });
    const auto first = f.requests();
    REQUIRE(first.size() == 3);
    const auto writes = f.server.peer->writes();
    proto::path_response body;
    body.path = "/";
    std::string replies;
    for (const auto& r : first) replies += reply_frame(r.xid, 0x101, 0, body);
    f.server.peer->send(replies);
    CHECK(f.requests().size() == 3);
    CHECK(f.server.peer->writes() == writes + 1);
}

TEST_CASE("a reply that came before the connection broke counts, though a write failed meanwhile") {
    fixture f;
    f.attach();
    outcome<> first, second;
    f.client.sync("/", first.handler());
    const auto r = f.request();
    f.server.peer->limit_reads(5);
    proto::path_response body;
    body.path = "/";
    f.server.reply(r.xid, 0, body);
    f.server.peer->close();
    f.client.set("/", "x", zk::any_version, [h = second.handler()](error_code ec, zk::stat) mutable { h(ec); });
    f.sim.run_ready();
    CHECK(!first.ec());
    CHECK(second.ec() == client_errc::connection_lost);
}

TEST_CASE("R37: a silent server is left after two thirds of the time-out") {
    fixture f;
    f.attach();
    f.sim.run_for(6s - 1ms);
    CHECK(!f.server.peer->closed());
    f.sim.run_for(1ms);
    CHECK(f.server.peer->closed());
    CHECK(f.client.session().last_error == client_errc::timed_out);
    CHECK(f.attach().session_id == 0x1234);
}

TEST_CASE("R12: the stream of changes: every change, or at least the last state") {
    fixture f;
    std::vector<session_state> seen;
    std::uint64_t version = 0;
    outcome<zk::session_info>* waiting = nullptr;
    std::vector<std::unique_ptr<outcome<zk::session_info>>> all;
    const auto wait = [&] {
        waiting = all.emplace_back(std::make_unique<outcome<zk::session_info>>()).get();
        f.client.session_change(version, waiting->handler());
        f.sim.run_ready();
    };
    const auto collect = [&] {
        while (waiting->done()) {
            seen.push_back(waiting->value().state);
            CHECK(waiting->value().version > version);
            version = waiting->value().version;
            if (seen.back() == session_state::closed) return;
            wait();
        }
    };
    wait();
    f.attach();
    collect();
    f.lose();
    collect();
    f.sim.world->set_server(at("10.0.0.1"), sim_world::answer::refuse);
    while (const auto peer = f.sim.world->accept()) peer->close();
    for (int i = 0; i != 1300; ++i) {
        f.sim.run_for(10ms);
        collect();
    }
    f.sim.world->set_server(at("10.0.0.1"), sim_world::answer::accept);
    f.attach(0x77);
    collect();
    outcome<> closed_;
    f.client.close(closed_.handler());
    f.reply(f.request(), 0);
    collect();
    seen.erase(std::unique(seen.begin(), seen.end()), seen.end());
    CHECK(seen == std::vector<session_state>{session_state::connected, session_state::suspended, session_state::expired,
                                             session_state::connected, session_state::closed});
    CHECK(f.client.session().generation == 2);
    CHECK(f.client.metrics().expiries == 1);
    // From then on it answers at once.
    outcome<zk::session_info> late;
    f.client.session_change(1'000'000, late.handler());
    f.sim.run_ready();
    CHECK(late.value().state == session_state::closed);
}

TEST_CASE("waiting for a change can be cancelled") {
    fixture f;
    f.attach();
    asio::cancellation_signal signal;
    outcome<zk::session_info> change;
    f.client.session_change(f.client.session().version, asio::bind_cancellation_slot(signal.slot(), change.handler()));
    f.sim.run_ready();
    CHECK(!change.done());
    signal.emit(asio::cancellation_type::partial);
    CHECK(!change.done());
    f.sim.run_ready();
    CHECK(change.ec() == asio::error::operation_aborted);
}

TEST_CASE("a session is what the server gave") {
    fixture f;
    f.attach();
    const auto info = f.client.session();
    CHECK(info.id == 0x1234);
    CHECK(info.generation == 1);
    CHECK(info.timeout == 9s);
    CHECK(info.password[15] == 'p');
    CHECK(info.safe_until == f.sim.world->now() + 9s);
}

TEST_CASE("all servers of the connect string are tried") {
    fixture f(config_for_tests("10.0.0.2,10.0.0.3:2182,[::1]:7"));
    f.client.start();
    f.sim.run_ready();
    const auto tried = f.sim.world->attempts();
    CHECK(std::set<runtime::endpoint>(tried.begin(), tried.begin() + 3) ==
          std::set<runtime::endpoint>{at("10.0.0.2"), at("10.0.0.3", 2182), at("::1", 7)});
}

TEST_CASE("R34: names are looked up at each attempt, and all their addresses are tried") {
    fixture f(config_for_tests("zk"));
    f.sim.world->set_name("zk", {"10.0.0.5", "10.0.0.6"});
    f.client.start();
    f.sim.run_for(3s);
    auto tried = f.sim.world->attempts();
    REQUIRE(tried.size() >= 4);
    CHECK(std::set<runtime::endpoint>(tried.begin(), tried.begin() + 2).size() == 2);
    // Every address of the ensemble changes, as when it is restarted in Kubernetes.
    f.sim.world->set_name("zk", {"10.0.0.7", "10.0.0.1"});
    f.attach();
    CHECK(f.client.session().state == session_state::connected);
    f.sim.world->set_name("zk", {});
    f.lose();
    f.sim.run_for(3s);
    CHECK(f.client.session().last_error == asio::error::host_not_found);
    f.sim.world->set_name("zk", {"10.0.0.1"});
    CHECK(f.attach().session_id == 0x1234);
}

TEST_CASE("a look-up or a server that never answers takes no longer than an attempt may") {
    for (const bool names : {true, false}) {
        fixture f(config_for_tests("10.0.0.1,10.0.0.2"));
        f.sim.world->set_server(at("10.0.0.1"), sim_world::answer::silence);
        f.sim.world->set_server(at("10.0.0.2"), sim_world::answer::silence);
        f.sim.world->stall_names(names);
        f.client.start();
        f.sim.run_for(3s - 1ms);
        f.sim.world->stall_names(false);
        f.sim.world->set_server(at("10.0.0.1"), sim_world::answer::accept);
        f.sim.world->set_server(at("10.0.0.2"), sim_world::answer::accept);
        f.sim.run_ready();
        CHECK(f.sim.world->accept() == nullptr);
        f.sim.run_for(1ms);
        CHECK(f.sim.world->accept() != nullptr);
        CHECK(f.client.session().last_error == client_errc::timed_out);
    }
}

TEST_CASE("R39: a thousand refused connections leave nothing behind and do not spin") {
    fixture f;
    f.sim.world->set_server(at("10.0.0.1"), sim_world::answer::refuse);
    f.client.start();
    const auto start = f.sim.world->now();
    CHECK(f.sim.run_until([&] { return f.sim.world->attempts().size() >= 1000; }, 24h));
    CHECK(f.sim.world->open_connections() == 0);
    CHECK(f.sim.world->now() - start > 1000s);    // 5 s on average, once the bound is at its 10 s
    CHECK(f.client.metrics().connect_failures >= 999);
    f.sim.world->set_server(at("10.0.0.1"), sim_world::answer::accept);
    f.attach();
    CHECK(f.sim.world->open_connections() == 1);
}

TEST_CASE("R38: a server that sends one byte at a time") {
    fixture f;
    f.client.start();
    f.sim.run_ready();
    f.server = server_end{f.sim.world->accept(), {}};
    REQUIRE(f.server.peer);
    f.server.peer->limit_reads(1);
    f.server.greet();
    outcome<zk::get_result> got;
    f.client.get("/a", got.handler());
    proto::get_data_response data;
    data.data = "hello";
    f.reply(f.request(), 0, data);
    CHECK(got.value().data == "hello");
}

TEST_CASE("metrics count") {
    fixture f;
    f.attach();
    f.client.sync("/", [](error_code) {});
    f.client.sync("/", [](error_code) {});
    for (const auto& r : f.requests()) f.server.reply(r.xid, -101);
    f.server.event(3, "/x");
    f.sim.run_ready();
    const auto m = f.client.metrics();
    CHECK(m.requests_sent == 2);
    CHECK(m.replies_received == 2);
    CHECK(m.events_received == 1);
    CHECK(m.writes == 2);
    CHECK(m.bytes_sent == 49 + 2 * 17);
    CHECK(m.bytes_received == 41 + 2 * 20 + (20 + 4 + 4 + 4 + 2));
    CHECK(m.connects == 1);
    CHECK(m.connect_failures == 0);
}

TEST_CASE("a configuration out of its ranges is refused with the value and what was expected") {
    const auto refused = [](auto change) {
        asio::io_context io;
        zk::config c("h");
        change(c);
        try {
            zk::client client(io, c);
        } catch (const boost::system::system_error& e) {
            CHECK(e.code() == client_errc::invalid_argument);
            return std::string(e.what());
        }
        return std::string();
    };
    using ms = std::chrono::milliseconds;
    CHECK(refused([](zk::config&) {}).empty());
    CHECK(refused([](zk::config& c) { c.session_timeout = 0ms; }).find("session_timeout of 0 ms") != std::string::npos);
    CHECK(refused([](zk::config& c) { c.session_timeout = ms(2'147'483'648); }).find("2147483648") != std::string::npos);
    CHECK(refused([](zk::config& c) { c.connect_timeout = -1ms; }).find("connect_timeout of -1 ms") != std::string::npos);
    CHECK(refused([](zk::config& c) { c.connect_timeout = ms::max(); }).find("connect_timeout") != std::string::npos);
    CHECK(refused([](zk::config& c) { c.close_timeout = ms::max(); }).find("close_timeout") != std::string::npos);
    CHECK(refused([](zk::config& c) { c.backoff_min = 0ms; }).find("backoff_min") != std::string::npos);
    CHECK(refused([](zk::config& c) { c.backoff_max = 1ms; }).find("backoff_max") != std::string::npos);
    CHECK(refused([](zk::config& c) { c.backoff_max = ms::max(); }).find("backoff_max") != std::string::npos);
    CHECK(refused([](zk::config& c) { c.max_frame = 10; }).find("max_frame of 10") != std::string::npos);
    CHECK(refused([](zk::config& c) { c.max_reply = 10; }).find("max_reply of 10") != std::string::npos);
    CHECK(refused([](zk::config& c) { c.max_frame = 2'147'483'648; }).find("max_frame of 2147483648") != std::string::npos);
}

TEST_SUITE_END();
