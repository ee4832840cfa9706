// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include <string_view>

namespace muster::embedded {

/// Where a server's bytes for one client go. Called from within calls to a server or an ensemble; must not call back into them.
class connection_sink {
public:
    connection_sink() = default;
    connection_sink(const connection_sink&) = delete;
    connection_sink& operator=(const connection_sink&) = delete;
    virtual ~connection_sink() = default;

    /// More bytes for the client, to go behind those sent before. Valid during the call only.
    virtual void send(std::string_view bytes) = 0;

    /// The connection is to be closed behind what was sent. The server has forgotten it already, and the sink is not called
    /// again.
    virtual void close() = 0;
};

}    // namespace muster::embedded
