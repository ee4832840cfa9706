// Part of muster. Boost Software License 1.0, see LICENSE.
//
// The tables of the seven policies. Precondition of all: there is at least one node.
#pragma once

#include "balance/table.hpp"

namespace muster::balance {

table_ptr make_round_robin(node_list nodes);
table_ptr make_weighted_round_robin(node_list nodes);
table_ptr make_random(node_list nodes);
table_ptr make_weighted_random(node_list nodes);
table_ptr make_hash(node_list nodes);
table_ptr make_least_connect(node_list nodes);

/// The weights of `nodes`, in their order.
std::vector<std::uint32_t> weights_of(const node_list& nodes);

/// True if no weight differs from another.
bool equal_weights(const node_list& nodes) noexcept;

}    // namespace muster::balance
