// Part of muster. Boost Software License 1.0, see LICENSE.
//
// Addresses as ACLs of scheme `ip` have them: IPv4 only, as Apache's server.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace muster::embedded {

/// The addresses that begin with the same bits.
struct network {
    std::uint32_t address = 0;    ///< The bits behind the first `length` are 0.
    int length = 32;              ///< Of the prefix, in bits.
};

/// The mask of the first `length` bits, 0 to 32.
constexpr std::uint32_t mask_of(int length) noexcept { return length == 0 ? 0 : ~std::uint32_t{0} << (32 - length); }

/// "127.0.0.1"
std::optional<std::uint32_t> parse_address(std::string_view s);

/// "127.0.0.1" or "10.0.0.0/8"
std::optional<network> parse_network(std::string_view s);

}    // namespace muster::embedded
