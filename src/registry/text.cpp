// Part of muster. Boost Software License 1.0, see LICENSE.
#include "registry/text.hpp"

#include <fmt/format.h>

#include <cstdint>

namespace muster::registry {

rune first_rune(std::string_view s) noexcept {
    const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(s[i]); };
    const std::uint8_t lead = byte(0);
    if (lead < 0x80) return {lead, 1, true};
    // Least and greatest second byte: they exclude overlong forms, surrogates and what is above U+10FFFF.
    std::size_t bytes = 0;
    std::uint8_t low = 0x80;
    std::uint8_t high = 0xBF;
    if (lead >= 0xC2 && lead <= 0xDF) bytes = 2;
    if (lead >= 0xE0 && lead <= 0xEF) bytes = 3;
    if (lead >= 0xF0 && lead <= 0xF4) bytes = 4;
    if (lead == 0xE0) low = 0xA0;
    if (lead == 0xED) high = 0x9F;
    if (lead == 0xF0) low = 0x90;
    if (lead == 0xF4) high = 0x8F;
    if (bytes == 0 || s.size() < bytes || byte(1) < low || byte(1) > high) return {};
    char32_t value = lead & (0x7Fu >> bytes);
    for (std::size_t i = 1; i < bytes; ++i) {
        if (byte(i) < 0x80 || byte(i) > 0xBF) return {};
        value = (value << 6) | (byte(i) & 0x3Fu);
    }
    return {value, bytes, true};
}

bool is_utf8(std::string_view s) noexcept {
    while (!s.empty()) {
        const rune r = first_rune(s);
        if (!r.valid) return false;
        s.remove_prefix(r.bytes);
    }
    return true;
}

std::string fault_of(std::string_view s) {
    while (!s.empty()) {
        const rune r = first_rune(s);
        if (!r.valid) return "is not UTF-8";
        if (is_control(r.value)) return fmt::format("contains the control character U+{:04X}", static_cast<unsigned>(r.value));
        s.remove_prefix(r.bytes);
    }
    return {};
}

std::string quoted(std::string_view s) {
    constexpr std::size_t most = 60;
    std::string out = "'";
    while (!s.empty()) {
        if (out.size() > most) return out + "...'";
        const rune r = first_rune(s);
        if (!r.valid || is_control(r.value)) {
            out += fmt::format("\\x{:02x}", r.valid ? static_cast<unsigned>(r.value) : static_cast<unsigned char>(s.front()));
        } else {
            out += s.substr(0, r.bytes);
        }
        s.remove_prefix(r.bytes);
    }
    return out + "'";
}

}    // namespace muster::registry
