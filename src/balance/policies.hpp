// Part of muster. Boost Software License 1.0, see LICENSE.
//
// The tables of the policies. Precondition of all: there is at least one node.
#pragma once

#include <muster/custom_policy.hpp>

#include "balance/claimant.hpp"
#include "balance/table.hpp"

namespace muster::balance {

table_ptr make_round_robin(node_list nodes);
table_ptr make_weighted_round_robin(node_list nodes);
table_ptr make_random(node_list nodes);
table_ptr make_weighted_random(node_list nodes);
table_ptr make_maglev(node_list nodes);
table_ptr make_least_connect(node_list nodes);
table_ptr make_two_choices(node_list nodes);
table_ptr make_peak_ewma(node_list nodes);
table_ptr make_ring_hash(node_list nodes);
table_ptr make_rendezvous(node_list nodes);
table_ptr make_bounded_hash(node_list nodes);

/// Of a policy of the user's. If it throws: a table that gives `policy_failed`.
table_ptr make_custom(node_list nodes, const custom_policy& p);

/// The identities and weights of `nodes`, in their order; views into them.
std::vector<claimant> claimants_of(const node_list& nodes);

/// The weights of `nodes`, in their order.
std::vector<std::uint32_t> weights_of(const node_list& nodes);

/// True if no weight differs from another.
bool equal_weights(const node_list& nodes) noexcept;

}    // namespace muster::balance
