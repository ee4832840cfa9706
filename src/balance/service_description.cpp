// Part of muster. Boost Software License 1.0, see LICENSE.
#include "balance/service_description.hpp"

#include "balance/plan.hpp"
#include "registry/go_json.hpp"
#include "registry/layout.hpp"

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace muster {
namespace balance {
namespace {

namespace json = boost::json;
using std::chrono::duration_cast;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;

constexpr auto relaxed = std::memory_order_relaxed;

condition condition_of(const node_state& s, std::int64_t now) noexcept {
    return s.shared ? s.shared->health.condition_of(s, now) : condition::healthy;
}

instance_description describe(const node& n, std::int64_t now) {
    const node_state& s = *n.state;
    instance_description d;
    d.identity = std::string(n.seen.identity);
    d.instance = *n.seen.instance;
    d.instance.password.clear();
    if (!d.instance.ip.empty()) d.address = fmt::format("{}:{}", d.instance.ip, d.instance.port);
    d.role = n.role;
    d.path = std::string(n.seen.path);
    d.czxid = n.seen.czxid;
    d.weight = n.weight;

    d.condition = condition_of(s, now);
    if (d.condition == condition::ejected)
        d.ejected_for = std::chrono::ceil<milliseconds>(nanoseconds(s.health.since.load(relaxed) - now));
    d.ejections = s.health.ejections.load(relaxed);
    d.failures_in_row = s.strikes.load(relaxed);

    d.open = n.open();
    d.latency = nanoseconds(static_cast<std::int64_t>(s.latency.load(relaxed)));
    d.successes = s.successes();
    d.unreachable = s.unreachable.load(relaxed);
    d.failed = s.failed.load(relaxed);
    d.overloaded = s.overloaded.load(relaxed);
    d.canceled = s.canceled.load(relaxed);
    d.abandoned = s.abandoned();
    // Not counted by picks, which would cost each of them.
    d.picks = d.open + d.successes + d.unreachable + d.failed + d.overloaded + d.canceled + d.abandoned;
    return d;
}

pool_description describe(pool p, const node_list& all, std::int64_t now) {
    const node_list in = select(p, all);
    const auto healthy = std::count_if(in.begin(), in.end(), [now](const node_ref& n) {
        const condition c = condition_of(*n->state, now);
        return c != condition::ejected && c != condition::on_trial;
    });
    return {p, in.size(), static_cast<std::size_t>(healthy)};
}

}    // namespace

service_description describe(std::string service, const exhibit& shown, std::chrono::steady_clock::time_point now) {
    const std::int64_t ticks = nanoseconds(now.time_since_epoch()).count();
    service_description d;
    d.service = std::move(service);
    d.known = shown.known;
    d.stale = shown.stale;
    if (shown.stale && shown.since.time_since_epoch().count() != 0) d.age = duration_cast<milliseconds>(now - shown.since);
    for (const pool p : {pool::normals_then_master, pool::normals, pool::all, pool::master})
        d.pools.push_back(describe(p, shown.nodes, ticks));
    d.instances.reserve(shown.nodes.size());
    for (const node_ref& n : shown.nodes) {
        d.instances.push_back(describe(*n, ticks));
        d.instances.back().held_back = shown.holds_back(n->seen.identity);
    }
    d.rejected = shown.rejected.size();
    return d;
}

json::object to_json_object(const instance_description& i) {
    static const auto layout = registry::make_micro_service_layout();
    json::object znode = std::move(registry::parse_go_json(layout->encode(i.instance)).value().get_object());
    json::object o;
    for (auto& [key, value] : znode) {
        if (key != "userpwd") o.emplace(key, std::move(value));
    }
    json::object failures;
    failures["unreachable"] = i.unreachable;
    failures["failed"] = i.failed;
    failures["overloaded"] = i.overloaded;
    o["weight"] = i.weight;
    o["identity"] = i.identity;
    o["address"] = i.address;
    o["role"] = to_string(i.role);
    o["path"] = i.path;
    o["czxid"] = i.czxid;
    o["condition"] = to_string(i.condition);
    o["ejected_for_ms"] = i.ejected_for.count();
    o["ejections"] = i.ejections;
    o["failures_in_row"] = i.failures_in_row;
    o["held_back"] = i.held_back;
    o["open"] = i.open;
    o["latency_us"] = std::chrono::round<std::chrono::microseconds>(i.latency).count();
    o["picks"] = i.picks;
    o["successes"] = i.successes;
    o["failures"] = std::move(failures);
    o["canceled"] = i.canceled;
    o["abandoned"] = i.abandoned;
    return o;
}

}    // namespace balance

const char* to_string(condition c) noexcept {
    switch (c) {
        case condition::healthy:
            return "healthy";
        case condition::ejected:
            return "ejected";
        case condition::on_trial:
            return "on_trial";
        case condition::slow_start:
            return "slow_start";
        case condition::recovering:
            return "recovering";
    }
    return "unknown";
}

std::string to_json(const service_description& d) {
    namespace json = boost::json;
    json::object pools;
    for (const pool_description& p : d.pools) {
        json::object numbers;
        numbers["instances"] = p.instances;
        numbers["healthy"] = p.healthy;
        pools[to_string(p.pool)] = std::move(numbers);
    }
    json::array instances;
    for (const instance_description& i : d.instances) instances.push_back(balance::to_json_object(i));
    json::object o;
    o["service"] = d.service;
    o["known"] = d.known;
    o["stale"] = d.stale;
    o["age_ms"] = d.age.count();
    o["pools"] = std::move(pools);
    o["instances"] = std::move(instances);
    o["rejected"] = d.rejected;
    return json::serialize(o);
}

}    // namespace muster
