// Part of muster. Boost Software License 1.0, see LICENSE.
#include "bench/discovery_bench.hpp"

#include "bench/relay.hpp"
#include "bench/server.hpp"
#include "bench/tally.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include <unistd.h>

namespace muster::bench {
namespace {

using std::chrono::milliseconds;

/// Beyond the pauses between the changes.
constexpr milliseconds patience{90'000};

struct discovery_tally : tally<discovery_impl, discovery_round> {
    double bytes_per_change = 0;
};

std::variant<discovery_round, failure> run_once(const discovery_impl& impl, const discovery_work& w) {
    const auto limit = 2 * (w.warm_up + w.changes) * w.pause * 2 + patience;
    return in_child<discovery_round>([&] { return impl.run(w); }, limit);
}

std::optional<failure> in_process_of_its_own(void (*work)(const discovery_work&), const discovery_work& w) {
    auto outcome = in_child<bool>(
        [&] {
            work(w);
            return true;
        },
        patience);
    if (auto* f = std::get_if<failure>(&outcome)) return std::move(*f);
    return std::nullopt;
}

/// Bytes do not depend on the moment, but who counts them slows down what passes: they have a run of their own.
void count_bytes(discovery_tally& t, discovery_work w) {
    const relay counted(w.observer);
    w.observer = counted.connect_string();
    w.changes = std::min(w.changes, 20U);
    w.bytes = [&] { return counted.bytes(); };
    auto outcome = run_once(t.impl, w);
    if (auto* r = std::get_if<discovery_round>(&outcome))
        t.bytes_per_change = r->bytes_per_change;
    else
        t.failed = std::get<failure>(std::move(outcome));
}

/// All rounds with one number of instances.
std::vector<discovery_tally> measure(const std::vector<discovery_impl>& impls, const discovery_work& w, unsigned rounds) {
    std::vector<discovery_tally> tallies;
    for (const discovery_impl& i : impls) count_bytes(tallies.emplace_back(discovery_tally{{i}}), w);
    add_rounds(tallies, rounds, [&w](const discovery_impl& i) { return run_once(i, w); });
    return tallies;
}

json_line line_of(const discovery_tally& t, const discovery_work& w, const std::string& server) {
    json_line l;
    l.add("bench", "discovery").add("impl", t.impl.name).add("instances", w.instances).add("server", server);
    if (t.failed) return l.add("error", t.failed->reason);
    l.add("bootstrap_ms", t.median_of(&discovery_round::bootstrap_ms));
    l.add("add_visible_us_p50", t.median_of(&discovery_round::add_p50_us));
    l.add("add_visible_us_p99", t.median_of(&discovery_round::add_p99_us));
    l.add("remove_visible_us_p50", t.median_of(&discovery_round::remove_p50_us));
    l.add("remove_visible_us_p99", t.median_of(&discovery_round::remove_p99_us));
    l.add("bytes_per_change", t.bytes_per_change);
    return l.add("rss_mib", t.median_of(&discovery_round::rss_mib));
}

std::vector<std::string> row_of(const discovery_tally& t, const discovery_work& w) {
    std::vector<std::string> row{std::to_string(w.instances), std::string(t.impl.name)};
    if (t.failed) {
        row.push_back("failed");
        return row;
    }
    for (const auto member : {&discovery_round::bootstrap_ms, &discovery_round::add_p50_us, &discovery_round::add_p99_us,
                              &discovery_round::remove_p50_us, &discovery_round::remove_p99_us})
        row.push_back(cell(t.median_of(member)));
    const double mib = t.median_of(&discovery_round::rss_mib);
    row.push_back(cell(t.bytes_per_change));
    row.push_back(cell(mib));
    row.push_back(cell(mib * 1024 * 1024 / static_cast<double>(w.instances)));
    return row;
}

std::vector<discovery_impl> chosen(const discovery_options& o, report& out) {
    std::vector<discovery_impl> impls;
    for (const discovery_impl& i : all_discovery_impls()) {
        if (std::find(o.impls.begin(), o.impls.end(), i.name) == o.impls.end()) continue;
        const std::string missing = i.missing ? i.missing() : "";
        if (missing.empty())
            impls.push_back(i);
        else
            out.say(fmt::format("The peer \"{}\" is not measured: {}", i.name, missing));
    }
    return impls;
}

}    // namespace

std::vector<discovery_impl> all_discovery_impls() {
    return {{"muster", &run_muster_discovery, nullptr}, {"curator", &run_curator_discovery, &why_no_curator}};
}

void bench_discovery(const discovery_options& o, report& out) {
    const auto impls = chosen(o, out);
    if (impls.empty()) return out.fail("discovery", {"none of the peers asked for is there"});
    const bench_server server(o.server, std::chrono::seconds(10));
    discovery_work w;
    w.observer = w.registrar = server.hosts();
    w.root = fmt::format("muster-bench-{}", getpid());
    w.changes = o.changes;
    for (const std::size_t instances : o.instances) {
        w.instances = instances;
        if (auto f = in_process_of_its_own(&populate, w))
            return out.fail(fmt::format("discovery: cannot prepare \"{}\"", server.hosts()), *f);
    }
    out.say(fmt::format("discovery: medians of {} rounds with {} changes each, server {}", o.rounds, 2 * o.changes, o.server));
    // Once unmeasured: the server's JIT compiler needs some load before its speed settles.
    w.instances = *std::max_element(o.instances.begin(), o.instances.end());
    for (const discovery_impl& i : impls) static_cast<void>(run_once(i, w));

    table t(2, {"instances", "peer", "bootstrap ms", "visible us", "p99", "gone us", "p99", "bytes/change", "RSS MiB",
                "bytes/instance"});
    for (const std::size_t instances : o.instances) {
        w.instances = instances;
        for (const discovery_tally& one : measure(impls, w, o.rounds)) {
            out.write(line_of(one, w, o.server));
            t.add(row_of(one, w));
            if (one.failed) out.fail(fmt::format("discovery: {} with {} instances", one.impl.name, instances), *one.failed);
        }
    }
    out.print(t);
    if (server.own()) return;
    if (auto f = in_process_of_its_own(&depopulate, w))
        out.fail(fmt::format("discovery: cannot remove /{} from \"{}\"", w.root, server.hosts()), *f);
}

}    // namespace muster::bench
