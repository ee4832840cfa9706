// Part of muster. Boost Software License 1.0, see LICENSE.
#include "bench/plot.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <string_view>

namespace muster::bench {
namespace {

constexpr double width = 960;
constexpr double left = 90;
constexpr double right = 190;    // the legend
constexpr double chart_height = 380;

// Told apart also by those who do not tell red from green: colours by Okabe and Ito, then the same with dashes.
constexpr std::array<std::string_view, 8> colours{"#0072b2", "#e69f00", "#009e73", "#cc79a7",
                                                  "#56b4e9", "#d55e00", "#000000", "#999933"};

std::string escaped(std::string_view text) {
    std::string out;
    for (const char c : text) {
        switch (c) {
            case '&':
                out += "&amp;";
                break;
            case '<':
                out += "&lt;";
                break;
            case '>':
                out += "&gt;";
                break;
            case '"':
                out += "&quot;";
                break;
            default:
                out += c;
        }
    }
    return out;
}

std::string text_at(double x, double y, std::string_view what, std::string_view more = "") {
    return fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\"{}>{}</text>\n", x, y, more, escaped(what));
}

std::string line_at(double x1, double y1, double x2, double y2, std::string_view colour) {
    return fmt::format("<path d=\"M{:.1f} {:.1f}L{:.1f} {:.1f}\" stroke=\"{}\" fill=\"none\"/>\n", x1, y1, x2, y2, colour);
}

/// A logarithmic axis over whole decades, or those halves of them that are needed.
struct axis {
    double low;
    double high;
    double from;
    double to;
    double at(double v) const noexcept { return from + (std::log10(v) - low) / (high - low) * (to - from); }
};

axis axis_over(const std::vector<double>& values, double from, double to) {
    const auto [least, most] = std::minmax_element(values.begin(), values.end());
    const double low = std::floor(std::log10(*least) * 2) / 2;
    const double high = std::ceil(std::log10(*most) * 2) / 2;
    return {low, std::max(high, low + 0.5), from, to};
}

std::string number(double v) {
    return v >= 1000 ? fmt::format("{:.0f} {:03.0f}", std::floor(v / 1000), std::fmod(v, 1000)) : fmt::format("{:g}", v);
}

/// 1, 2, 5, 10, 20 ... within the axis.
std::vector<double> ticks_of(const axis& a) {
    std::vector<double> ticks;
    for (int decade = static_cast<int>(std::floor(a.low)); decade <= static_cast<int>(a.high); ++decade) {
        for (const double step : {1.0, 2.0, 5.0}) {
            const double v = step * std::pow(10, decade);
            if (std::log10(v) >= a.low - 1e-9 && std::log10(v) <= a.high + 1e-9) ticks.push_back(v);
        }
    }
    return ticks;
}

}    // namespace

plot::plot(std::string title) : title_(std::move(title)), height_(50) {}

void plot::add_lines(const std::string& title, const std::string& x, const std::string& y, const std::vector<plot_line>& lines) {
    std::vector<double> xs, ys;
    for (const plot_line& l : lines) {
        for (const auto& [px, py] : l.points) {
            if (px <= 0 || py <= 0) continue;
            xs.push_back(px);
            ys.push_back(py);
        }
    }
    if (xs.empty()) return;
    const double top = height_ + 30, bottom = top + chart_height;
    const axis ax = axis_over(xs, left, width - right), ay = axis_over(ys, bottom, top);
    body_ += text_at(left, height_ + 12, title, " font-weight=\"bold\"");
    for (const double t : ticks_of(ax)) {
        body_ += line_at(ax.at(t), top, ax.at(t), bottom, "#e0e0e0");
        body_ += text_at(ax.at(t), bottom + 18, number(t), " text-anchor=\"middle\"");
    }
    for (const double t : ticks_of(ay)) {
        body_ += line_at(left, ay.at(t), width - right, ay.at(t), "#e0e0e0");
        body_ += text_at(left - 8, ay.at(t) + 4, number(t), " text-anchor=\"end\"");
    }
    body_ += text_at((left + width - right) / 2, bottom + 38, x, " text-anchor=\"middle\"");
    body_ += text_at(14, top - 8, y);
    for (std::size_t i = 0; i < lines.size(); ++i) {
        const std::string_view colour = colours[i % colours.size()];
        const std::string_view dash = i < colours.size() ? "" : " stroke-dasharray=\"6 3\"";
        std::string way;
        for (const auto& [px, py] : lines[i].points) {
            if (px <= 0 || py <= 0) continue;
            way += fmt::format("{}{:.1f} {:.1f}", way.empty() ? "M" : "L", ax.at(px), ay.at(py));
            body_ += fmt::format("<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"2.5\" fill=\"{}\"/>\n", ax.at(px), ay.at(py), colour);
        }
        body_ += fmt::format("<path d=\"{}\" stroke=\"{}\" stroke-width=\"1.8\" fill=\"none\"{}/>\n", way, colour, dash);
        const double ly = top + 8 + 20 * static_cast<double>(i);
        body_ += fmt::format("<path d=\"M{0:.1f} {1:.1f}h24\" stroke=\"{2}\" stroke-width=\"2\"{3}/>\n", width - right + 14,
                             ly - 4, colour, dash);
        body_ += text_at(width - right + 44, ly, lines[i].name);
    }
    height_ = bottom + 70;
}

void plot::add_bars(const std::string& title, const std::vector<plot_bars>& rows, double fair) {
    double most = fair;
    for (const plot_bars& r : rows)
        for (const double v : r.values) most = std::max(most, v);
    if (rows.empty() || most <= 0) return;
    constexpr double row_height = 46;
    body_ += text_at(left, height_ + 12, title, " font-weight=\"bold\"");
    double base = height_ + 24;
    for (const plot_bars& r : rows) {
        base += row_height;
        const double scale = (row_height - 8) / most;
        const double step = r.values.empty() ? 0 : (width - right - left) / static_cast<double>(r.values.size());
        for (std::size_t i = 0; i < r.values.size(); ++i) {
            body_ +=
                fmt::format("<rect x=\"{:.2f}\" y=\"{:.1f}\" width=\"{:.2f}\" height=\"{:.1f}\" fill=\"#56b4e9\"/>\n",
                            left + step * static_cast<double>(i), base - r.values[i] * scale, step * 0.85, r.values[i] * scale);
        }
        body_ += line_at(left, base, width - right, base, "#808080");
        body_ += line_at(left, base - fair * scale, width - right, base - fair * scale, "#d55e00");
        body_ += text_at(width - right + 14, base - 6, r.name);
    }
    height_ = base + 50;
}

std::string plot::text() const {
    return fmt::format(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0:.0f} {1:.0f}\" width=\"{0:.0f}\" height=\"{1:.0f}\" "
        "font-family=\"sans-serif\" font-size=\"13\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n{2}{3}</svg>\n",
        width, height_, text_at(left, 28, title_, " font-size=\"17\""), body_);
}

}    // namespace muster::bench
