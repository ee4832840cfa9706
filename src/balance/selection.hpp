// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include <muster/custom_policy.hpp>
#include <muster/policy.hpp>

#include <string_view>
#include <utility>

namespace muster::balance {

/// How a pick chooses and among whom: what a table is built for, besides the instances.
struct selection {
    policy how = policy::roundrobin;    ///< Left alone where there is a custom one.
    pool where = pool::normals_then_master;
    custom_policy custom = {};

    /// True if policy and pool say it all.
    bool plain() const noexcept { return !custom; }
    std::string_view name() const noexcept { return custom ? custom.name() : to_string(how); }

    friend bool operator==(const selection&, const selection&) = default;
};

}    // namespace muster::balance
