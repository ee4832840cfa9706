// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include <muster/embedded_server.hpp>
#include <muster/zk/client.hpp>

#include "support/loop.hpp"

#include <boost/asio/use_awaitable.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <optional>
#include <string>
#include <utility>

namespace muster::test {

/// A loop with an embedded server, and a client that is connected.
struct embedded_fixture {
    explicit embedded_fixture(embedded_server_params p = embedded_server_params()) : server(l.io, std::move(p)) {
        server.start();
        c.emplace(make_client());
        connect(*c);
    }
    zk::client make_client(std::chrono::milliseconds timeout = std::chrono::seconds(4)) {
        zk::config cfg(server.connect_string());
        cfg.session_timeout = timeout;
        cfg.backoff_min = std::chrono::milliseconds(1);
        cfg.backoff_max = std::chrono::milliseconds(5);
        return zk::client(l.io, cfg);
    }
    void connect(zk::client& one) {
        one.start();
        REQUIRE(l.until([&] { return connected(one); }));
    }
    static bool connected(const zk::client& one) { return one.session().state == zk::session_state::connected; }

    zk::create_result create(const std::string& path, const std::string& data = "",
                             zk::create_mode mode = zk::create_mode::persistent) {
        return l.run(c->create(path, data, mode, boost::asio::use_awaitable));
    }
    bool exists(const std::string& path) { return l.run(c->exists(path, boost::asio::use_awaitable)).has_value(); }

    loop l;
    embedded_server server;
    std::optional<zk::client> c;
};

}    // namespace muster::test
