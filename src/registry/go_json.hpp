// Part of muster. Boost Software License 1.0, see LICENSE.
//
// JSON as Go's encoding/json writes and reads it, where it differs from what Boost.JSON does by itself.
#pragma once

#include <muster/result.hpp>

#include <boost/json/value.hpp>

#include <string>
#include <string_view>

namespace muster::registry {

/// Appends `s` as a JSON string, escaped as json.Marshal does: also `<`, `>`, `&`, U+2028 and U+2029; \ufffd for each byte
/// that is not UTF-8.
void append_go_string(std::string& out, std::string_view s);

/// Parses a document. Escapes of lone surrogates mean U+FFFD, as in Go; bytes that are not UTF-8 are kept (`repair_utf8`).
/// Errors: `registry_errc::malformed_data`; the message does not show the data, which may hold a password.
result<boost::json::value> parse_go_json(std::string_view data);

/// `s` with U+FFFD for each byte that is not UTF-8.
std::string repair_utf8(std::string_view s);

/// True if the keys differ in the case of letters at most.
bool same_key(std::string_view a, std::string_view lower) noexcept;

}    // namespace muster::registry
