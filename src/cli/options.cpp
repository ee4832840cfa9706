// Part of muster. Boost Software License 1.0, see LICENSE.
#include "cli/options.hpp"

#include "cli/command_line.hpp"
#include "cli/option_checks.hpp"
#include "cli/output.hpp"
#include "registry/text.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <numeric>
#include <string>
#include <string_view>
#include <vector>

namespace muster::cli {
namespace {

exit_code complain(std::string_view where, std::string_view message) {
    print_error(fmt::format("{}: {}\nSee {} --help.\n", where, printable(message), where));
    return exit_usage;
}

/// What stands before `--`, as it was written and last one first as CLI11 wants it, and what stands behind.
struct arguments {
    std::vector<std::string> written, ours, program;
    bool separated = false;
};

arguments split(int argc, const char* const* argv) {
    arguments a;
    for (int i = 1; i < argc; ++i) {
        const std::string_view arg = argv[i];
        if (a.separated) {
            a.program.emplace_back(arg);
            continue;
        }
        if (arg == "--") {
            a.separated = true;
            continue;
        }
        a.written.emplace_back(arg);
        if (arg.starts_with("--") && arg.find('=') == arg.size() - 1) {
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

/// Characters to insert, remove or replace to make one of the other.
std::size_t edits(std::string_view from, std::string_view to) {
    std::vector<std::size_t> row(to.size() + 1);
    std::iota(row.begin(), row.end(), 0U);
    for (const char c : from) {
        std::size_t diagonal = row[0]++;
        for (std::size_t i = 0; i != to.size(); ++i) {
            const std::size_t replaced = diagonal + (c == to[i] ? 0 : 1);
            diagonal = row[i + 1];
            row[i + 1] = std::min({replaced, row[i] + 1, diagonal + 1});
        }
    }
    return row.back();
}

/// What to say of the first argument that nothing takes.
std::string unexpected(command what, const CLI::App& a, const std::string& argument) {
    if (!argument.starts_with('-')) {
        return registry::quoted(argument) + " was not expected" +
               (what == command::registration ? "; a command to run comes after '--'" : "");
    }
    const std::string name = argument.substr(0, argument.find('='));
    std::string nearest;
    std::size_t fewest = name.size() / 3 + 1;    // more edits would be another word
    for (const CLI::Option* each : a.get_options()) {
        if (const std::size_t n = edits(name, each->get_name()); n < fewest) {
            fewest = n;
            nearest = each->get_name();
        }
    }
    if (!nearest.empty()) return fmt::format("{} is no option; did you mean {}?", registry::quoted(name), nearest);
    return registry::quoted(name) + " is no option";
}

std::string name_in(const std::string& argument) { return argument.substr(0, argument.find('=')); }

/// The option that an argument names, be it with a value.
const CLI::Option* named_by(const CLI::App& a, const std::string& argument) {
    return argument.starts_with('-') ? a.get_option_no_throw(name_in(argument)) : nullptr;
}

/// What to say where options and values do not fit together; nothing if they do. CLI11 would take `--json` for the value in
/// `--service --json`, and `--json=5` for `--json`.
std::string misplaced_value(const CLI::App& a, const std::vector<std::string>& written) {
    for (auto each = written.begin(); each != written.end(); ++each) {
        const CLI::Option* option = named_by(a, *each);
        if (!option) continue;
        const std::string name = name_in(*each);
        const bool takes_value = option->get_expected_max() > 0;
        const bool has_value = name != *each;
        if (has_value && !takes_value) return name + " takes no value";
        if (has_value || !takes_value) continue;
        if (++each == written.end()) return name + " has no value";
        if (!named_by(a, *each)) continue;
        return fmt::format("{} has no value before {}{}", name, *each,
                           name.starts_with("--") ? fmt::format("; write {}={} if that is meant", name, *each) : "");
    }
    return {};
}

/// What to say where one option is given twice that takes one value; nothing if that is not so.
std::string repeated(const CLI::App& a) {
    for (const CLI::Option* each : a.get_options()) {
        if (each->get_expected_max() == 1 && each->count() > 1) {
            std::vector<std::string> values;
            for (const std::string& v : each->results()) values.push_back(registry::quoted(v));
            return fmt::format("{} is given more than once ({}): expected one value", each->get_name(), fmt::join(values, ", "));
        }
    }
    return {};
}

}    // namespace

std::variant<options, exit_code> parse_options(int argc, const char* const* argv) {
    command_line line;
    arguments args = split(argc, argv);
    if (args.ours.empty()) {
        print_error(line.app.help());
        return exit_usage;
    }
    if (args.ours.back() == "help") {
        args.ours.pop_back();
        args.ours.insert(args.ours.begin(), "--help");
    }
    std::vector<std::string> names;
    for (const CLI::App* each : line.commands) names.push_back(each->get_name());
    const std::string first = args.ours.back();
    const bool of_all = first == "-h" || first == "--help" || first == "--version";
    if (!of_all && std::find(names.begin(), names.end(), first) == names.end()) {
        return complain("muster", fmt::format("{} {}; there are {}",
                                              first.starts_with('-') ? "expected a command before" : "no command is named",
                                              registry::quoted(first), fmt::join(names, ", ")));
    }
    std::string where = "muster";
    for (const CLI::App* each : line.commands) {
        if (each->get_name() != first) continue;
        if (const std::string why = misplaced_value(*each, args.written); !why.empty()) return complain("muster " + first, why);
    }
    try {
        line.app.parse(args.ours);
    } catch (const CLI::Success& e) {    // help or version
        line.app.exit(e);
        return exit_done;
    } catch (const CLI::ParseError& e) {
        std::string why;
        for (const CLI::App* each : line.commands) {
            if (!each->parsed()) continue;
            where += " " + each->get_name();
            why = repeated(*each);
        }
        return complain(where, why.empty() ? e.what() : why);
    }
    for (std::size_t i = 0; i < line.commands.size(); ++i) {
        const CLI::App& a = *line.commands[i];
        if (!a.parsed()) continue;
        where += " " + a.get_name();
        const auto what = static_cast<command>(i);
        if (const auto extra = a.remaining(); !extra.empty()) return complain(where, unexpected(what, a, extra.front()));
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
