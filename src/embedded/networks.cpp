// Part of muster. Boost Software License 1.0, see LICENSE.
#include "embedded/networks.hpp"

#include <charconv>
#include <system_error>

namespace muster::embedded {
namespace {

// Integer.parseInt.
std::optional<int> parse_int(std::string_view s) {
    if (s.starts_with('+')) {
        s.remove_prefix(1);
        if (s.starts_with('-')) return std::nullopt;
    }
    int v = 0;
    const auto [end, ec] = std::from_chars(s.data(), s.data() + s.size(), v);
    if (ec != std::errc() || end != s.data() + s.size()) return std::nullopt;
    return v;
}

}    // namespace

std::optional<std::uint32_t> parse_address(std::string_view s) {
    std::uint32_t address = 0;
    for (int part = 0; part < 4; ++part) {
        const std::size_t dot = s.find('.');
        if ((dot == s.npos) != (part == 3)) return std::nullopt;
        const auto v = parse_int(s.substr(0, dot));
        if (!v || *v < 0 || *v > 255) return std::nullopt;
        address = address << 8 | static_cast<std::uint32_t>(*v);
        s.remove_prefix(part == 3 ? s.size() : dot + 1);
    }
    return address;
}

std::optional<network> parse_network(std::string_view s) {
    const std::size_t slash = s.find('/');
    const auto address = parse_address(s.substr(0, slash));
    if (!address) return std::nullopt;
    int bits = 32;
    if (slash != s.npos) {
        const auto v = parse_int(s.substr(slash + 1));
        if (!v || *v < 0 || *v > 32) return std::nullopt;
        bits = *v;
    }
    return network{*address & mask_of(bits), bits};
}

}    // namespace muster::embedded
