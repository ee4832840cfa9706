// Part of muster. Boost Software License 1.0, see LICENSE.
//
// Carries a machine's request to a client, and the state of the client's session to the machine.
#pragma once

#include <muster/zk/client.hpp>

#include "registry/request.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>

#include <functional>

namespace muster::registry {

/// The watcher is empty where the request asked for no watch, or set none.
using perform_handler = std::function<void(reply, zk::watcher)>;

/// Performs `r` on `c`; `h` is called on `ex`, never inline. Emitting through `slot` withdraws what is not sent yet.
void perform(zk::client& c, const boost::asio::any_io_executor& ex, boost::asio::cancellation_slot slot, request r,
             perform_handler h);

/// The state as machines are to know it, which tell by it alone whether another follows: an expiry can be the last one.
inline zk::session_state state_to_follow(const zk::session_info& s) noexcept {
    return s.ended ? zk::session_state::closed : s.state;
}

}    // namespace muster::registry
