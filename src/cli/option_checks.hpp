// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include "cli/command_line.hpp"
#include "cli/options.hpp"

#include <stdexcept>
#include <string>
#include <vector>

namespace muster::cli {

/// A value that the command cannot work with.
struct usage_error : std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// What the options of command `what` mean, which were given to `a`. Throws `usage_error` with the value and what was expected.
options check(command what, const CLI::App& a, raw_options raw, std::vector<std::string> program);

}    // namespace muster::cli
