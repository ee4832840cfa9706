// Part of muster. Boost Software License 1.0, see LICENSE.
//
// Among whom a picker chooses, and whom it turns to when none of those is to be had.
#pragma once

#include "balance/selection.hpp"
#include "balance/subset.hpp"
#include "balance/table.hpp"

#include <memory>
#include <utility>
#include <vector>

namespace muster::balance {

/// The tables of one selection, in the order in which they are tried: usual picks see the first one only. Immutable.
class plan {
public:
    explicit plan(table_ptr only) { tables_.push_back(std::move(only)); }
    /// Precondition: there is one at least.
    explicit plan(std::vector<table_ptr> in_order) : tables_(std::move(in_order)) {}

    const table* first() const noexcept { return tables_.front().get(); }
    const std::vector<table_ptr>& tables() const noexcept { return tables_; }

private:
    std::vector<table_ptr> tables_;
};

using plan_ptr = std::shared_ptr<const plan>;

/// The nodes of `all` among whom a pick from `p` chooses if all are healthy.
node_list select(pool p, const node_list& all);

/// Whom of `all` a pick may go to, group by group: for each filter the groups of the pool, of a group to be divided the client's
/// subset first; those who are not ready only behind all who are. None is empty, and no two are equal.
std::vector<node_list> groups_of(const selection& s, const node_list& all, const subset& part);

/// The plan of `s` for `all`. Nobody there: a table that gives `no_master` for `pool::master`, else `no_instances`.
plan_ptr make_plan(const selection& s, const node_list& all, const subset& part = {});

/// The same, with the tables of `before`, a plan of `s`, where they have the same nodes; null if that is so for all.
plan_ptr make_plan(const selection& s, const node_list& all, const subset& part, const plan& before);

}    // namespace muster::balance
