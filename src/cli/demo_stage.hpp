// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include "cli/environment.hpp"
#include "cli/output.hpp"

#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace muster::cli {

/// How the demo looks: scenes with a heading, colours on a terminal, a moment between scenes for those who watch. Asked for
/// JSON, it shows none of that, and facts instead.
class stage {
public:
    explicit stage(environment& env);

    /// A new scene.
    asio::awaitable<void> scene(std::string_view title);
    /// A line of it.
    void say(std::string_view text) const;
    /// For programs.
    void fact(const json::object& o) const;

    /// The name of the `i`-th instance, in its colour.
    std::string name(std::size_t i) const;
    std::string bold(std::string_view text) const { return paint("1", text); }
    std::string dim(std::string_view text) const { return paint("2", text); }
    std::string good(std::string_view text) const { return paint("1;32", text); }
    std::string bad(std::string_view text) const { return paint("1;31", text); }

    /// Who was picked one after the other, and how often each.
    void picks(std::string_view policy, const std::vector<std::size_t>& who, std::size_t instances) const;

private:
    std::string paint(std::string_view code, std::string_view text) const;
    std::string paint_of(std::size_t i, std::string_view text) const;

    environment& env_;
    bool colours_;
    std::size_t scenes_ = 0;
};

/// "1.31 s", "14 ms"
std::string in_words(std::chrono::steady_clock::duration d);
/// For facts: milliseconds, with tenths.
double in_milliseconds(std::chrono::steady_clock::duration d);

}    // namespace muster::cli
