// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include <muster/result.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace muster::zk {

/// One server of a connect string: a host name or address as written (IPv6 without its brackets), and a port.
struct host_port {
    std::string host;
    std::uint16_t port = 2181;

    host_port() = default;
    host_port(std::string host_, std::uint16_t port_) : host(std::move(host_)), port(port_) {}

    friend bool operator==(const host_port&, const host_port&) = default;
};

/// ZooKeeper's connect string, parsed: `host1:port1,host2:port2/chroot`. The port defaults to 2181; IPv6 addresses stand in
/// brackets; the chroot is optional.
class connect_string {
public:
    /// Parses `text`. Errors: `client_errc::invalid_connect_string`, with a message that names the part in error.
    static result<connect_string> parse(std::string_view text);

    /// Parses `text`; throws `boost::system::system_error` where `parse` gives an error.
    connect_string(std::string_view text) : connect_string(parse(text).value()) {}
    connect_string(const char* text) : connect_string(std::string_view(text)) {}
    connect_string(const std::string& text) : connect_string(std::string_view(text)) {}

    /// The servers, in the order written; never empty.
    const std::vector<host_port>& hosts() const noexcept { return hosts_; }

    /// Path that all operations are relative to: empty, or a legal path without a slash at its end.
    const std::string& chroot() const noexcept { return chroot_; }

    /// The canonical text.
    std::string to_string() const;

    friend bool operator==(const connect_string&, const connect_string&) = default;

private:
    connect_string() = default;

    std::vector<host_port> hosts_;
    std::string chroot_;
};

/// Checks a path: it starts with `/`, has no empty, `.` or `..` component, no slash at its end (unless it is `/`, or
/// `sequential`: then a counter is appended), and no control or reserved characters.
/// Returns an empty string if `path` is legal, else a sentence that names the fault.
std::string check_path(std::string_view path, bool sequential = false);

}    // namespace muster::zk
