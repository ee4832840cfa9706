// Part of muster. Boost Software License 1.0, see LICENSE.
#include "cli/output.hpp"

#include "cli/output_queues.hpp"
#include "registry/go_json.hpp"
#include "registry/layout.hpp"
#include "registry/text.hpp"

#include <boost/json/serialize.hpp>

#include <fmt/format.h>

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <memory>
#include <utility>

namespace muster::cli {
namespace {

constexpr std::chrono::milliseconds patience{1'000};    // at the end, with who does not read

/// None until printing is done in the background.
std::unique_ptr<output_queues>& queues() {
    static std::unique_ptr<output_queues> q;
    return q;
}

}    // namespace

json::object to_json(const instance& i, secrets s) {
    static const auto layout = registry::make_micro_service_layout();
    json::object o = std::move(registry::parse_go_json(layout->encode(i)).value().get_object());
    if (s == secrets::show) return o;
    json::object shown;    // object::erase would move the last member into the gap
    for (auto& [key, value] : o) {
        if (key != "userpwd") shown.emplace(key, std::move(value));
    }
    return shown;
}

void append(json::object& to, json::object more) {
    for (auto& [key, value] : more) to.insert_or_assign(key, std::move(value));
}

std::string address_of(const instance& i) { return i.ip.empty() ? "-" : fmt::format("{}:{}", i.ip, i.port); }

std::string printable(std::string_view text) {
    std::string out;
    while (!text.empty()) {
        const registry::rune r = registry::first_rune(text);
        if (!r.valid || registry::is_control(r.value))
            out += '?';
        else
            out += text.substr(0, r.bytes);
        text.remove_prefix(r.bytes);
    }
    return out;
}

std::size_t width_of(std::string_view text) {
    return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) { return (c & '\xC0') != '\x80'; }));
}

void print_json(const json::object& o) { print_text(json::serialize(o)); }

void print_text(std::string_view line) {
    if (queues()) return queues()->print(fmt::format("{}\n", line));
    std::fwrite(line.data(), 1, line.size(), stdout);
    std::fputc('\n', stdout);
    std::fflush(stdout);
}

void diagnose(std::string_view message) { print_error(fmt::format("muster: {}\n", printable(message))); }

void print_error(const std::string& text) {
    if (queues())
        queues()->tell(text);
    else
        std::fwrite(text.data(), 1, text.size(), stderr);    // fmt::print would throw where it fails
}

void print_in_background() { queues() = std::make_unique<output_queues>(STDOUT_FILENO, STDERR_FILENO); }

line_writer* background_output() { return queues() ? &queues()->out() : nullptr; }

bool output_failed() { return queues() ? queues()->out().failed() : std::ferror(stdout) != 0; }

bool finish_output() {
    const bool read = !queues() || queues()->out().flush(patience);
    const bool written = std::fflush(stdout) == 0 && !output_failed();
    if (!written)
        diagnose(output_lost().what());
    else if (!read)
        diagnose("standard output is not read: its last lines are lost");
    return written && read;
}

void finish_diagnostics() {
    if (!queues()) return;
    line_writer& err = queues()->err();
    if (err.flush(patience) && queues()->tell_losses()) err.flush(patience);
}

bool stdout_is_terminal() {
    static const bool is = ::isatty(STDOUT_FILENO) == 1;
    return is;
}

void table::print() const {
    std::vector<std::size_t> widths(rows_.front().size());
    for (const auto& row : rows_) {
        for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width_of(row[i]));
    }
    for (const auto& row : rows_) {
        std::string line;
        for (std::size_t i = 0; i < row.size(); ++i) {
            line += row[i];
            if (i + 1 < row.size()) line.append(widths[i] - width_of(row[i]) + 2, ' ');
        }
        print_text(line);
    }
}

}    // namespace muster::cli
