// Part of muster. Boost Software License 1.0, see LICENSE.
#include "bench/picks_bench.hpp"

#include "bench/canned_registry.hpp"
#include "bench/pick_loops.hpp"
#include "bench/picks_plot.hpp"
#include "bench/statistics.hpp"

#include <muster/balancer.hpp>

#include <boost/asio/io_context.hpp>

#include <fmt/format.h>

#include <map>
#include <stdexcept>
#include <string>

namespace muster::bench {
namespace {

namespace asio = boost::asio;

std::string service_of(std::size_t instances) { return fmt::format("svc{}", instances); }

/// A balancer for so many threads that knows a service of each size.
class bed {
public:
    bed(const std::vector<std::size_t>& sizes, unsigned threads) : lb_(ioc_, served(registry_, sizes), parameters(threads)) {
        for (const std::size_t n : sizes) wait_for(n);
    }
    balancer& lb() noexcept { return lb_; }

private:
    static zk::config served(canned_registry& registry, const std::vector<std::size_t>& sizes) {
        for (const std::size_t n : sizes) registry.add_service(service_of(n), n);
        registry.start();
        zk::config cfg(registry.connect_string());
        cfg.session_timeout = std::chrono::hours(1);    // nobody keeps the session alive while picks are measured
        return cfg;
    }

    static balancer_params parameters(unsigned threads) {
        balancer_params p;
        p.threads = threads;
        p.pool = pool::normals;
        return p;
    }

    void wait_for(std::size_t instances) {
        const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
        for (;;) {
            const service_view view = lb_.view(service_of(instances)).value();
            if (view.known && view.instances.size() == instances && !view.stale) return;
            if (std::chrono::steady_clock::now() > end)
                throw std::runtime_error(fmt::format("the balancer knows {} of {} instances after 30 s: {}",
                                                     view.instances.size(), instances, lb_.session().last_error.message()));
            ioc_.run_for(std::chrono::milliseconds(20));
            ioc_.restart();
        }
    }

    canned_registry registry_;
    asio::io_context ioc_{1};
    balancer lb_;
};

/// One case and what its rounds gave.
struct tally {
    pick_case what;
    std::vector<pick_sample> rounds;
    std::vector<double> floors;
    std::vector<double> speedups;    // of several threads over one of them alone
    std::optional<failure> failed;

    std::string name() const {
        return fmt::format("{}, {} instances, {} threads, {}", to_string(what.policy), what.instances, what.threads,
                           to_string(what.api));
    }
    double median_of(double pick_sample::*member) const {
        std::vector<double> values;
        for (const pick_sample& s : rounds) values.push_back(s.*member);
        return median(std::move(values));
    }
};

struct turn {
    pick_sample floor;
    pick_sample picks;
    double speedup = 1;
};

turn run_once(balancer& lb, const pick_case& c, std::chrono::nanoseconds duration) {
    turn t;
    t.floor = run_floor(c.instances, c.threads, duration / 4);
    t.picks = run_picks(lb, service_of(c.instances), c, duration);
    if (c.threads > 1) {    // alone behind them: it counts with atomic operations as they do
        pick_case alone = c;
        alone.threads = 1;
        t.speedup = t.picks.ops_per_s / run_picks(lb, service_of(c.instances), alone, duration).ops_per_s;
    }
    return t;
}

/// One thread is measured in this process, which has no other, and several in a process of their own: once a process had a
/// second thread, the library and shared_ptr count with atomic operations for good.
std::variant<turn, failure> run_in_place(balancer& lb, const pick_case& c, std::chrono::nanoseconds duration) {
    const auto limit = std::chrono::ceil<std::chrono::milliseconds>(3 * duration) + std::chrono::seconds(20);
    if (c.threads > 1) return in_child<turn>([&] { return run_once(lb, c, duration); }, limit);
    try {
        return run_once(lb, c, duration);
    } catch (const std::exception& e) {
        return failure{e.what()};
    }
}

void add_round(tally& t, balancer& lb, std::chrono::nanoseconds duration) {
    if (t.failed) return;
    auto outcome = run_in_place(lb, t.what, duration);
    if (auto* one = std::get_if<turn>(&outcome)) {
        t.floors.push_back(one->floor.ns_per_op);
        t.rounds.push_back(one->picks);
        t.speedups.push_back(one->speedup);
    } else {
        t.failed = std::get<failure>(std::move(outcome));
    }
}

json_line line_of(const tally& t) {
    json_line l;
    l.add("bench", "picks").add("policy", to_string(t.what.policy)).add("api", to_string(t.what.api));
    l.add("instances", t.what.instances).add("threads", std::size_t{t.what.threads});
    if (t.failed) return l.add("error", t.failed->reason);
    l.add("ns_per_op", t.median_of(&pick_sample::ns_per_op)).add("floor_ns", median(t.floors));
    l.add("ops_per_s", t.median_of(&pick_sample::ops_per_s)).add("speedup", median(t.speedups));
    return l.add("allocs_per_op", t.median_of(&pick_sample::allocs_per_op));
}

std::vector<std::string> row_of(const tally& t) {
    std::vector<std::string> row{std::string(to_string(t.what.policy)), std::string(to_string(t.what.api)),
                                 std::to_string(t.what.instances), std::to_string(t.what.threads)};
    if (t.failed) {
        row.push_back("failed");
        return row;
    }
    const double ns = t.median_of(&pick_sample::ns_per_op);
    const double floor = median(t.floors);
    row.push_back(cell(ns));
    row.push_back(cell(floor));
    row.push_back(cell(ns / floor));
    row.push_back(cell(t.median_of(&pick_sample::ops_per_s) / 1e6));
    row.push_back(cell(median(t.speedups)));
    row.push_back(cell(t.median_of(&pick_sample::allocs_per_op)));
    return row;
}

}    // namespace

std::string_view to_string(pick_api api) noexcept {
    switch (api) {
        case pick_api::try_pick:
            return "try_pick";
        case pick_api::picker:
            return "picker";
        case pick_api::co_await_pick:
            return "co_await";
        case pick_api::co_await_picker:
            return "co_await_picker";
    }
    return "?";
}

std::optional<pick_api> parse_pick_api(std::string_view name) noexcept {
    for (const pick_api api : all_pick_apis)
        if (to_string(api) == name) return api;
    return std::nullopt;
}

void bench_picks(const picks_options& o, report& out) {
    std::vector<tally> tallies;
    for (const policy p : o.policies)
        for (const pick_api api : o.apis)
            for (const std::size_t n : o.instances)
                for (const unsigned threads : o.threads) tallies.push_back({{p, n, threads, api}, {}, {}, {}, {}});
    out.say(fmt::format("picks: medians of {} rounds of {} s", o.rounds, std::chrono::duration<double>(o.duration).count()));
    std::vector<share_of_picks> shares;
    try {
        std::map<unsigned, bed> beds;
        for (const unsigned threads : o.threads) beds.try_emplace(threads, o.instances, threads);
        // Every second round goes backwards, so that a drift of the machine does not favour the first cases.
        for (unsigned round = 0; round != o.rounds; ++round) {
            for (std::size_t i = 0; i != tallies.size(); ++i) {
                tally& t = tallies[round % 2 == 0 ? i : tallies.size() - 1 - i];
                add_round(t, beds.at(t.what.threads).lb(), o.duration);
            }
        }
        if (!o.plot.empty()) shares = shares_of_picks(beds.begin()->second.lb(), service_of(o.instances.front()), o.policies);
    } catch (const std::exception& e) {
        return out.fail("picks", {e.what()});
    }
    table t(2, {"policy", "api", "instances", "threads", "ns/op", "floor ns", "x floor", "Mop/s", "x alone", "allocs/op"});
    for (const tally& one : tallies) {
        out.write(line_of(one));
        t.add(row_of(one));
        if (one.failed) out.fail("picks: " + one.name(), *one.failed);
    }
    out.print(t);
    if (!o.plot.empty()) {
        std::vector<picks_point> points;
        for (const tally& one : tallies)
            if (!one.failed) points.push_back({one.what, one.median_of(&pick_sample::ns_per_op)});
        write_picks_plot(o.plot, points, shares, o.instances.front());
        out.say("The picture is in " + o.plot);
    }
    out.say(
        "try_pick: balancer.try_pick(service, options); picker: picker.try_pick(ec, key);\n"
        "co_await: co_await balancer.pick(service, options); co_await_picker: co_await picker.pick(key).\n"
        "In each the lease is returned by success(). floor: the next element of a plain array behind one version check.\n"
        "x alone: the rate over that of one such thread alone, which counts for several threads as they do.");
}

}    // namespace muster::bench
