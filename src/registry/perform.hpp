// Part of muster. Boost Software License 1.0, see LICENSE.
//
// Carries a machine's request to a client.
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

}    // namespace muster::registry
