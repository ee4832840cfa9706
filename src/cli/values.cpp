// Part of muster. Boost Software License 1.0, see LICENSE.
#include "cli/values.hpp"

#include <muster/zk/error.hpp>

#include "registry/text.hpp"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <optional>

namespace muster::cli {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds longest{2'147'483'647};    // what ZooKeeper's protocol can say

struct unit {
    std::string_view name;
    std::int64_t in_milliseconds;
};
constexpr std::array units{unit{"ms", 1}, unit{"s", 1'000}, unit{"m", 60'000}, unit{"h", 3'600'000}};

diagnostic wrong(std::string_view option, std::string_view text, std::string_view expected) {
    return {zk::client_errc::invalid_argument, fmt::format("{} {}: expected {}", option, registry::quoted(text), expected)};
}

/// Takes the digits at the front of `text` away.
std::optional<std::int64_t> take_number(std::string_view& text) {
    std::int64_t n = 0;
    const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), n);
    if (ec != std::errc{} || n < 0) return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    return n;
}

}    // namespace

result<std::uint32_t> parse_number(std::string_view option, std::string_view text, std::uint32_t least, std::uint32_t most) {
    std::string_view rest = text;
    const auto n = take_number(rest);
    if (!n || !rest.empty() || *n < least || *n > most)
        return wrong(option, text, fmt::format("a whole number from {} to {}", least, most));
    return static_cast<std::uint32_t>(*n);
}

result<milliseconds> parse_duration(std::string_view option, std::string_view text, milliseconds least) {
    std::string_view rest = text;
    const auto n = take_number(rest);
    for (const unit& u : units) {
        if (!n || rest != u.name) continue;
        if (*n > longest.count() / u.in_milliseconds || milliseconds(*n * u.in_milliseconds) < least)
            return wrong(option, text, fmt::format("{} to 24 days", to_text(least)));
        return milliseconds(*n * u.in_milliseconds);
    }
    return wrong(option, text, "a whole number with a unit, as in 500ms, 10s or 2m");
}

std::string to_text(milliseconds d) {
    const unit* best = &units.front();
    for (const unit& u : units) {
        if (d.count() != 0 && d.count() % u.in_milliseconds == 0) best = &u;
    }
    return fmt::format("{}{}", d.count() / best->in_milliseconds, best->name);
}

}    // namespace muster::cli
