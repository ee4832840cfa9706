// Part of muster. Boost Software License 1.0, see LICENSE.
#include "cli/output.hpp"

#include "cli/line_writer.hpp"
#include "registry/go_json.hpp"
#include "registry/layout.hpp"
#include "registry/text.hpp"

#include <boost/json/serialize.hpp>

#include <fmt/format.h>

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <memory>
#include <utility>

namespace muster::cli {
namespace {

constexpr std::chrono::milliseconds patience{1'000};    // at the end, with who does not read

struct background {
    std::shared_ptr<line_writer> out, err;
    bool lost = false;
};

background& in_background() {
    static background b;
    return b;
}

bool one_file(int a, int b) {
    struct stat x {
    }, y{};
    return ::fstat(a, &x) == 0 && ::fstat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
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
    if (background& b = in_background(); b.out) {
        const bool lost = !b.out->write(fmt::format("{}\n", line));
        if (lost && !b.lost) diagnose("standard output is not read: lines are lost until it is");
        b.lost = lost;
        return;
    }
    std::fwrite(line.data(), 1, line.size(), stdout);
    std::fputc('\n', stdout);
    std::fflush(stdout);
}

void diagnose(std::string_view message) { print_error(fmt::format("muster: {}\n", printable(message))); }

void print_error(std::string text) {
    if (const background& b = in_background(); b.err)
        b.err->write(std::move(text));
    else
        std::fwrite(text.data(), 1, text.size(), stderr);    // fmt::print would throw where it fails
}

void print_in_background() {
    background& b = in_background();
    b.out = std::make_shared<line_writer>(STDOUT_FILENO);
    // One after the other where both go to the same terminal or file.
    b.err = one_file(STDOUT_FILENO, STDERR_FILENO) ? b.out : std::make_shared<line_writer>(STDERR_FILENO);
}

line_writer* background_output() { return in_background().out.get(); }

bool output_failed() {
    const background& b = in_background();
    return b.out ? b.out->failed() : std::ferror(stdout) != 0;
}

bool finish_output() {
    const background& b = in_background();
    const bool read = !b.out || b.out->flush(patience);
    const bool written = std::fflush(stdout) == 0 && !output_failed();
    if (!written)
        diagnose(output_lost().what());
    else if (!read)
        diagnose("standard output is not read: its last lines are lost");
    return written && read;
}

void finish_diagnostics() {
    const background& b = in_background();
    if (b.err) b.err->flush(patience);    // also where it is standard output: something may have come since that was finished
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
