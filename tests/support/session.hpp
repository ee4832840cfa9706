// Part of muster. Boost Software License 1.0, see LICENSE.
//
// Sessions of tests against real servers.
#pragma once

#include "support/kazoo.hpp"
#include "support/loop.hpp"

#include <muster/zk/client.hpp>
#include <muster/zk/config.hpp>
#include <muster/zk/session_info.hpp>

#include <doctest/doctest.h>

#include <fmt/format.h>

#include <chrono>
#include <string>

namespace muster::test {

/// A client that is soon back at a server that was away.
inline zk::config config_for(const std::string& servers, std::chrono::milliseconds timeout) {
    zk::config c(servers);
    c.session_timeout = timeout;
    c.backoff_min = std::chrono::milliseconds(100);
    c.backoff_max = std::chrono::milliseconds(300);
    return c;
}

inline bool connected(const zk::client& c) { return c.session().state == zk::session_state::connected; }

/// The state in which a client of this configuration ends, which it must.
inline zk::session_info given_up(const zk::config& cfg) {
    loop l;
    zk::client c(l.io, cfg);
    c.start();
    const bool final = l.until([&] { return is_final(c.session().state); });
    CAPTURE(c.session().last_error.message());
    CAPTURE(c.session().message);
    REQUIRE(final);
    return c.session();
}

/// Ends a session from a second connection, with its id and password, by the other client.
inline void end_session(const std::string& servers, const zk::session_info& session) {
    std::string password;
    for (const auto b : session.password) password += fmt::format("{:02x}", b);
    run_kazoo("close_session.py", {servers, fmt::format("{}", session.id), password});
}

}    // namespace muster::test
