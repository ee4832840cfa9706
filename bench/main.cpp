// Part of muster. Boost Software License 1.0, see LICENSE.
//
// `./dev bench [picks|client|discovery|sessions] ...`: without a name, all benches with what they do by default.
#include "bench/client_bench.hpp"
#include "bench/discovery_bench.hpp"
#include "bench/picks_bench.hpp"
#include "bench/server.hpp"
#include "bench/sessions_bench.hpp"

#include <muster/zk/connect_string.hpp>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <string>
#include <vector>

namespace muster::bench {
namespace {

constexpr int exit_failed = 1;
constexpr int exit_usage = 2;

/// What is common to all benches.
struct common_options {
    std::string json;
    unsigned rounds = 5;
    double seconds = 0;    ///< 0: what the bench takes by default.
};

std::chrono::nanoseconds duration_of(const common_options& c, std::chrono::nanoseconds by_default) {
    if (c.seconds == 0) return by_default;
    return std::chrono::nanoseconds(std::llround(c.seconds * 1e9));
}

/// `values` without repetitions, in the order given.
template <class T>
std::vector<T> unique(const std::vector<T>& values) {
    std::vector<T> once;
    for (const T& v : values)
        if (std::find(once.begin(), once.end(), v) == once.end()) once.push_back(v);
    return once;
}

/// The values of a list of names, all of which are known: CLI11 has checked them.
template <class Parse, class T>
std::vector<T> parsed(const std::vector<std::string>& names, Parse parse, const std::vector<T>& all) {
    std::vector<T> values;
    for (const std::string& name : names) values.push_back(parse(name).value());
    return values.empty() ? all : unique(values);
}

template <class Range>
std::vector<std::string> names_of(const Range& values) {
    std::vector<std::string> names;
    for (const auto v : values) names.emplace_back(to_string(v));
    return names;
}

/// Adds an option with one or more of the values in `range`, apart by spaces or commas.
template <class T>
CLI::Option* add_numbers(CLI::App& app, const char* name, std::vector<T>& into, CLI::Range range, const char* what) {
    return app.add_option(name, into, what)->delimiter(',')->check(range)->capture_default_str();
}

void add_server(CLI::App& app, std::string& into, const char* what) {
    app.add_option("--server", into, what)->capture_default_str();
}

CLI::Option* add_names(CLI::App& app, const char* name, std::vector<std::string>& into, std::vector<std::string> known,
                       const char* what) {
    return app.add_option(name, into, what)->delimiter(',')->check(CLI::IsMember(std::move(known)));
}

void add_common(CLI::App& app, common_options& c) {
    app.add_option("--json", c.json, "Write one JSON object per line to this file");
    app.add_option("--rounds", c.rounds, "Rounds; their medians are given")->check(CLI::Range(1, 1000))->capture_default_str();
    app.add_option("--seconds", c.seconds,
                   "Time of each measurement in a round (default: 0.05 for picks, 1 for client, 10 for sessions; discovery "
                   "counts changes)")
        ->check(CLI::Range(0.001, 3600.0));
}

int run(int argc, char** argv) {
    CLI::App app("Measures muster, and others that do the same work.", "bench");
    app.fallthrough();
    app.require_subcommand(0, 1);
    common_options common;
    add_common(app, common);

    std::vector<std::string> policies;
    std::vector<std::string> apis;
    picks_options picks;
    picks.instances = {4, 33, 1000, 10'000};
    picks.threads = {1, 2};
    CLI::App* picks_app = app.add_subcommand("picks", "Picks from a known view");
    add_names(*picks_app, "--policy", policies, names_of(all_policies()), "Policies (default: all)");
    add_numbers(*picks_app, "--instances", picks.instances, CLI::Range(1, 50'000), "Instances of the service");
    add_numbers(*picks_app, "--threads", picks.threads, CLI::Range(1, 256), "Threads that pick at the same time");
    add_names(*picks_app, "--api", apis, names_of(all_pick_apis), "Ways to pick (default: all)");

    picks_app->add_option("--plot", picks.plot, "Draw the cost by size, and who gets the picks, into this SVG file");

    std::vector<std::string> ops;
    std::vector<std::string> impl_names;
    for (const client_impl& i : all_client_impls()) impl_names.emplace_back(i.name);
    client_options client;
    client.windows = {1, 64};
    client.impls = {"muster", "c"};
    CLI::App* client_app = app.add_subcommand("client", "Operations of ZooKeeper clients on the same server");
    add_names(*client_app, "--op", ops, names_of(all_client_ops), "Operations (default: get)");
    add_numbers(*client_app, "--window", client.windows, CLI::Range(1, 100'000), "Operations outstanding at a time");
    add_server(*client_app, client.server,
               "`apache` and `embedded-process` are started, `embedded` is in the client's own thread; else a connect string");
    add_names(*client_app, "--impl", client.impls, impl_names, "Clients")->capture_default_str();

    std::vector<std::string> peer_names;
    for (const discovery_impl& i : all_discovery_impls()) peer_names.emplace_back(i.name);
    discovery_options discovery;
    discovery.instances = {100, 1000, 10'000};
    discovery.impls = peer_names;
    CLI::App* discovery_app = app.add_subcommand("discovery", "Services with many instances, and changes of them");
    add_numbers(*discovery_app, "--instances", discovery.instances, CLI::Range(1, 50'000), "Instances of the service");
    discovery_app->add_option("--changes", discovery.changes, "Registrations, and as many removals, per round")
        ->check(CLI::Range(1, 100'000))
        ->capture_default_str();
    add_server(*discovery_app, discovery.server, "`apache` and `embedded-process` are started; else a connect string");
    add_names(*discovery_app, "--impl", discovery.impls, peer_names, "Peers")->capture_default_str();

    std::vector<std::string> idle_names;
    for (const idle_impl& i : all_idle_impls()) idle_names.emplace_back(i.name);
    sessions_options idle;
    idle.sessions = {1000};
    idle.impls = idle_names;
    double session_timeout = 10;
    CLI::App* sessions_app = app.add_subcommand("sessions", "Sessions that nobody uses, many in one process");
    add_numbers(*sessions_app, "--sessions", idle.sessions, CLI::Range(2, 100'000), "Sessions open at a time");
    sessions_app->add_option("--session-timeout", session_timeout, "Of each session, in seconds; it pings after a third of it")
        ->check(CLI::Range(0.1, 3600.0))
        ->capture_default_str();
    add_server(*sessions_app, idle.server, "`apache` and `embedded-process` are started; else a connect string");
    add_names(*sessions_app, "--impl", idle.impls, idle_names, "Clients")->capture_default_str();

    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& e) {
        return app.exit(e) == 0 ? 0 : exit_usage;
    }
    for (const std::string& server : {discovery.server, idle.server}) {
        if (server != "embedded") continue;
        fmt::print(stderr, "--server: embedded: expected embedded-process, since the client's process is measured\n");
        return exit_usage;
    }
    for (const std::string& server : {client.server, discovery.server, idle.server}) {
        if (server == bench_server::apache || server == bench_server::embedded || server == "embedded") continue;
        if (const auto hosts = zk::connect_string::parse(server); !hosts) {
            fmt::print(stderr, "--server: {}\n", hosts.error().message);
            return exit_usage;
        }
    }

    report out(common.json);
#ifndef __OPTIMIZE__
    out.say("This is not an optimised build: its numbers mean nothing.");
#endif
    const bool all = app.get_subcommands().empty();
    if (all || picks_app->parsed()) {
        const auto every = all_policies();
        picks.policies = parsed(policies, parse_policy, std::vector<policy>(every.begin(), every.end()));
        picks.apis = parsed(apis, parse_pick_api, std::vector<pick_api>(all_pick_apis.begin(), all_pick_apis.end()));
        picks.instances = unique(picks.instances);
        picks.threads = unique(picks.threads);
        picks.rounds = common.rounds;
        picks.duration = duration_of(common, std::chrono::milliseconds(50));
        bench_picks(picks, out);
    }
    if (all || client_app->parsed()) {
        client.ops = parsed(ops, parse_client_op, std::vector<client_op>{client_op::get});
        client.windows = unique(client.windows);
        client.rounds = common.rounds;
        client.duration = duration_of(common, std::chrono::seconds(1));
        bench_client(client, out);
    }
    if (all || discovery_app->parsed()) {
        discovery.instances = unique(discovery.instances);
        discovery.rounds = common.rounds;
        bench_discovery(discovery, out);
    }
    if (all || sessions_app->parsed()) {
        idle.sessions = unique(idle.sessions);
        idle.timeout = std::chrono::milliseconds(std::llround(session_timeout * 1e3));
        idle.rounds = common.rounds;
        idle.duration = duration_of(common, std::chrono::seconds(10));
        bench_sessions(idle, out);
    }
    out.finish();
    return out.failed() ? exit_failed : 0;
}

}    // namespace
}    // namespace muster::bench

int main(int argc, char** argv) {
    try {
        return muster::bench::run(argc, argv);
    } catch (const std::exception& e) {
        std::fflush(stdout);
        fmt::print(stderr, "bench: {}\n", e.what());
        return muster::bench::exit_failed;
    }
}
