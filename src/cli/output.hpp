// Part of muster. Boost Software License 1.0, see LICENSE.
//
// What the command prints: JSON for programs, tables for people.
#pragma once

#include <muster/instance.hpp>

#include <boost/json/object.hpp>

#include <cstddef>
#include <exception>
#include <string>
#include <string_view>
#include <vector>

namespace muster::cli {

namespace json = boost::json;

class line_writer;

/// Whether a password is part of what is printed. It is for callers of the instance, and for nobody else.
enum class secrets { hide, show };

/// The instance with the keys of the znode, in their order.
json::object to_json(const instance& i, secrets s);

/// Adds all members of `more` at the end.
void append(json::object& to, json::object more);

/// `ip:port`, or `-` where the instance has none.
std::string address_of(const instance& i);

/// Text from outside, fit for a terminal: control characters and malformed UTF-8 are replaced.
std::string printable(std::string_view text);

/// Columns it takes on a terminal, as far as characters are one column wide.
std::size_t width_of(std::string_view text);

/// Prints one object as one line, at once.
void print_json(const json::object& o);

/// Prints a line of text, at once.
void print_text(std::string_view line);

/// "muster: ..." on standard error. Where that cannot be written nothing is to be done about it.
void diagnose(std::string_view message);

/// The same without "muster: " and the newline, which are part of `text`.
void print_error(const std::string& text);

/// From now on, what is printed and diagnosed is written by a thread of its own: who does not read it keeps nobody from work.
/// What comes while too much waits is lost, which is told: see `output_queues`.
void print_in_background();

/// What writes standard output; none where that is not done in the background.
line_writer* background_output();

/// Whether something that was printed could not be written.
bool output_failed();

/// What ends a command that has nothing to do where its output cannot be written. Why is told by `finish_output`.
struct output_lost : std::exception {
    const char* what() const noexcept override { return "standard output cannot be written"; }
};

/// Waits until all that was printed is written. False, after a word on standard error, if it cannot be, or nobody reads it.
bool finish_output();

/// The same for standard error, where what was lost without a word so far is told. The last before the process ends.
void finish_diagnostics();

bool stdout_is_terminal();

/// Rows under a heading, printed as columns.
class table {
public:
    explicit table(std::vector<std::string> heading) : rows_{std::move(heading)} {}
    void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
    void print() const;

private:
    std::vector<std::vector<std::string>> rows_;
};

}    // namespace muster::cli
