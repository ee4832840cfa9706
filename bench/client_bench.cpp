// Part of muster. Boost Software License 1.0, see LICENSE.
#include "bench/client_bench.hpp"

#include "bench/server.hpp"
#include "bench/tally.hpp"

#include <fmt/format.h>

#include <unistd.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>

namespace muster::bench {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

/// Beyond the time that the work itself takes: to connect, to drain, to close.
constexpr milliseconds patience{20'000};

using client_tally = tally<client_impl, client_round>;

std::variant<client_round, failure> run_once(const client_impl& impl, const workload& w) {
    const auto limit = std::chrono::ceil<milliseconds>(w.warm_up + w.duration) + patience;
    return in_child<client_round>([&] { return impl.run(w); }, limit);
}

/// All rounds of one workload.
std::vector<client_tally> measure(const std::vector<client_impl>& impls, const workload& w, unsigned rounds) {
    std::vector<client_tally> tallies;
    for (const client_impl& i : impls) tallies.push_back({i});
    add_rounds(tallies, rounds, [&w](const client_impl& i) { return run_once(i, w); });
    return tallies;
}

json_line line_of(const client_tally& t, const workload& w, const std::string& server) {
    json_line l;
    l.add("bench", "client").add("impl", t.impl.name).add("op", to_string(w.op)).add("window", std::size_t{w.window});
    l.add("server", server);
    if (t.failed) return l.add("error", t.failed->reason);
    l.add("ops_per_s", t.median_of(&client_round::ops_per_s));
    l.add("cpu_us_per_op", t.median_of(&client_round::cpu_us_per_op));
    l.add("p50_us", t.median_of(&client_round::p50_us));
    l.add("p99_us", t.median_of(&client_round::p99_us));
    // The peers in C do not allocate by operator new.
    if (t.impl.name == "muster") l.add("allocs_per_op", t.median_of(&client_round::allocs_per_op));
    return l;
}

std::vector<std::string> row_of(const client_tally& t, const client_tally& reference, const workload& w) {
    std::vector<std::string> row{std::string(to_string(w.op)), std::to_string(w.window), std::string(t.impl.name)};
    if (t.failed) {
        row.push_back("failed");
        return row;
    }
    for (const auto member :
         {&client_round::ops_per_s, &client_round::cpu_us_per_op, &client_round::p50_us, &client_round::p99_us})
        row.push_back(cell(t.median_of(member)));
    row.push_back(t.impl.name == "muster" ? cell(t.median_of(&client_round::allocs_per_op)) : "");
    if (&t == &reference || reference.failed) return row;
    for (const auto member : {&client_round::ops_per_s, &client_round::cpu_us_per_op})
        row.push_back(fmt::format("{:.2f}", t.median_of(member) / reference.median_of(member)));
    return row;
}

/// The znodes that the work needs, for as long as it takes.
class znodes {
public:
    znodes(std::string hosts, std::string root) : hosts_(std::move(hosts)), root_(std::move(root)) {}
    std::optional<failure> make() const { return in_process_of_its_own(&prepare); }
    std::optional<failure> remove() const { return in_process_of_its_own(&clean_up); }

private:
    std::optional<failure> in_process_of_its_own(void (*work)(const std::string&, const std::string&)) const {
        auto outcome = in_child<bool>(
            [&] {
                work(hosts_, root_);
                return true;
            },
            patience);
        if (auto* f = std::get_if<failure>(&outcome)) return std::move(*f);
        return std::nullopt;
    }

    std::string hosts_;
    std::string root_;
};

std::vector<client_impl> chosen(const client_options& o, report& out) {
    std::vector<client_impl> impls;
    for (const client_impl& i : all_client_impls()) {
        if (std::find(o.impls.begin(), o.impls.end(), i.name) == o.impls.end()) continue;
        client_impl use = i;
        if (o.server == "embedded") {
            use.run = i.run_embedded;
            use.missing = "it has threads of its own, and does not run in that of the embedded server";
        }
        if (use.run)
            impls.push_back(use);
        else
            out.say(fmt::format("The peer \"{}\" is not measured: {}", use.name, use.missing));
    }
    return impls;
}

}    // namespace

std::vector<client_impl> all_client_impls() {
    return {{"muster", &run_muster, {}, &run_muster_embedded},
            {"muster-unbatched", &run_muster_unbatched, {}, nullptr},
            {"socket", &run_bare_socket, {}, nullptr},
#ifdef MUSTER_BENCH_ZOOKEEPER_C
            {"c", &run_zookeeper_c, {}, nullptr}};
#else
            {"c", nullptr, "install Debian's package libzookeeper-mt-dev and build again", nullptr}};
#endif
}

void bench_client(const client_options& o, report& out) {
    const auto impls = chosen(o, out);
    if (impls.empty()) return out.fail("client", {"none of the clients asked for is there"});
    const bool embedded = o.server == "embedded";
    std::optional<bench_server> server;
    if (!embedded) server.emplace(o.server, workload::session_timeout);
    const std::string hosts = server ? server->hosts() : o.server;
    const znodes nodes(hosts, fmt::format("/muster-bench-{}", getpid()));
    if (auto f = embedded ? std::nullopt : nodes.make()) return out.fail(fmt::format("client: cannot prepare \"{}\"", hosts), *f);

    out.say(fmt::format("client: medians of {} rounds of {} s, server {}{}", o.rounds,
                        std::chrono::duration<double>(o.duration).count(), o.server,
                        impls.size() > 1 ? fmt::format("; x: compared with {}", impls.back().name) : ""));
    workload w;
    w.hosts = hosts;
    w.root = fmt::format("/muster-bench-{}", getpid());
    w.op = o.ops.front();
    w.window = o.windows.back();
    // The server's JIT compiler needs some seconds of load before its speed settles.
    if (server && server->warms_up()) {
        w.duration = std::max<nanoseconds>(o.duration, std::chrono::seconds(3));
        for (const client_impl& i : impls) static_cast<void>(run_once(i, w));
    }
    w.duration = o.duration;
    w.warm_up = std::min<nanoseconds>(o.duration / 4, milliseconds(500));

    std::vector<std::string> head{"op",     "window", "client",       "ops/s",        "CPU us/op",
                                  "p50 us", "p99 us", "new calls/op", "x throughput", "x CPU"};
    table t(3, std::move(head));
    for (const client_op op : o.ops) {
        for (const unsigned window : o.windows) {
            w.op = op;
            w.window = window;
            const auto tallies = measure(impls, w, o.rounds);
            for (const client_tally& one : tallies) {
                out.write(line_of(one, w, o.server));
                t.add(row_of(one, tallies.back(), w));
                if (one.failed)
                    out.fail(fmt::format("client: {} {} window {}", one.impl.name, to_string(op), window), *one.failed);
            }
        }
    }
    out.print(t);
    if (embedded || server->own()) return;
    if (auto f = nodes.remove()) out.fail(fmt::format("client: cannot remove {} from \"{}\"", w.root, hosts), *f);
}

}    // namespace muster::bench
