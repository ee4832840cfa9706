// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace muster::bench {

/// Points that belong together, and their name in the legend.
struct plot_line {
    std::string name;
    std::vector<std::pair<double, double>> points;    ///< By growing x.
};

/// Bars that belong together, drawn from one level on.
struct plot_bars {
    std::string name;
    std::vector<double> values;
};

/// One picture in SVG, of charts below each other. Text from outside is escaped.
class plot {
public:
    explicit plot(std::string title);

    /// Both axes logarithmic; points that are not positive are left out.
    void add_lines(const std::string& title, const std::string& x, const std::string& y, const std::vector<plot_line>& lines);

    /// A row per name, each with its values as bars from 0 on, all to one scale; `fair` is where a line is drawn.
    void add_bars(const std::string& title, const std::vector<plot_bars>& rows, double fair);

    std::string text() const;

private:
    std::string title_;
    std::string body_;
    double height_;
};

}    // namespace muster::bench
