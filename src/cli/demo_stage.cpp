// Part of muster. Boost Software License 1.0, see LICENSE.
#include "cli/demo_stage.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <csignal>
#include <cstdlib>

namespace muster::cli {
namespace {

constexpr std::array palette{"1;36", "1;33", "1;35"};    // cyan, yellow, magenta

/// Half a cell for each.
std::string bar(std::size_t n) {
    std::string out;
    for (std::size_t i = 0; i < n / 2; ++i) out += "█";
    if (n % 2 != 0) out += "▌";
    return out;
}

/// A tour that nobody can see is over.
void check_output() {
    if (output_failed()) throw output_lost();
}

}    // namespace

stage::stage(environment& env) : env_(env) {
    std::signal(SIGPIPE, SIG_IGN);    // what was begun is cleaned up, also where nobody reads on
    const char* off = std::getenv("NO_COLOR");
    const char* terminal = std::getenv("TERM");
    colours_ = stdout_is_terminal() && !(off && *off) && !(terminal && std::string_view(terminal) == "dumb");
}

std::string stage::paint(std::string_view code, std::string_view text) const {
    return colours_ ? fmt::format("\033[{}m{}\033[0m", code, text) : std::string(text);
}

std::string stage::paint_of(std::size_t i, std::string_view text) const { return paint(palette[i % palette.size()], text); }

std::string stage::name(std::size_t i) const { return paint_of(i, std::string(1, static_cast<char>('A' + i))); }

asio::awaitable<void> stage::scene(std::string_view title) {
    using namespace std::chrono_literals;
    if (env_.json) co_return;
    if (stdout_is_terminal() && scenes_ > 0) co_await pause(env_, 500ms);
    print_text(fmt::format("{}{} {}", scenes_ > 0 ? "\n" : "", paint("1;34", fmt::format("{}.", scenes_ + 1)), bold(title)));
    check_output();
    ++scenes_;
}

void stage::say(std::string_view text) const {
    if (env_.json) return;
    print_text(fmt::format("   {}", text));
    check_output();
}

void stage::fact(const json::object& o) const {
    if (!env_.json) return;
    print_json(o);
    check_output();
}

void stage::picks(std::string_view policy, const std::vector<std::size_t>& who, std::size_t instances) const {
    constexpr std::size_t widest = 10;
    std::string sequence;
    for (const std::size_t i : who) sequence += name(i);
    std::string line = fmt::format("{:<17} {} ", policy, sequence);
    for (std::size_t i = 0; i < instances; ++i) {
        const auto n = static_cast<std::size_t>(std::count(who.begin(), who.end(), i));
        const std::string b = bar(std::min(n, 2 * widest));
        const std::string gap(i + 1 < instances ? widest - width_of(b) : 0, ' ');
        line += fmt::format(" {}{:>3} {}{}", name(i), n, paint_of(i, b), gap);
    }
    say(line);
}

std::string in_words(std::chrono::steady_clock::duration d) {
    const double ms = in_milliseconds(d);
    return ms < 1'000 ? fmt::format("{:.0f} ms", ms) : fmt::format("{:.2f} s", ms / 1'000);
}

double in_milliseconds(std::chrono::steady_clock::duration d) {
    return std::round(std::chrono::duration<double, std::milli>(d).count() * 10) / 10;
}

}    // namespace muster::cli
