// Part of muster. Boost Software License 1.0, see LICENSE.
#include "embedded/embedded_server_settings.hpp"

#include <boost/asio/ip/address.hpp>
#include <boost/system/system_error.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace muster::detail {
namespace {

using namespace std::chrono_literals;

constexpr auto longest_timeout = std::chrono::hours(24 * 24);
constexpr std::size_t smallest_frame = 1024;
constexpr std::size_t largest_reply = 16 * 1024 * 1024;

void require(bool holds, const char* name, const std::string& value, const char* expected) {
    if (holds) return;
    throw boost::system::system_error(zk::client_errc::invalid_argument,
                                      fmt::format("{} of {}: expected {}", name, value, expected));
}

/// As `digest_id` writes the one of "super".
bool is_super_digest(std::string_view s) {
    constexpr std::string_view user = "super:";
    constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    constexpr std::size_t size = 27;    // of a SHA-1, and a '=' behind it
    return s.starts_with(user) && s.size() == user.size() + size + 1 && s.ends_with('=') &&
           s.substr(user.size(), size).find_first_not_of(digits) == std::string_view::npos;
}

}    // namespace

embedded_server_params checked(embedded_server_params p) {
    error_code not_an_address;
    asio::ip::make_address(p.address, not_an_address);
    require(!not_an_address, "address", "'" + p.address + "'", "an IP address, as 127.0.0.1, 0.0.0.0 or ::1");
    const auto range = [](const char* name, std::chrono::milliseconds value) {
        require(value >= 1ms && value <= longest_timeout, name, fmt::format("{} ms", value.count()), "1 ms to 24 days");
    };
    range("tick", p.tick);
    range("min_session_timeout", p.min_session_timeout);
    range("max_session_timeout", p.max_session_timeout);
    range("cleanup_interval", p.cleanup_interval);
    require(p.max_session_timeout >= p.min_session_timeout, "max_session_timeout",
            fmt::format("{} ms", p.max_session_timeout.count()), "at least min_session_timeout");
    require(p.max_frame >= smallest_frame && p.max_frame <= INT32_MAX, "max_frame", fmt::format("{} bytes", p.max_frame),
            "1024 to 2147483647");
    // Its value is not told: the likeliest mistake is to write the password itself.
    require(p.super_digest.empty() || is_super_digest(p.super_digest), "super_digest",
            fmt::format("{} characters", p.super_digest.size()), "\"super:\" and the Base64 of the SHA-1 of \"super:PASSWORD\"");
    return p;
}

embedded::settings settings_of(const embedded_server_params& p) {
    embedded::settings s;
    s.tick = p.tick;
    s.min_session_timeout = p.min_session_timeout;
    s.max_session_timeout = p.max_session_timeout;
    s.max_frame = p.max_frame;
    s.max_pending = std::max(largest_reply, p.max_frame);
    // Those of one request are told before anybody can read them, into strings that take up to twice what they hold.
    s.max_events = std::max(largest_reply, p.max_unread_total / 2);
    s.extended_types = true;
    s.container_check_interval = p.cleanup_interval;
    s.read_only_mode = true;
    s.super_digest = p.super_digest;
    return s;
}

}    // namespace muster::detail
