// Part of muster. Boost Software License 1.0, see LICENSE.
#include "embedded/java_strings.hpp"

#include <algorithm>
#include <bit>

namespace muster::embedded {

std::uint32_t take_code_point(std::string_view& text) noexcept {
    constexpr std::uint32_t replacement = 0xfffd;
    const auto byte = [&](std::size_t i) { return static_cast<std::uint32_t>(static_cast<unsigned char>(text[i])); };
    const std::uint32_t first = byte(0);
    if (first < 0x80) {
        text.remove_prefix(1);
        return first;
    }
    std::size_t length = 0;
    std::uint32_t value = 0;
    std::uint32_t least = 0;
    if (first >= 0xf0 && first < 0xf8) {
        length = 4;
        value = first & 0x07;
        least = 0x10000;
    } else if (first >= 0xe0 && first < 0xf0) {
        length = 3;
        value = first & 0x0f;
        least = 0x800;
    } else if (first >= 0xc0 && first < 0xe0) {
        length = 2;
        value = first & 0x1f;
        least = 0x80;
    } else {
        text.remove_prefix(1);
        return replacement;
    }
    for (std::size_t i = 1; i < length; ++i) {
        if (i >= text.size() || (byte(i) & 0xc0) != 0x80) {
            text.remove_prefix(i);
            return replacement;
        }
        value = value << 6 | (byte(i) & 0x3f);
    }
    text.remove_prefix(length);
    return value < least ? replacement : value;
}

bool is_znode_path(std::string_view path) noexcept {
    if (path.empty() || path.front() != '/') return false;
    if (path == "/") return true;
    if (path.back() == '/') return false;
    for (std::size_t begin = 1; begin <= path.size();) {
        const std::size_t end = std::min(path.find('/', begin), path.size());
        std::string_view name = path.substr(begin, end - begin);
        if (name.empty() || name == "." || name == "..") return false;
        while (!name.empty()) {
            const std::uint32_t c = take_code_point(name);
            if (c <= 0x1f || (c >= 0x7f && c <= 0x9f) || (c >= 0xd800 && c <= 0xf8ff) || c >= 0xfff0) return false;
        }
        begin = end + 1;
    }
    return true;
}

std::int32_t java_hash(std::string_view utf8) noexcept {
    std::uint32_t hash = 0;
    while (!utf8.empty()) {
        const std::uint32_t c = take_code_point(utf8);
        if (c < 0x10000) {
            hash = hash * 31 + c;
        } else {
            hash = hash * 31 + (0xd800 + ((c - 0x10000) >> 10 & 0x3ff));
            hash = hash * 31 + (0xdc00 + (c & 0x3ff));
        }
    }
    return static_cast<std::int32_t>(hash);
}

std::size_t java_bucket(std::int32_t hash, std::size_t buckets) noexcept {
    const auto h = static_cast<std::uint32_t>(hash);
    return (h ^ h >> 16) & (buckets - 1);
}

std::size_t java_buckets_of_copy(std::size_t n) noexcept { return std::bit_ceil(n * 4 / 3 + 1); }

}    // namespace muster::embedded
