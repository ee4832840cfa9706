// Part of muster. Boost Software License 1.0, see LICENSE.
#include "cli/commands.hpp"
#include "cli/output.hpp"
#include "cli/values.hpp"

#include <muster/balancer.hpp>

#include "balance/service_description.hpp"
#include "registry/layout.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/experimental/parallel_group.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <exception>
#include <string>
#include <utility>
#include <vector>

namespace muster::cli {
namespace {

using namespace asio::experimental::awaitable_operators;

/// How many instances a service has, by the names of its znodes.
struct service_count {
    std::string service;
    std::size_t masters = 0;
    std::size_t normals = 0;
    error_code error;    ///< Why they could not be counted.
};

/// The names below a path, sorted; none where the path does not exist.
asio::awaitable<std::vector<std::string>> names_below(zk::client client, std::string path, error_code& failed) {
    auto [ec, found] = co_await client.children(path, asio::as_tuple(asio::use_awaitable));
    if (ec && ec != zk::server_errc::no_node) failed = ec;
    std::sort(found.names.begin(), found.names.end());
    co_return std::move(found.names);
}

/// The services to count, and which is next.
struct counting {
    std::vector<service_count> counts;
    std::size_t next = 0;
};

/// Counts one service after the other, until all are counted or being counted.
asio::awaitable<void> count_in_turn(zk::client client, std::string prefix, counting& all) {
    const auto layout = registry::make_micro_service_layout();
    while (all.next < all.counts.size()) {
        service_count& count = all.counts[all.next++];
        const auto children = co_await names_below(client, layout->service_path(prefix, count.service), count.error);
        for (const std::string& child : children) {
            const role r = layout->role_of(child);
            if (r == role::master) ++count.masters;
            if (r == role::normal) ++count.normals;
        }
    }
}

asio::awaitable<std::vector<service_count>> count_services(environment& env, zk::client client, std::string prefix) {
    constexpr std::size_t window = 128;    // reads in flight
    counting all;
    error_code failed;
    const auto services = co_await names_below(client, "/" + prefix, failed);
    if (failed) throw boost::system::system_error(failed, "/" + prefix);
    if (services.empty()) co_return all.counts;
    for (const std::string& service : services) all.counts.emplace_back().service = service;
    const auto ex = env.io.get_executor();
    using part = decltype(asio::co_spawn(ex, count_in_turn(client, prefix, all), asio::deferred));
    std::vector<part> parts;
    for (std::size_t i = 0; i < std::min(window, services.size()); ++i)
        parts.push_back(asio::co_spawn(ex, count_in_turn(client, prefix, all), asio::deferred));
    auto together = asio::experimental::make_parallel_group(std::move(parts));
    const auto [order, failures] = co_await together.async_wait(asio::experimental::wait_for_one_error(), asio::use_awaitable);
    for (const std::size_t i : order) {    // the first failure has cancelled the others
        if (failures[i]) std::rethrow_exception(failures[i]);
    }
    co_return std::move(all.counts);
}

asio::awaitable<int> list_services(environment& env, zk::client client) {
    const std::vector<service_count> counts = co_await count_services(env, client, env.options.prefix);
    if (counts.empty()) {
        diagnose(fmt::format("no service below '/{}'", env.options.prefix));
        co_return exit_nothing_found;
    }
    table rows({"SERVICE", "INSTANCES", "MASTER", "NORMALS"});
    int code = exit_done;
    for (const service_count& c : counts) {
        if (c.error) {
            code = exit_failed;
            diagnose(fmt::format("service '{}' cannot be listed: {}", printable(c.service), c.error.message()));
            if (env.json)
                print_json({{"service", c.service}, {"error", c.error.message()}});
            else
                rows.add({printable(c.service), "?", "?", "?"});
            continue;
        }
        const auto all = c.masters + c.normals;
        if (env.json) {
            print_json({{"service", c.service}, {"instances", all}, {"masters", c.masters}, {"normals", c.normals}});
        } else {
            rows.add({printable(c.service), std::to_string(all), c.masters > 0 ? "yes" : "no", std::to_string(c.normals)});
        }
    }
    if (!env.json) rows.print();
    co_return code;
}

void print_lines(const service_description& d) {
    for (const instance_description& i : d.instances) {
        json::object o = to_json(i.instance, secrets::hide);
        append(o, {{"role", to_string(i.role)}, {"path", i.path}, {"czxid", i.czxid}, {"stale", d.stale}});
        append(o, balance::to_json_object(i));
        append(o, {{"age_ms", d.age.count()}});
        print_json(o);
    }
}

/// What the balancer makes of it, and what it says of itself, if that is something else.
std::string state_of(const instance_description& i) {
    std::string own = to_string(i.condition);
    if (i.held_back) own += ", held back";
    return i.instance.state.empty() || i.instance.state == own ? own : own + ", " + printable(i.instance.state);
}

void print_table(const service_description& d) {
    table rows({"ROLE", "ADDRESS", "WEIGHT", "STATE", "OPEN", "EJECTIONS", "ZNODE", "UNIQUE CODE"});
    for (const instance_description& i : d.instances) {
        rows.add({to_string(i.role), printable(address_of(i.instance)), std::to_string(i.weight), state_of(i),
                  std::to_string(i.open), std::to_string(i.ejections), printable(i.path), printable(i.instance.unique_code)});
    }
    if (d.instances.empty()) return;
    rows.print();
    std::string pools;
    for (const pool_description& p : d.pools)
        pools += fmt::format("{}{} {}", pools.empty() ? "pools: " : ", ", to_string(p.pool), p.instances);
    print_text(fmt::format("{}; age {} ms", pools, d.age.count()));
}

void print_service(environment& env, const service_description& d, const service_view& v) {
    if (env.json)
        print_lines(d);
    else
        print_table(d);
    for (const rejected_node& r : v.rejected) {
        if (env.json)
            print_json({{"rejected", r.path}, {"reason", r.reason}});
        else
            print_text(fmt::format("rejected  {}: {}", printable(r.path), printable(r.reason)));
    }
    if (!env.json && d.stale) print_text("This view is stale: changes may be missing.");
}

// Within it the command says what it has learned of a service that it could not read.
constexpr auto grace = std::chrono::milliseconds(200);

/// Reads until the view is complete. The stream of changes tells of that by `fresh`.
asio::awaitable<void> complete(change_stream& changes) {
    for (;;) {
        const change c = co_await changes.next(asio::use_awaitable);
        if (c.what == change::kind::fresh) co_return;
    }
}

asio::awaitable<int> list_instances(environment& env, zk::client client, runtime::duration wait) {
    balancer_params params;
    params.prefix = env.options.prefix;
    balancer lb(client, std::move(params));
    change_stream changes = lb.changes(env.options.service).value();
    const bool read = co_await within(env, wait, complete(changes));
    const service_view v = lb.view(env.options.service).value();
    if (!read) {
        const bool refused = v.last_error.category() == zk::server_category();
        diagnose(refused ? unreadable(env.options, v.last_error) : not_in_full(env.options));
        co_return refused ? exit_failed : exit_not_reached;
    }
    if (v.instances.empty() && v.rejected.empty()) {
        diagnose(fmt::format("no instance of service '{}' below '/{}'", env.options.service, env.options.prefix));
        co_return exit_nothing_found;
    }
    print_service(env, lb.describe(env.options.service).value(), v);
    co_return exit_done;
}

asio::awaitable<int> list(environment& env, zk::client client, runtime::time_point end) {
    const bool rooted = co_await has_chroot(client);
    if (!rooted) {
        diagnose(no_chroot(env.options));
        co_return exit_nothing_found;
    }
    if (env.options.service.empty()) co_return co_await list_services(env, client);
    co_return co_await list_instances(env, client, end - env.world.now());
}

}    // namespace

asio::awaitable<int> run_ls(environment& env) {
    const auto wait = *env.options.wait;
    const auto end = env.world.now() + wait;
    zk::client client(env.io, env.options.zk);
    const bool reached = co_await reach(env, client, wait);
    if (!reached) co_return exit_not_reached;
    const auto first = co_await (guarded(list(env, client, end)) || pause(env, end + grace - env.world.now()));
    if (first.index() != 0) {
        diagnose(not_in_full(env.options));
        co_return exit_not_reached;
    }
    co_await leave(env, client);
    co_return std::get<0>(first);
}

}    // namespace muster::cli
