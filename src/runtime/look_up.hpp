// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include "runtime/world.hpp"

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace muster::runtime {

/// Asks for the addresses of a name, and waits for the answer. It is called on a thread of its own, which may go on after the
/// context of who asked is gone: it must own all that it uses.
using ask_for_addresses = std::function<std::vector<endpoint>(const std::string& host, std::uint16_t port, error_code& ec)>;

/// What the system's resolver says.
std::vector<endpoint> ask_system(const std::string& host, std::uint16_t port, error_code& ec);

/// Looks a name up, on a thread per name: those who ask for one that is being looked up get the same answer. Counts as work of
/// the context of `ex`. Cancelling through the handler's slot (terminal) gives up at once with `operation_aborted`. The context
/// does not wait for the thread when it is destroyed: a name server that is silent keeps `getaddrinfo` for many seconds, and
/// nothing ends it.
void look_up(const asio::any_io_executor& ex, const std::string& host, std::uint16_t port, resolve_handler h,
             const ask_for_addresses& ask = ask_system);

}    // namespace muster::runtime
