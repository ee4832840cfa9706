// Part of muster. Boost Software License 1.0, see LICENSE.
//
// A client in a virtual world, and its server, which the test plays.
#pragma once

#include <muster/zk/client.hpp>

#include "proto_zk/records_admin.hpp"
#include "proto_zk/records_data.hpp"
#include "proto_zk/records_multi.hpp"
#include "support/sim_world.hpp"
#include "support/zk_frames.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace muster::test {

using namespace std::chrono_literals;
namespace proto = zk::proto;
using proto::opcode;
using zk::client_errc;
using zk::event_type;
using zk::server_errc;
using zk::session_state;

/// What an operation completed with. Pass `handler()` as completion token.
template <class... Values>
class outcome {
public:
    ~outcome() { CHECK(state_->calls <= 1); }

    auto handler() {
        return [s = state_](error_code ec, Values... v) {
            ++s->calls;
            s->ec = ec;
            s->values.emplace(std::move(v)...);
        };
    }
    bool done() const { return state_->calls > 0; }
    const error_code& ec() const {
        REQUIRE(state_->calls == 1);
        return state_->ec;
    }
    template <std::size_t I = 0>
    auto& value() {
        REQUIRE(state_->calls == 1);
        return std::get<I>(*state_->values);
    }

private:
    struct state {
        int calls = 0;
        error_code ec;
        std::optional<std::tuple<Values...>> values;
    };
    std::shared_ptr<state> state_ = std::make_shared<state>();
};

runtime::endpoint at(const char* address, std::uint16_t port = 2181);

zk::config config_for_tests(const char* servers = "10.0.0.1:2181");

zk::client make_client(const asio::any_io_executor& ex, zk::config c, std::shared_ptr<runtime::world> w);

/// The server's end of a connection.
struct server_end {
    std::shared_ptr<sim_peer> peer;
    std::string unread;

    proto::connect_request greet(std::int64_t id = 0x1234, std::chrono::milliseconds timeout = 9s);
    std::vector<sent_request> requests();
    template <class... Records>
    void reply(std::int32_t xid, std::int32_t err = 0, const Records&... body) {
        peer->send(reply_frame(xid, ++zxid, err, body...));
    }
    void event(std::int32_t type, const std::string& path) { peer->send(event_frame(type, path)); }

    std::int64_t zxid = 0x100;
};

struct fixture {
    explicit fixture(zk::config c = config_for_tests());
    ~fixture();
    /// In the world that `around` makes of the virtual one.
    template <class Around>
    fixture(zk::config c, Around around) : sim(), client(make_client(sim.io.get_executor(), std::move(c), around(sim.world))) {
        sim.world->set_server(at("10.0.0.1"), sim_world::answer::accept);
    }

    simulation sim;
    zk::client client;
    server_end server;

    /// Waits for the client's connection and answers its handshake.
    proto::connect_request attach(std::int64_t id = 0x1234, std::chrono::milliseconds timeout = 9s);
    void lose();
    std::vector<sent_request> requests();
    sent_request request();
    template <class... Records>
    void reply(const sent_request& r, std::int32_t err, const Records&... body) {
        server.reply(r.xid, err, body...);
        sim.run_ready();
    }
};

zk::stat stat_of(std::int64_t czxid);

}    // namespace muster::test
