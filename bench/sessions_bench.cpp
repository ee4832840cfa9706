// Part of muster. Boost Software License 1.0, see LICENSE.
#include "bench/sessions_bench.hpp"

#include "bench/server.hpp"
#include "bench/tally.hpp"
#include "bench/usage.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>

namespace muster::bench {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// Beyond the time that the work itself takes: to connect and to close.
constexpr seconds patience{60};

using idle_tally = tally<idle_impl, idle_round>;

std::vector<idle_tally> measure(const std::vector<idle_impl>& impls, const idle_work& w, unsigned rounds) {
    const auto limit = std::chrono::ceil<milliseconds>(w.duration + 2 * w.ping_interval()) + patience;
    std::vector<idle_tally> tallies;
    for (const idle_impl& i : impls) tallies.push_back({i});
    add_rounds(tallies, rounds, [&](const idle_impl& i) { return in_child<idle_round>([&] { return i.run(w); }, limit); });
    return tallies;
}

/// The heap of a client with threads is scattered over arenas that cannot be asked about.
bool knows_heap(const idle_tally& t) { return t.impl.name == "muster"; }

json_line line_of(const idle_tally& t, const idle_work& w, const std::string& server) {
    json_line l;
    l.add("bench", "sessions").add("impl", t.impl.name).add("sessions", w.sessions);
    l.add("timeout_ms", static_cast<std::size_t>(w.timeout.count())).add("server", server);
    if (t.failed) return l.add("error", t.failed->reason);
    l.add("cpu_percent", t.median_of(&idle_round::cpu_percent));
    l.add("bytes_per_session", t.median_of(&idle_round::bytes_per_session));
    if (knows_heap(t)) l.add("heap_bytes_per_session", t.median_of(&idle_round::heap_per_session));
    return l;
}

std::vector<std::string> row_of(const idle_tally& t, const idle_work& w) {
    std::vector<std::string> row{std::string(t.impl.name), std::to_string(w.sessions)};
    if (t.failed) {
        row.push_back("failed");
        return row;
    }
    const auto kib = [](double bytes) { return cell(bytes / 1024); };
    row.push_back(fmt::format("{:.2f}", t.median_of(&idle_round::cpu_percent)));
    row.push_back(kib(t.median_of(&idle_round::bytes_per_session)));
    row.push_back(knows_heap(t) ? kib(t.median_of(&idle_round::heap_per_session)) : "");
    return row;
}

}    // namespace

idle_round watch_idle(idle_sessions& all, const idle_work& w) {
    using clock = std::chrono::steady_clock;
    all.open();
    all.await_connected();
    const memory before = memory::now();
    const auto start = clock::now();
    const auto others = static_cast<std::int64_t>(w.sessions - 1);
    for (std::int64_t i = 1; i <= others; ++i) {
        all.open();
        all.run_until(start + w.ping_interval() * i / (others + 1));
    }
    all.await_connected();
    all.run_until(clock::now() + w.ping_interval() * 3 / 2);

    const double cpu = cpu_seconds();
    const auto watched_since = clock::now();
    all.run_until(watched_since + w.duration);
    const std::chrono::duration<double> watched = clock::now() - watched_since;
    idle_round r;
    r.cpu_percent = (cpu_seconds() - cpu) / watched.count() * 100;
    const memory after = memory::now();
    all.check();
    r.bytes_per_session = (after.resident_bytes - before.resident_bytes) / static_cast<double>(others);
    r.heap_per_session = (after.heap_bytes - before.heap_bytes) / static_cast<double>(others);
    return r;
}

std::vector<idle_impl> all_idle_impls() {
    return {{"muster", &idle_muster, {}},
#ifdef MUSTER_BENCH_ZOOKEEPER_C
            {"c", &idle_zookeeper_c, {}}};
#else
            {"c", nullptr, "install Debian's package libzookeeper-mt-dev and build again"}};
#endif
}

void bench_sessions(const sessions_options& o, report& out) {
    std::vector<idle_impl> impls;
    for (const idle_impl& i : all_idle_impls()) {
        if (std::find(o.impls.begin(), o.impls.end(), i.name) == o.impls.end()) continue;
        if (i.run)
            impls.push_back(i);
        else
            out.say(fmt::format("The peer \"{}\" is not measured: {}", i.name, i.missing));
    }
    if (impls.empty()) return out.fail("sessions", {"none of the clients asked for is there"});
    const bench_server server(o.server, o.timeout);
    out.say(fmt::format("sessions: medians of {} rounds; idle for {} s, session timeout {} s, server {}", o.rounds,
                        std::chrono::duration<double>(o.duration).count(), std::chrono::duration<double>(o.timeout).count(),
                        o.server));
    idle_work w;
    w.hosts = server.hosts();
    w.timeout = o.timeout;
    w.duration = o.duration;
    table t(1, {"client", "sessions", "CPU %", "KiB each in RAM", "KiB each allocated"});
    for (const std::size_t n : o.sessions) {
        w.sessions = n;
        for (const idle_tally& one : measure(impls, w, o.rounds)) {
            out.write(line_of(one, w, o.server));
            t.add(row_of(one, w));
            if (one.failed) out.fail(fmt::format("sessions: {} of {}", n, one.impl.name), *one.failed);
        }
    }
    out.print(t);
}

}    // namespace muster::bench
