// Part of muster. Boost Software License 1.0, see LICENSE.
#include "cli/output.hpp"

#include "registry/go_json.hpp"
#include "registry/layout.hpp"
#include "registry/text.hpp"

#include <boost/json/serialize.hpp>

#include <fmt/format.h>

#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace muster::cli {

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
    std::fwrite(line.data(), 1, line.size(), stdout);
    std::fputc('\n', stdout);
    std::fflush(stdout);
}

void diagnose(std::string_view message) { fmt::print(stderr, "muster: {}\n", printable(message)); }

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
