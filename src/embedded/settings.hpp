// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>

namespace muster::embedded {

/// How an ensemble behaves. Names in parentheses are those of Apache's configuration, whose defaults these are.
struct settings {
    /// Granularity of session expiry (tickTime).
    std::chrono::milliseconds tick{2000};

    /// Shortest timeout that is granted (minSessionTimeout); 0: two ticks.
    std::chrono::milliseconds min_session_timeout{0};

    /// Longest timeout that is granted (maxSessionTimeout); 0: twenty ticks.
    std::chrono::milliseconds max_session_timeout{0};

    /// Largest content of a frame that a client may send (jute.maxbuffer). Larger ones close their connection.
    std::size_t max_frame = 0xfffff;

    /// Largest reply, most that one call may tell a connection in events, and most that is kept for one while a server lags. What
    /// exceeds it closes the connection.
    std::size_t max_pending = 64 * 1024 * 1024;

    /// Events of all connections of a server, in bytes, that one call may cause, as a transaction of many writes that all watch.
    /// Where it would be more, those that were told most are closed.
    std::size_t max_events = 256 * 1024 * 1024;

    /// Connections at a time to one server; 0: any number. Further ones are closed (maxCnxns).
    std::size_t max_connections = 0;

    /// How long a connection may take to say what it wants: to send a whole connect request or four letter word. Slower ones are
    /// closed (zookeeper.nio.sessionlessCnxnTimeout).
    std::chrono::milliseconds greeting_timeout{10000};

    /// Allows znodes with a time to live (extendedTypesEnabled). Without it their creation is answered with `unimplemented`.
    bool extended_types = false;

    /// How often containers without children and znodes that outlived themselves are deleted (znode.container.checkIntervalMs).
    std::chrono::milliseconds container_check_interval{60000};

    /// Deletes containers that never had a child after so long; 0: never (znode.container.maxNeverUsedIntervalMs).
    std::chrono::milliseconds container_never_used{0};

    /// A server without a quorum serves reads to clients that accept that (readonlymode.enabled). Otherwise it refuses clients.
    bool read_only_mode = false;

    /// Answers `reconfig` as a standalone server with reconfigEnabled does: `unimplemented` instead of `reconfig_disabled`.
    bool reconfig_enabled = false;

    /// "super:" and the digest of "super:password" (DigestAuthenticationProvider.superDigest); empty: nobody is super.
    std::string super_digest;
};

}    // namespace muster::embedded
