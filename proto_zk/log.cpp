// Part of muster. Boost Software License 1.0, see LICENSE.
#include <muster/zk/log.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace muster::zk {
namespace {

constexpr const char* levels[] = {"debug", "info", "warning", "error", "off"};

}    // namespace

const char* to_string(log_level l) noexcept { return levels[static_cast<std::size_t>(l)]; }

std::optional<log_level> parse_log_level(std::string_view name) noexcept {
    const auto* const found = std::find(std::begin(levels), std::end(levels), name);
    if (found == std::end(levels)) return std::nullopt;
    return static_cast<log_level>(found - std::begin(levels));
}

std::string to_string(const log_record& r) {
    std::string out(r.message);
    const auto to = std::back_inserter(out);
    if (!r.server.empty()) fmt::format_to(to, " server={}", r.server);
    if (r.session != 0) fmt::format_to(to, " session={:#x}", static_cast<std::uint64_t>(r.session));
    if (r.count) fmt::format_to(to, " count={}", *r.count);
    if (r.duration) fmt::format_to(to, " duration={:.1f}ms", std::chrono::duration<double, std::milli>(*r.duration).count());
    if (r.error) fmt::format_to(to, " error=\"{}\"", r.error.message());
    return out;
}

}    // namespace muster::zk
