// Part of muster. Boost Software License 1.0, see LICENSE.
#include <muster/error.hpp>
#include <muster/policy.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <string>
#include <vector>

namespace muster {
namespace {

constexpr std::array policies{policy::roundrobin, policy::weightroundrobin, policy::random,       policy::weightrandom,
                              policy::iphash,     policy::urlhash,          policy::leastconnect, policy::p2c,
                              policy::peakewma,   policy::ringhash,         policy::maglev,       policy::rendezvous,
                              policy::boundedhash};
static_assert(policies.size() == policy_count);
constexpr std::array pools{pool::normals_then_master, pool::normals, pool::all, pool::master};

template <class Values>
std::string names(const Values& values) {
    std::vector<std::string_view> r;
    std::transform(values.begin(), values.end(), std::back_inserter(r), [](auto v) { return to_string(v); });
    return fmt::format("{}", fmt::join(r, ", "));
}

template <class Values>
auto with_name(const Values& values, std::string_view name) {
    return std::find_if(values.begin(), values.end(), [name](auto v) { return to_string(v) == name; });
}

}    // namespace

std::span<const policy> all_policies() noexcept { return policies; }

std::string_view to_string(policy p) noexcept {
    switch (p) {
        case policy::roundrobin:
            return "roundrobin";
        case policy::weightroundrobin:
            return "weightroundrobin";
        case policy::random:
            return "random";
        case policy::weightrandom:
            return "weightrandom";
        case policy::iphash:
            return "iphash";
        case policy::urlhash:
            return "urlhash";
        case policy::leastconnect:
            return "leastconnect";
        case policy::p2c:
            return "p2c";
        case policy::peakewma:
            return "peakewma";
        case policy::ringhash:
            return "ringhash";
        case policy::maglev:
            return "maglev";
        case policy::rendezvous:
            return "rendezvous";
        case policy::boundedhash:
            return "boundedhash";
    }
    return "unknown";
}

result<policy> parse_policy(std::string_view name) {
    if (const auto p = with_name(policies, name); p != policies.end()) return *p;
    return diagnostic(registry_errc::unknown_policy, fmt::format("policy '{}': expected one of {}", name, names(policies)));
}

bool needs_key(policy p) noexcept {
    return p == policy::iphash || p == policy::urlhash || p == policy::ringhash || p == policy::maglev ||
           p == policy::rendezvous || p == policy::boundedhash;
}

std::string_view to_string(pool p) noexcept {
    switch (p) {
        case pool::normals_then_master:
            return "normals_then_master";
        case pool::normals:
            return "normals";
        case pool::all:
            return "all";
        case pool::master:
            return "master";
    }
    return "unknown";
}

result<pool> parse_pool(std::string_view name) {
    if (const auto p = with_name(pools, name); p != pools.end()) return *p;
    return diagnostic(zk::client_errc::invalid_argument, fmt::format("pool '{}': expected one of {}", name, names(pools)));
}

}    // namespace muster
