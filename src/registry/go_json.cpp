// Part of muster. Boost Software License 1.0, see LICENSE.
#include "registry/go_json.hpp"

#include <muster/error.hpp>

#include "registry/text.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/parse_options.hpp>
#include <boost/json/parser.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>

namespace muster::registry {
namespace {

namespace json = boost::json;

constexpr std::size_t max_depth = 32;

/// The code unit of the escape \uXXXX that `s` begins with.
std::optional<unsigned> escaped_unit(std::string_view s) {
    if (s.size() < 6 || s[0] != '\\' || s[1] != 'u') return std::nullopt;
    unsigned unit = 0;
    const auto [end, ec] = std::from_chars(s.data() + 2, s.data() + 6, unit, 16);
    if (ec != std::errc{} || end != s.data() + 6) return std::nullopt;
    return unit;
}

/// Writes \ufffd for the escapes of surrogates that are not part of a pair, which Boost.JSON 1.81 refuses.
std::string repair_surrogates(std::string_view s) {
    std::string out;
    out.reserve(s.size());
    while (!s.empty()) {
        const auto unit = escaped_unit(s);
        std::size_t taken = s.size() > 1 && s[0] == '\\' ? 2 : 1;    // an escape as a whole: "\\u" is a backslash and a u
        if (unit && *unit >= 0xD800 && *unit <= 0xDFFF) {
            const auto next = escaped_unit(s.substr(6));
            const bool pair = *unit <= 0xDBFF && next && *next >= 0xDC00 && *next <= 0xDFFF;
            taken = pair ? 12 : 6;
            out += pair ? s.substr(0, 12) : std::string_view("\\ufffd");
        } else {
            out += s.substr(0, taken);
        }
        s.remove_prefix(taken);
    }
    return out;
}

}    // namespace

void append_go_string(std::string& out, std::string_view s) {
    out += '"';
    while (!s.empty()) {
        const rune r = first_rune(s);
        if (!r.valid) {
            out += "\\ufffd";
        } else if (r.value == '"' || r.value == '\\') {
            out += '\\';
            out += s.front();
        } else if (r.value == '\n') {
            out += "\\n";
        } else if (r.value == '\r') {
            out += "\\r";
        } else if (r.value == '\t') {
            out += "\\t";
        } else if (r.value < 0x20 || r.value == '<' || r.value == '>' || r.value == '&' || r.value == 0x2028 ||
                   r.value == 0x2029) {
            out += fmt::format("\\u{:04x}", static_cast<unsigned>(r.value));
        } else {
            out += s.substr(0, r.bytes);
        }
        s.remove_prefix(r.bytes);
    }
    out += '"';
}

result<json::value> parse_go_json(std::string_view data) {
    json::parse_options options;
    options.max_depth = max_depth;
    options.allow_invalid_utf8 = true;
    const auto fault = [](std::string message) { return diagnostic(registry_errc::malformed_data, std::move(message)); };
    if (data.empty()) return fault("data is empty, expected a JSON object");
    std::string repaired;
    if (data.find("\\u") != std::string_view::npos) {
        repaired = repair_surrogates(data);
        data = repaired;
    }
    json::parser parser(json::storage_ptr(), options);
    boost::system::error_code ec;
    const std::size_t parsed = parser.write(json::string_view(data.data(), data.size()), ec);
    if (ec) {
        const std::string why = ec == json::error::too_deep ? "nested too deeply" : ec.message();
        return fault(
            fmt::format("data of {} bytes is no JSON at byte {} ({}), expected a JSON object", data.size(), parsed, why));
    }
    return parser.release();
}

std::string repair_utf8(std::string_view s) {
    std::string out;
    out.reserve(s.size());
    while (!s.empty()) {
        const rune r = first_rune(s);
        out += r.valid ? s.substr(0, r.bytes) : std::string_view("\xEF\xBF\xBD");
        s.remove_prefix(r.bytes);
    }
    return out;
}

bool same_key(std::string_view a, std::string_view lower) noexcept {
    const auto equal = [](char x, char y) { return (x >= 'A' && x <= 'Z' ? static_cast<char>(x - 'A' + 'a') : x) == y; };
    return std::equal(a.begin(), a.end(), lower.begin(), lower.end(), equal);
}

}    // namespace muster::registry
