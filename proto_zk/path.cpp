// Part of muster. Boost Software License 1.0, see LICENSE.
#include "proto_zk/path.hpp"

#include <algorithm>
#include <charconv>
#include <limits>
#include <tuple>

namespace muster::zk::proto {

std::string to_server(std::string_view chroot, std::string path) {
    if (chroot.empty() || path == config_path) return path;
    if (path == "/") return std::string(chroot);
    std::string out;
    out.reserve(chroot.size() + path.size());
    out.append(chroot).append(path);
    return out;
}

std::string_view to_client(std::string_view chroot, std::string_view path) noexcept {
    if (chroot.empty() || path == config_path || !within(chroot, path)) return path;
    return path.size() == chroot.size() ? "/" : path.substr(chroot.size());
}

bool within(std::string_view chroot, std::string_view path) noexcept {
    if (!path.starts_with(chroot)) return false;
    // "/ab" is no ancestor of "/abc", which Java's client takes it for.
    return chroot.empty() || path.size() == chroot.size() || path[chroot.size()] == '/';
}

std::string_view parent_of(std::string_view path) noexcept {
    const auto slash = path.rfind('/');
    if (slash == path.npos || path == "/") return {};
    return slash == 0 ? path.substr(0, 1) : path.substr(0, slash);
}

std::string_view name_of(std::string_view path) noexcept {
    return path.substr(path.rfind('/') + 1);    // npos + 1 is 0
}

std::optional<std::int32_t> sequence_of(std::string_view name) noexcept {
    constexpr std::size_t width = 10;
    if (name.size() < width) return std::nullopt;
    const std::string_view digits = name.substr(name.size() - width);

    std::int64_t value = 0;
    const auto [end, ec] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (ec != std::errc() || end != digits.data() + digits.size()) return std::nullopt;

    constexpr std::int64_t max = std::numeric_limits<std::int32_t>::max();
    if (value > max) {
        // Too large, unless it is the rest of a negative number with ten digits.
        const bool negative = name.size() > width && name[name.size() - width - 1] == '-';
        if (!negative || value > max + 1) return std::nullopt;
        value = -value;
    }
    return static_cast<std::int32_t>(value);
}

void sort_by_sequence(std::vector<std::string>& names) {
    const auto key = [](const std::string& name) {
        const auto sequence = sequence_of(name);
        // As unsigned numbers, the negative ones continue where the positive ones end.
        return std::tuple(!sequence.has_value(), static_cast<std::uint32_t>(sequence.value_or(0)));
    };
    std::sort(names.begin(), names.end(), [&](const std::string& a, const std::string& b) {
        const auto ka = key(a);
        const auto kb = key(b);
        return ka != kb ? ka < kb : a < b;
    });
}

}    // namespace muster::zk::proto
