// Part of muster. Boost Software License 1.0, see LICENSE.
#include "bench/report.hpp"

#include <boost/json/serialize.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <stdexcept>

namespace muster::bench {

void json_line::begin_member(std::string_view key) {
    if (!members_.empty()) members_ += ',';
    members_ += boost::json::serialize(boost::json::string_view(key));
    members_ += ':';
}

json_line& json_line::add(std::string_view key, std::string_view value) {
    begin_member(key);
    members_ += boost::json::serialize(boost::json::string_view(value));
    return *this;
}

json_line& json_line::add(std::string_view key, double value) {
    begin_member(key);
    members_ += fmt::format("{:.3f}", value);
    return *this;
}

json_line& json_line::add(std::string_view key, std::size_t value) {
    begin_member(key);
    members_ += std::to_string(value);
    return *this;
}

std::string table::text() const {
    std::vector<std::size_t> widths;
    for (const auto& row : rows_) {
        widths.resize(std::max(widths.size(), row.size()));
        for (std::size_t i = 0; i != row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
    }
    std::string out;
    for (const auto& row : rows_) {
        std::string line;
        for (std::size_t i = 0; i != row.size(); ++i) {
            if (i != 0) line += "  ";
            line += i < labels_ ? fmt::format("{:<{}}", row[i], widths[i]) : fmt::format("{:>{}}", row[i], widths[i]);
        }
        line.erase(line.find_last_not_of(' ') + 1);
        out += line + '\n';
    }
    return out;
}

report::report(const std::string& json_file) : name_(json_file) {
    if (name_.empty()) return;
    json_.open(name_, std::ios::trunc);
    if (!json_) throw std::runtime_error(fmt::format("--json: \"{}\" cannot be written; expected the name of a file", name_));
}

void report::write(const json_line& line) {
    if (name_.empty()) return;
    json_ << line.text() << std::endl;    // line by line: what was measured is kept when a later part is interrupted
}

void report::print(const table& t) const { fmt::print("{}", t.text()); }

void report::say(std::string_view sentence) const {
    fmt::print("{}\n", sentence);
    std::fflush(stdout);
}

void report::fail(std::string_view what, const failure& why) {
    failed_ = true;
    std::fflush(stdout);
    fmt::print(stderr, "bench: {}: {}\n", what, why.reason);
}

void report::finish() {
    if (!name_.empty() && !json_.flush()) throw std::runtime_error(fmt::format("--json: writing \"{}\" failed", name_));
}

std::string cell(double value) {
    if (value < 100) return fmt::format("{:.{}f}", value, value < 10 ? 2 : 1);
    std::string digits = fmt::format("{:.0f}", value);
    for (std::size_t i = digits.size(); i > 3; i -= 3) digits.insert(i - 3, 1, ' ');
    return digits;
}

}    // namespace muster::bench
