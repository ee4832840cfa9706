// Part of muster. Boost Software License 1.0, see LICENSE.
//
// Runs the muster command under test.
#pragma once

#include "support/process.hpp"

#include <boost/json.hpp>

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace muster::test {

/// How a command ended, and what it said.
struct command_result {
    int code = -1;
    std::vector<std::string> out;
    std::string err;

    /// The `i`-th line of output, which must be a JSON object.
    boost::json::object object(std::size_t i = 0) const { return boost::json::parse(out.at(i)).as_object(); }
};

/// Starts `muster` with these arguments, and with `environment` ("NAME=value") added to its own.
inline std::unique_ptr<process> start_muster(std::vector<std::string> args, std::vector<std::string> environment = {}) {
    std::vector<std::string> argv{"env", "-u", "MUSTER_ZK", "-u", "MUSTER_USERPWD"};
    argv.insert(argv.end(), environment.begin(), environment.end());
    argv.emplace_back(MUSTER_COMMAND);
    argv.insert(argv.end(), args.begin(), args.end());
    return std::make_unique<process>(std::move(argv));
}

/// Waits for the end of a command.
inline command_result finish(process& p, std::chrono::milliseconds timeout = std::chrono::seconds(20)) {
    command_result r;
    r.code = p.wait(timeout);
    r.out = p.lines();
    r.err = p.err();
    return r;
}

/// Runs `muster` to its end.
inline command_result run_muster(std::vector<std::string> args, std::vector<std::string> environment = {}) {
    return finish(*start_muster(std::move(args), std::move(environment)));
}

/// Runs `muster` on a terminal. Its lines come without the carriage returns of the terminal.
inline command_result run_on_terminal(const std::string& args) {
    process p({"script", "-qec", MUSTER_COMMAND " " + args, "/dev/null"});
    command_result r = finish(p);
    for (std::string& line : r.out) std::erase(line, '\r');
    return r;
}

/// The next event of that name.
inline boost::json::object wait_event(process& p, std::string_view name,
                                      std::chrono::milliseconds timeout = std::chrono::seconds(10)) {
    const std::string begin = "{\"event\":\"" + std::string(name) + "\"";
    const auto line = p.wait_line([&](std::string_view l) { return l.starts_with(begin); }, timeout);
    return boost::json::parse(line).as_object();
}

}    // namespace muster::test
