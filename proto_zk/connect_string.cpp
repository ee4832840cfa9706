// Part of muster. Boost Software License 1.0, see LICENSE.
#include <muster/zk/connect_string.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>

namespace muster::zk {
namespace {

// A value for a message: in quotes, with what does not print escaped, and cut where it is too long to be read.
std::string quoted(std::string_view value) {
    constexpr std::size_t max_shown = 200;
    std::string out = "\"";
    for (const char c : value.substr(0, max_shown)) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x20 || byte == 0x7f)
            out += fmt::format("\\x{:02x}", byte);
        else
            out += c;
    }
    out += value.size() > max_shown ? "\"..." : "\"";
    return out;
}

// The code point at the front of UTF-8 text, and its size. Malformed text gives U+FFFD, as which ZooKeeper would read it.
struct code_point {
    std::uint32_t value;
    std::size_t size;
};

code_point decode(std::string_view text) noexcept {
    constexpr code_point malformed{0xfffd, 1};
    const auto lead = static_cast<unsigned char>(text.front());
    if (lead < 0x80) return {lead, 1};

    const std::size_t size = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    if (lead < 0xc2 || lead > 0xf4 || text.size() < size) return malformed;
    std::uint32_t value = lead & (0xffU >> (size + 1));
    for (const char c : text.substr(1, size - 1)) {
        const auto byte = static_cast<unsigned char>(c);
        if ((byte & 0xc0) != 0x80) return malformed;
        value = value << 6 | (byte & 0x3f);
    }
    if ((size == 3 && value < 0x800) || (size == 4 && (value < 0x10000 || value > 0x10ffff))) return malformed;
    return {value, size};
}

// Java checks UTF-16, so everything beyond U+FFFF counts as surrogates, which are in its second range.
bool forbidden(std::uint32_t c) noexcept {
    return c < 0x20 || (c >= 0x7f && c <= 0x9f) || (c >= 0xd800 && c <= 0xf8ff) || c >= 0xfff0;
}

diagnostic invalid(std::string message) { return {client_errc::invalid_connect_string, std::move(message)}; }

// host, host:port, [ipv6] or [ipv6]:port, taken apart. `port` begins with the colon, if there is one.
struct address_parts {
    std::string_view host;
    std::string_view port;
};

result<address_parts> split(std::string_view address) {
    if (!address.starts_with('[')) {
        const auto colon = address.find(':');
        if (colon == address.npos) return address_parts{address, {}};
        if (address.find(':', colon + 1) != address.npos) {
            return invalid(
                fmt::format("{} has several colons; expected host:port, IPv6 addresses in brackets as in [::1]:2181, and "
                            "commas between servers",
                            quoted(address)));
        }
        return address_parts{address.substr(0, colon), address.substr(colon)};
    }
    const auto bracket = address.find(']');
    if (bracket == address.npos) return invalid(fmt::format("{} lacks the bracket that ends an IPv6 address", quoted(address)));
    const auto host = address.substr(1, bracket - 1);
    const auto port = address.substr(bracket + 1);
    const auto number = host.substr(0, host.find('%'));    // fe80::1%eth0 names an interface
    if (std::count(number.begin(), number.end(), ':') < 2 ||
        number.find_first_not_of("0123456789abcdefABCDEF:.") != number.npos || host.ends_with('%')) {
        return invalid(fmt::format("{} is not an IPv6 address; only those stand in brackets", quoted(host)));
    }
    if (!port.empty() && port.front() != ':')
        return invalid(fmt::format("{} follows an IPv6 address; expected a colon and a port, or nothing", quoted(port)));
    return address_parts{host, port};
}

result<host_port> parse_server(std::string_view address) {
    const auto parts = split(address);
    if (parts.has_error()) return parts.error();
    host_port server;

    server.host = parts->host;
    if (server.host.empty()) return invalid(fmt::format("{} lacks a host; expected host or host:port", quoted(address)));
    const auto illegal = std::find_if(server.host.begin(), server.host.end(), [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return byte <= 0x20 || byte == 0x7f || c == '[' || c == ']';
    });
    if (illegal != server.host.end()) {
        return invalid(fmt::format("host {} contains {}; expected a host name or address", quoted(server.host),
                                   *illegal == ' ' ? "a space" : quoted({&*illegal, 1})));
    }

    if (parts->port.empty()) return server;
    const auto port = parts->port.substr(1);
    const auto [end, ec] = std::from_chars(port.data(), port.data() + port.size(), server.port);
    if (ec != std::errc() || end != port.data() + port.size() || server.port == 0) {
        return invalid(
            fmt::format("port {} of server {} is invalid; expected a number from 1 to 65535", quoted(port), quoted(address)));
    }
    return server;
}

}    // namespace

result<connect_string> connect_string::parse(std::string_view text) {
    const auto refuse = [&](const std::string& why) { return invalid(fmt::format("connect string {}: {}", quoted(text), why)); };

    if (text.empty()) return refuse("it is empty; expected host1:port1,host2:port2/chroot");
    if (const auto scheme = text.find("://"); scheme != text.npos) {
        return refuse(fmt::format("{} is not understood; expected host1:port1,host2:port2/chroot without a scheme",
                                  quoted(text.substr(0, scheme + 3))));
    }

    connect_string parsed;
    const auto slash = text.find('/');
    std::string_view servers = text.substr(0, slash);
    if (slash != text.npos && slash + 1 < text.size()) {    // "host/" has no chroot, as in Java
        parsed.chroot_ = text.substr(slash);
        if (const auto fault = check_path(parsed.chroot_); !fault.empty()) return refuse("as a chroot, " + fault);
    }

    for (std::size_t number = 1;; ++number) {
        const auto comma = servers.find(',');
        const auto address = servers.substr(0, comma);
        if (address.empty()) return refuse(fmt::format("server {} is empty; expected host or host:port between commas", number));
        auto server = parse_server(address);
        if (server.has_error()) return refuse(server.error().message);
        parsed.hosts_.push_back(*std::move(server));
        if (comma == servers.npos) return parsed;
        servers.remove_prefix(comma + 1);
    }
}

std::string connect_string::to_string() const {
    std::string out;
    for (const auto& [host, port] : hosts_) {
        const bool brackets = host.find(':') != host.npos;
        out += fmt::format("{}{}{}{}:{}", out.empty() ? "" : ",", brackets ? "[" : "", host, brackets ? "]" : "", port);
    }
    return out + chroot_;
}

std::string check_path(std::string_view path, bool sequential) {
    const auto fault = [&](std::string_view what) { return fmt::format("path {} {}", quoted(path), what); };

    if (path.empty()) return fault("is empty; expected it to start with /");
    if (path.front() != '/') return fault("is relative; expected it to start with /");
    if (path == "/") return {};

    // Component by component. The counter belongs to the last one, so that "/a/" and "/a/." become legal.
    for (std::size_t begin = 1; begin <= path.size();) {
        const auto end = std::min(path.find('/', begin), path.size());
        const auto name = path.substr(begin, end - begin);
        const bool last = end == path.size();
        if (!(last && sequential)) {
            if (name.empty()) return fault(last ? "ends with a slash; expected a name behind it" : "has an empty component");
            if (name == "." || name == "..")
                return fault(fmt::format("has the component {}; relative paths are not allowed", quoted(name)));
        }
        begin = end + 1;
    }
    for (std::size_t at = 0; at < path.size();) {
        const auto [c, size] = decode(path.substr(at));
        if (forbidden(c)) return fault(fmt::format("contains U+{:04X} at byte {}, which ZooKeeper does not allow", c, at));
        at += size;
    }
    return {};
}

}    // namespace muster::zk
