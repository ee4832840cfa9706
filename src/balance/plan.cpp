// Part of muster. Boost Software License 1.0, see LICENSE.
#include "balance/plan.hpp"

#include "balance/policies.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <string>
#include <string_view>

namespace muster::balance {
namespace {

node_list of_role(role r, const node_list& all) {
    node_list chosen;
    if (r == role::normal) chosen.reserve(all.size());    // nearly all are
    std::copy_if(all.begin(), all.end(), std::back_inserter(chosen), [r](const node_ref& n) { return n->role == r; });
    return chosen;
}

node_list matching(const filter& f, const node_list& all) {
    node_list chosen;
    std::copy_if(all.begin(), all.end(), std::back_inserter(chosen),
                 [&f](const node_ref& n) { return f.matches(*n->seen.instance); });
    return chosen;
}

// Lists are moved, not copied as from an initializer list: to copy one touches all of its nodes.
std::vector<node_list> groups_of(pool p, const node_list& all) {
    std::vector<node_list> groups;
    switch (p) {
        case pool::normals_then_master:
            groups.push_back(of_role(role::normal, all));
            if (groups.back().size() != all.size()) groups.push_back(of_role(role::master, all));
            break;
        case pool::normals:
            groups.push_back(of_role(role::normal, all));
            break;
        case pool::master:
            groups.push_back(of_role(role::master, all));
            break;
        case pool::all:
            groups.push_back(all);
            break;
    }
    return groups;
}

/// Calls `f` with those who take work, then with those who start or drain: nobody turns to these while another is to be had.
template <class Function>
void for_each_readiness(const node_list& all, Function f) {
    const auto is_ready = [](const node_ref& n) { return n->ready; };
    if (std::all_of(all.begin(), all.end(), is_ready)) return f(all);
    node_list ready, others;
    std::partition_copy(all.begin(), all.end(), std::back_inserter(ready), std::back_inserter(others), is_ready);
    f(ready);
    f(others);
}

void append(std::vector<node_list>& to, node_list group) {
    if (group.empty() || std::find(to.begin(), to.end(), group) != to.end()) return;
    to.push_back(std::move(group));
}

table_ptr build(const selection& s, node_list nodes, bool first) {
    if (s.custom) return make_custom(std::move(nodes), s.custom);
    // Whom picks turn to is often the master alone: that takes no table of 65537 slots. The key was asked for by the first.
    if (!first && nodes.size() == 1) return make_round_robin(std::move(nodes));
    return build_table(s.how, std::move(nodes));
}

}    // namespace

node_list select(pool p, const node_list& all) {
    node_list first;
    for_each_readiness(all, [&](const node_list& some) {
        for (node_list& group : groups_of(p, some)) {
            if (first.empty()) first = std::move(group);
        }
    });
    return first;
}

std::vector<node_list> groups_of(const selection& s, const node_list& all, const subset& part) {
    std::vector<node_list> groups;
    const auto add_pool = [&](const node_list& matched) {
        for (node_list& group : groups_of(s.where, matched)) {
            if (part.divides(group.size()) && !s.by_key()) append(groups, part.of(group));
            append(groups, std::move(group));
        }
    };
    for_each_readiness(all, [&](const node_list& some) {
        if (s.filters.empty()) add_pool(some);
        for (const filter& f : s.filters.filters()) add_pool(matching(f, some));
    });
    return groups;
}

plan_ptr make_plan(const selection& s, const node_list& all, const subset& part, const plan& before) {
    std::vector<node_list> groups = groups_of(s, all, part);
    if (groups.empty()) {
        return std::make_shared<const plan>(
            build_empty_table(s.where == pool::master ? registry_errc::no_master : registry_errc::no_instances));
    }
    std::vector<table_ptr> tables;
    std::size_t kept = 0;
    for (std::size_t i = 0; i < groups.size(); ++i) {
        // An empty table does not tell why it is empty: it is never kept.
        if (i < before.tables().size() && before.tables()[i]->nodes() == groups[i]) {
            tables.push_back(before.tables()[i]);
            ++kept;
        } else {
            tables.push_back(build(s, std::move(groups[i]), i == 0));
        }
    }
    if (kept == groups.size() && kept == before.tables().size()) return nullptr;
    return std::make_shared<const plan>(std::move(tables));
}

plan_ptr make_plan(const selection& s, const node_list& all, const subset& part) {
    return make_plan(s, all, part, plan(build_empty_table(registry_errc::unknown_service)));
}

std::string describe_pick(std::string_view service, const selection& s) {
    return fmt::format("service '{}', policy {}, pool {}", service, s.name(), to_string(s.where));
}

}    // namespace muster::balance
