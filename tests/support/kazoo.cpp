// Part of muster. Boost Software License 1.0, see LICENSE.
#include "support/kazoo.hpp"

#include <iterator>
#include <stdexcept>
#include <utility>

namespace muster::test {

std::unique_ptr<process> start_kazoo(std::string_view script, std::vector<std::string> args) {
    // Debian's own python: another one that stands first in PATH does not see the package.
    std::vector<std::string> argv{"/usr/bin/python3", std::string(MUSTER_KAZOO_SCRIPTS "/").append(script)};
    argv.insert(argv.end(), std::make_move_iterator(args.begin()), std::make_move_iterator(args.end()));
    return std::make_unique<process>(std::move(argv));
}

std::string run_kazoo(std::string_view script, std::vector<std::string> args) {
    const auto p = start_kazoo(script, std::move(args));
    p->close_input();
    if (const int code = p->wait(std::chrono::seconds(30)); code != 0) {
        throw std::runtime_error(std::string(script) + " ended with exit code " + std::to_string(code) + ": " + p->err());
    }
    std::string out;
    for (const std::string& line : p->lines()) out += (out.empty() ? "" : "\n") + line;
    return out;
}

}    // namespace muster::test
