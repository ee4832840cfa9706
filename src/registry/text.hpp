// Part of muster. Boost Software License 1.0, see LICENSE.
//
// UTF-8, and text from outside made fit for a message.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace muster::registry {

/// The first character of a text.
struct rune {
    char32_t value = 0xFFFD;
    std::size_t bytes = 1;    ///< How many it takes; 1 where it is not valid.
    bool valid = false;
};

/// Reads the first character of `s` as Go does: every byte that does not begin a valid sequence is a fault of its own.
/// Precondition: `s` is not empty.
rune first_rune(std::string_view s) noexcept;

/// True for the control characters of ASCII and Latin-1.
constexpr bool is_control(char32_t c) noexcept { return c < 0x20 || (c >= 0x7F && c <= 0x9F); }

/// True if all of `s` is valid.
bool is_utf8(std::string_view s) noexcept;

/// What keeps `s` from being plain text, as in "contains the control character U+0001"; nothing if it is.
std::string fault_of(std::string_view s);

/// `s` in quotes, shortened where it is long and without control characters, for messages.
std::string quoted(std::string_view s);

}    // namespace muster::registry
