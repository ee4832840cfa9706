// Part of muster. Boost Software License 1.0, see LICENSE.
//
// Values as people write them on a command line.
#pragma once

#include <muster/result.hpp>

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace muster::cli {

/// A whole number. Errors: a message that names the option, the value and what was expected.
result<std::uint32_t> parse_number(std::string_view option, std::string_view text, std::uint32_t least, std::uint32_t most);

/// A duration of at least `least`: a whole number with a unit, as in `500ms`, `10s`, `2m` or `1h`. A number alone is refused,
/// since half of those who write one mean milliseconds and the others seconds. Errors: as `parse_number`.
result<std::chrono::milliseconds> parse_duration(std::string_view option, std::string_view text, std::chrono::milliseconds least);

/// As `parse_duration` reads it.
std::string to_text(std::chrono::milliseconds d);

}    // namespace muster::cli
