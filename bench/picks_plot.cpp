// Part of muster. Boost Software License 1.0, see LICENSE.
#include "bench/picks_plot.hpp"

#include "bench/plot.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <stdexcept>
#include <utility>

namespace muster::bench {
namespace {

std::vector<plot_line> lines_of(const std::vector<picks_point>& points, pick_api api, unsigned threads) {
    std::vector<plot_line> lines;
    for (const picks_point& p : points) {
        if (p.what.api != api || p.what.threads != threads) continue;
        const std::string name(to_string(p.what.policy));
        const auto found = std::find_if(lines.begin(), lines.end(), [&](const plot_line& l) { return l.name == name; });
        plot_line& line = found != lines.end() ? *found : lines.emplace_back(plot_line{name, {}});
        line.points.emplace_back(static_cast<double>(p.what.instances), p.ns_per_op);
    }
    for (plot_line& l : lines) std::sort(l.points.begin(), l.points.end());
    return lines;
}

}    // namespace

std::vector<share_of_picks> shares_of_picks(balancer& lb, const std::string& service, const std::vector<policy>& policies) {
    std::map<std::string, std::size_t> index;
    for (const instance_info& i : lb.view(service).value().instances) index.emplace(i.instance.identity(), index.size());
    const std::size_t picks = std::max<std::size_t>(10'000, 100 * index.size());
    std::vector<share_of_picks> shares;
    for (const policy p : policies) {
        pick_options o;
        o.policy = p;
        picker own = lb.picker(service, o).value();
        share_of_picks& share = shares.emplace_back(share_of_picks{p, std::vector<double>(index.size())});
        const double each = static_cast<double>(index.size()) / static_cast<double>(picks);
        for (std::size_t i = 0; i < picks; ++i) {
            lease l = own.try_pick(fmt::format("/item/{:08x}/detail", i * 2654435761U));
            share.by_instance[index.at(l->identity())] += each;
            l.success();
        }
    }
    return shares;
}

void write_picks_plot(const std::string& file, const std::vector<picks_point>& points, const std::vector<share_of_picks>& shares,
                      std::size_t instances) {
    plot picture("muster: what a pick costs, and who gets it");
    if (!points.empty()) {
        const bool has_picker =
            std::any_of(points.begin(), points.end(), [](const picks_point& p) { return p.what.api == pick_api::picker; });
        const pick_api api = has_picker ? pick_api::picker : points.front().what.api;
        std::vector<unsigned> threads;
        for (const picks_point& p : points)
            if (std::find(threads.begin(), threads.end(), p.what.threads) == threads.end()) threads.push_back(p.what.threads);
        for (const unsigned t : threads)
            picture.add_lines(fmt::format("{}: pick and return, {} thread{}", to_string(api), t, t == 1 ? "" : "s"), "instances",
                              "ns", lines_of(points, api, t));
    }
    std::vector<plot_bars> rows;
    for (const share_of_picks& s : shares) rows.push_back({std::string(to_string(s.how)), s.by_instance});
    picture.add_bars(fmt::format("Picks of each of {} instances, of weights 1 to 5 in turn; the line is the mean", instances),
                     rows, 1);
    std::ofstream out(file);
    out << picture.text();
    out.close();
    if (!out) throw std::runtime_error(fmt::format("cannot write '{}'", file));
}

}    // namespace muster::bench
