// Part of muster. Boost Software License 1.0, see LICENSE.
//
// What a client tells, and what it counts.
#include "client_fixture.hpp"

#include <algorithm>
#include <stdexcept>
#include <vector>

using namespace muster;
using namespace muster::test;
using zk::log_event;
using zk::log_level;

namespace {

struct record {
    log_event event;
    std::string server;
    std::string line;
    session_state seen;
};

/// A client whose records are kept, with the state that the client showed meanwhile.
struct talkative {
    static zk::config configured(talkative* self, log_level least) {
        auto c = config_for_tests();
        c.log_level = least;
        c.log = [self](const zk::log_record& r) { self->take(r); };
        return c;
    }
    explicit talkative(log_level least = log_level::debug) : f(configured(this, least)) {}

    void take(const zk::log_record& r) {
        records.push_back({r.event, std::string(r.server), zk::to_string(r), f.client.session().state});
        if (on_record) on_record(r);
    }
    std::vector<log_event> events() const {
        std::vector<log_event> out;
        for (const auto& r : records) out.push_back(r.event);
        return out;
    }

    std::vector<record> records;
    std::function<void(const zk::log_record&)> on_record;
    fixture f;
};

using list = std::vector<log_event>;

}    // namespace

TEST_SUITE_BEGIN("client: log and counters");

TEST_CASE("records name the server and show what the client shows") {
    talkative t;
    t.f.attach();
    t.f.lose();
    t.f.attach();
    CHECK(t.events() == list{log_event::connecting, log_event::connected, log_event::connection_lost, log_event::connecting,
                             log_event::resumed});
    for (const auto& r : t.records) CHECK(r.server == "10.0.0.1:2181");
    CHECK(t.records[1].seen == session_state::connected);
    CHECK(t.records[1].line.find("session=0x1234") != std::string::npos);
    CHECK(t.records[2].seen == session_state::suspended);
    CHECK(t.records[4].seen == session_state::connected);
}

TEST_CASE("an attempt is told of when it begins, whatever the server does then") {
    talkative t;
    t.f.client.start();
    t.f.sim.run_ready();
    CHECK(t.events() == list{log_event::connecting});
    REQUIRE(t.f.sim.run_until([&] { return t.records.size() == 3; }, 1min));    // it says nothing
    CHECK(t.events() == list{log_event::connecting, log_event::attempt_failed, log_event::connecting});
}

TEST_CASE("only what matters enough is told; by default from info on") {
    talkative t(zk::config().log_level);
    t.f.attach();
    CHECK(t.events() == list{log_event::connected});
    talkative off(log_level::off);
    off.f.attach();
    CHECK(off.records.empty());
}

TEST_CASE("a sink may call the client, even close it") {
    talkative t;
    outcome<> closed;
    outcome<zk::get_result> got;
    t.on_record = [&](const zk::log_record& r) {
        if (r.event != log_event::connected) return;
        t.f.client.get("/a", got.handler());
        t.f.client.close(closed.handler());
    };
    t.f.attach();
    const auto sent = t.f.requests();
    REQUIRE(sent.size() == 2);
    t.f.reply(sent[0], 0, proto::get_data_response());
    t.f.reply(sent[1], 0);
    CHECK(!got.ec());
    CHECK(!closed.ec());
    CHECK(t.records.back().event == log_event::closed);
}

TEST_CASE("what a sink throws is lost, and nothing else") {
    talkative t;
    t.on_record = [](const zk::log_record&) { throw std::runtime_error("no"); };
    t.f.attach();
    outcome<zk::get_result> got;
    t.f.client.get("/a", got.handler());
    t.f.reply(t.f.request(), 0, proto::get_data_response());
    CHECK(!got.ec());
    CHECK(t.events() == list{log_event::connecting, log_event::connected});
}

TEST_CASE("requests that are refused are told of once, until there was room again") {
    std::vector<log_event> told;
    auto c = config_for_tests();
    c.max_requests = 1;
    c.log_level = log_level::warning;
    c.log = [&told](const zk::log_record& r) {
        CHECK(r.count == 1U);
        told.push_back(r.event);
    };
    fixture f(c);
    f.attach();
    for (int round = 1; round != 3; ++round) {
        for (int i = 0; i != 5; ++i) f.client.set("/a", "x", -1, [](error_code, zk::stat) {});
        const auto sent = f.request();
        f.sim.run_for(3s);    // a ping
        CHECK(f.request().is(opcode::ping));
        f.server.peer->send(reply_frame(proto::xid_ping, 0, 0));
        f.sim.run_ready();
        CHECK(told.size() == static_cast<std::size_t>(round));
        f.reply(sent, 0, proto::stat_response());
    }
    CHECK(told == list{log_event::overloaded, log_event::overloaded});
}

TEST_CASE("no secrets are told") {
    talkative t;
    t.f.attach();
    t.f.client.add_auth("digest", "user:hunter2", [](error_code) {});
    t.f.client.set("/secret-path", "secret-data", -1, [](error_code, zk::stat) {});
    const auto sent = t.f.requests();
    REQUIRE(sent.size() == 2);
    t.f.reply(sent[0], -115);
    CHECK(t.events().back() == log_event::auth_refused);
    for (const auto& r : t.records) {
        CHECK(r.line.find("hunter2") == std::string::npos);
        CHECK(r.line.find("secret") == std::string::npos);
    }
}

TEST_CASE("counters and round trips can be read at any time") {
    fixture f;
    CHECK(f.client.latency().count() == 0);
    f.attach();
    outcome<zk::get_result, zk::watcher> watched;
    f.client.get_and_watch("/a", watched.handler());
    const auto sent = f.request();
    f.sim.run_for(20ms);
    f.reply(sent, 0, proto::get_data_response());
    CHECK(f.client.latency().count() == 1);
    CHECK(f.client.latency().quantile(0.5) >= 20ms);
    CHECK(f.client.latency().quantile(0.5) <= 22ms);
    CHECK(f.client.metrics().watched_paths == 1);
    f.sim.run_for(3s);
    CHECK(f.request().is(opcode::ping));
    f.server.peer->send(reply_frame(proto::xid_ping, 0, 0));
    f.sim.run_ready();
    CHECK(f.client.metrics().pings_sent == 1);
    f.lose();
    f.attach();
    CHECK(f.client.metrics().resumptions == 1);
    CHECK(f.client.metrics().watches_rearmed == 1);
}

TEST_SUITE_END();
