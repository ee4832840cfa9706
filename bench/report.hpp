// Part of muster. Boost Software License 1.0, see LICENSE.
//
// What the benches give: JSON lines for programs, a table for people.
#pragma once

#include "bench/child.hpp"

#include <cstddef>
#include <fstream>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace muster::bench {

/// One JSON object, written in the order in which its keys are given.
class json_line {
public:
    json_line& add(std::string_view key, std::string_view value);
    json_line& add(std::string_view key, const char* value) { return add(key, std::string_view(value)); }
    json_line& add(std::string_view key, double value);
    json_line& add(std::string_view key, std::size_t value);
    std::string text() const { return "{" + members_ + "}"; }

private:
    void begin_member(std::string_view key);

    std::string members_;
};

/// Columns of text, printed as wide as their widest cell: the first `labels` to the left, the others to the right.
class table {
public:
    table(std::size_t labels, std::vector<std::string> head) : labels_(labels), rows_{std::move(head)} {}

    void add(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
    std::string text() const;

private:
    std::size_t labels_;
    std::vector<std::vector<std::string>> rows_;
};

/// Where the results of one run of the bench go.
class report {
public:
    /// An empty `json_file` writes none. Throws `std::runtime_error` if the file cannot be opened.
    explicit report(const std::string& json_file);

    void write(const json_line& line);
    void print(const table& t) const;
    void say(std::string_view sentence) const;

    /// Something was not measured: said on stderr, and the bench will exit with 1.
    void fail(std::string_view what, const failure& why);
    bool failed() const noexcept { return failed_; }

    /// Throws `std::runtime_error` if the file could not be written.
    void finish();

private:
    std::string name_;
    std::ofstream json_;
    bool failed_ = false;
};

/// A number in a table: as many digits as mean something, thousands apart.
std::string cell(double value);

}    // namespace muster::bench
