// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include "runtime/tls_credentials.hpp"
#include "runtime/world.hpp"

#include <cstdint>
#include <memory>
#include <string>

namespace muster::runtime {

/// TLS over another stream. Before anything is read or written: `async_handshake`.
///
/// `close()` tells the peer if the stream below takes that at once, and then closes that; a handshake under way completes with
/// an error then. Errors that mean something in TLS are `zk::tls_errc`, others are those of the stream below.
class secure_stream : public byte_stream {
public:
    virtual void async_handshake(void_handler h) = 0;
};

/// The peer as the user named it.
struct tls_peer {
    std::string host;
    std::uint16_t port = 0;
};

/// Prepares TLS over `below`, whose handlers run on `ex`. `today` is the time at which certificates have to be valid.
std::shared_ptr<secure_stream> make_tls_stream(const asio::any_io_executor& ex, std::shared_ptr<byte_stream> below,
                                               const zk::tls_options& options, tls_credentials::context_ptr context,
                                               const tls_peer& peer, wall_time_point today);

}    // namespace muster::runtime
