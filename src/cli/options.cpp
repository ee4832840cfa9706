// Part of muster. Boost Software License 1.0, see LICENSE.
#include "cli/options.hpp"

#include "cli/command_line.hpp"
#include "cli/option_checks.hpp"
#include "registry/text.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <cstdio>
#include <string_view>

namespace muster::cli {
namespace {

exit_code complain(std::string_view where, std::string_view message) {
    fmt::print(stderr, "{}: {}\nSee {} --help.\n", where, message, where);
    return exit_usage;
}

/// What stands before `--`, last one first as CLI11 wants it, and what stands behind.
struct arguments {
    std::vector<std::string> ours, program;
    bool separated = false;
};

arguments split(int argc, const char* const* argv) {
    arguments a;
    for (int i = 1; i < argc; ++i) {
        const std::string_view arg = argv[i];
        if (a.separated) {
            a.program.emplace_back(arg);
        } else if (arg == "--") {
            a.separated = true;
        } else if (arg.starts_with("--") && arg.find('=') == arg.size() - 1) {
            // CLI11 would take the next argument for the value of `--name=`.
            a.ours.emplace_back(arg.substr(0, arg.size() - 1));
            a.ours.emplace_back();
        } else {
            a.ours.emplace_back(arg);
        }
    }
    std::reverse(a.ours.begin(), a.ours.end());
    return a;
}

}    // namespace

std::variant<options, exit_code> parse_options(int argc, const char* const* argv) {
    command_line line;
    arguments args = split(argc, argv);
    if (args.ours.empty()) {
        fmt::print(stderr, "{}", line.app.help());
        return exit_usage;
    }
    std::vector<std::string> names;
    for (const CLI::App* each : line.commands) names.push_back(each->get_name());
    if (const std::string& first = args.ours.back();
        !first.starts_with('-') && std::find(names.begin(), names.end(), first) == names.end()) {
        return complain("muster",
                        fmt::format("no command is named {}; there are {}", registry::quoted(first), fmt::join(names, ", ")));
    }
    std::string where = "muster";
    try {
        line.app.parse(args.ours);
    } catch (const CLI::Success& e) {    // help or version
        line.app.exit(e);
        return exit_done;
    } catch (const CLI::ParseError& e) {
        for (const CLI::App* each : line.commands) {
            if (each->parsed()) where += " " + each->get_name();
        }
        return complain(where, e.what());
    }
    for (std::size_t i = 0; i < line.commands.size(); ++i) {
        const CLI::App& a = *line.commands[i];
        if (!a.parsed()) continue;
        where += " " + a.get_name();
        const auto what = static_cast<command>(i);
        if (args.separated && what != command::registration) return complain(where, "only register takes '--' and a command");
        if (args.separated && args.program.empty()) return complain(where, "nothing after '--': expected a command");
        try {
            return check(what, a, line.raw, std::move(args.program));
        } catch (const usage_error& e) {
            return complain(where, e.what());
        }
    }
    return exit_usage;
}

}    // namespace muster::cli
