// Part of muster. Boost Software License 1.0, see LICENSE.
//
// The server's end of TLS over a connection of the virtual world.
#pragma once

#include "support/certificates.hpp"
#include "support/sim_world.hpp"

#include <memory>
#include <string>
#include <string_view>

struct ssl_st;
struct ssl_ctx_st;

namespace muster::test {

/// How a server does TLS.
struct tls_policy {
    certificate own;
    std::string client_authority;    ///< Not empty: clients must have a certificate signed by it.
    bool only_1_2 = false;
};

/// TLS as the server does it. It acts when the test says so.
class tls_end {
public:
    tls_end(std::shared_ptr<sim_peer> peer, const tls_policy& policy);

    /// Takes what came, and answers it. True if there was anything.
    bool step();
    /// From now on a step takes so many bytes at most.
    void limit(std::size_t bytes) noexcept { most_ = bytes; }

    bool established() const;
    /// The client said that it is the end.
    bool told_of_end() const;
    /// The name that the client asked for.
    std::string asked_for() const;
    /// What the client sent, in plain.
    std::string take() { return std::exchange(plain_, {}); }
    void send(std::string_view bytes);

    sim_peer& peer() noexcept { return *peer_; }
    /// All that ever came over the wire.
    const std::string& wire() const noexcept { return wire_; }

private:
    void flush();

    std::shared_ptr<sim_peer> peer_;
    std::shared_ptr<ssl_ctx_st> context_;
    std::shared_ptr<ssl_st> ssl_;
    std::string plain_;
    std::string wire_;
    std::size_t most_ = static_cast<std::size_t>(-1);
    bool failed_ = false;
};

}    // namespace muster::test
