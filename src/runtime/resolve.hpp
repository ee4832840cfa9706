// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include "runtime/world.hpp"

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace muster::runtime {

/// Gives the addresses of a name, however long that takes. It is called on a thread of its own, which may go on after the
/// context of who asked is gone: it must own all that it uses.
using blocking_resolver = std::function<std::vector<endpoint>(const std::string& host, std::uint16_t port, error_code& ec)>;

/// The system's.
std::vector<endpoint> system_resolver(const std::string& host, std::uint16_t port, error_code& ec);

/// Resolves a name on a thread of its own: those who ask for one that is being resolved get the same answer. Counts as work of
/// the context of `ex`. Cancelling through the handler's slot gives up at once with `operation_aborted`. The context does not
/// wait for the thread when it is destroyed: a name server that is silent keeps `getaddrinfo` for many seconds, and nothing ends
/// it.
void async_resolve(const asio::any_io_executor& ex, const std::string& host, std::uint16_t port, resolve_handler h,
                   const blocking_resolver& resolver = system_resolver);

}    // namespace muster::runtime
