// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include <muster/instance.hpp>
#include <muster/policy.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace muster {

/// What picks an instance gets for how its calls went and how long it has been there: see `health_params`.
enum class condition {
    healthy,       ///< All that are its own.
    ejected,       ///< None.
    on_trial,      ///< Few, after an ejection.
    slow_start,    ///< A share that grows.
    recovering,    ///< What it can take, while too few are back after all were gone.
};

/// Name of a condition, as it is written above.
const char* to_string(condition c) noexcept;

/// What a balancer knows of one instance, and what it has done with it. All counts are of this balancer, from when it first saw
/// the identity; they survive promotion, updates and absence for as long as `balancer_params::remember`.
struct instance_description {
    std::string identity;
    std::string address;          ///< `ip:port`; empty where it has none.
    muster::instance instance;    ///< As published, without the password; `state` is what it says of itself, e.g. `draining`.
    muster::role role = role::normal;
    std::string path;            ///< Of its znode.
    std::int64_t czxid = 0;      ///< Transaction that created the znode.
    std::uint32_t weight = 1;    ///< As picks use it: 1 to `max_weight`.

    muster::condition condition = condition::healthy;
    std::chrono::milliseconds ejected_for{0};    ///< What is left of its ejection.
    std::uint64_t ejections = 0;                 ///< So far.
    std::uint32_t failures_in_row = 0;           ///< Since the last success, or since it has been on trial.

    bool held_back = false;    ///< Not seen any more, but counted as registered: `balancer_params::hold_back_percentage`.

    std::uint32_t open = 0;                 ///< Leases that are out.
    std::chrono::nanoseconds latency{0};    ///< What a call takes, peaks first; 0: unknown. Learned under `p2c` and `peakewma`.
    std::uint64_t picks = 0;                ///< Leases so far: the sum of those that are out and of the following.
    std::uint64_t successes = 0;
    std::uint64_t unreachable = 0;    ///< Failures of `failure_class::unreachable`; and so on.
    std::uint64_t failed = 0;
    std::uint64_t overloaded = 0;
    std::uint64_t canceled = 0;
    std::uint64_t abandoned = 0;    ///< Destroyed without a word.
};

/// Whom picks from a pool choose among: those who take work, where there are any (`instance::state`).
struct pool_description {
    muster::pool pool = pool::all;
    std::size_t instances = 0;
    std::size_t healthy = 0;    ///< Of these, neither ejected nor on trial.
};

/// What a balancer knows of a service, at one moment, for people and dashboards.
struct service_description {
    std::string service;
    bool known = false;                             ///< False until the service was read once.
    bool stale = true;                              ///< True while changes may be missed.
    std::chrono::milliseconds age{0};               ///< Since the view was last known to be right; 0 while it is fresh.
    std::vector<pool_description> pools;            ///< All four.
    std::vector<instance_description> instances;    ///< Sorted by identity.
    std::size_t rejected = 0;                       ///< Children that are no usable instance; `balancer::view` tells why.
};

/// As one JSON object, without white space. Instances have the keys of the znode but `userpwd`, then those of the members above:
/// `unreachable`, `failed` and `overloaded` in an object `failures`, durations with their unit: `ejected_for_ms`, `latency_us`,
/// `age_ms`. The pools are an object by their names.
std::string to_json(const service_description& d);

}    // namespace muster
