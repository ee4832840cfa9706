// Part of muster. Boost Software License 1.0, see LICENSE.
//
// The two servers that are compared, as a client of bytes sees them.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace muster::test {

/// A connection to a server.
class wire {
public:
    virtual ~wire() = default;
    virtual void send(std::string_view bytes) = 0;
    /// The content of the next frame; none if the server has closed the connection. Throws `std::runtime_error` if neither
    /// happens for long.
    virtual std::optional<std::string> next_frame() = 0;
};

class server_under_test {
public:
    virtual ~server_under_test() = default;
    virtual std::string_view name() const = 0;
    virtual std::unique_ptr<wire> connect() = 0;
    /// Lets it do what is due by now.
    virtual void pass_time() = 0;
};

/// Apache's, as a child process.
std::unique_ptr<server_under_test> make_apache();

/// Ours, without sockets.
std::unique_ptr<server_under_test> make_embedded(std::uint64_t seed);

}    // namespace muster::test
