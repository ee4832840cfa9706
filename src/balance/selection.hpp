// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include <muster/custom_policy.hpp>
#include <muster/filter.hpp>
#include <muster/policy.hpp>

#include <string>
#include <string_view>
#include <utility>

namespace muster::balance {

/// How a pick chooses and among whom: what a plan is made for, besides the instances.
struct selection {
    policy how = policy::roundrobin;    ///< Left alone where there is a custom one.
    pool where = pool::normals_then_master;
    custom_policy custom = {};
    filter_chain filters = {};

    /// True if policy and pool say it all.
    bool plain() const noexcept { return !custom && filters.empty(); }
    /// True if the key alone decides, so that all clients must choose from the same instances.
    bool by_key() const noexcept { return !custom && needs_key(how); }
    std::string_view name() const noexcept { return custom ? custom.name() : to_string(how); }

    friend bool operator==(const selection&, const selection&) = default;
};

/// "service 'cart', policy roundrobin, pool all": what a pick was for, to be said when it fails.
std::string describe_pick(std::string_view service, const selection& s);

}    // namespace muster::balance
