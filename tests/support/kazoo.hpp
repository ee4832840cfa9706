// Part of muster. Boost Software License 1.0, see LICENSE.
//
// The other client: python3-kazoo, which shares no line with muster. The scripts are in tests/integration/kazoo, and say
// themselves what they take and print.
#pragma once

#include "support/process.hpp"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace muster::test {

/// Starts `script` ("seed_register.py") and gives it the rest as arguments.
std::unique_ptr<process> start_kazoo(std::string_view script, std::vector<std::string> args);

/// Runs `script` to its end and gives its standard output without the last newline. Throws `std::runtime_error`, with all it
/// said, if it fails.
std::string run_kazoo(std::string_view script, std::vector<std::string> args);

}    // namespace muster::test
