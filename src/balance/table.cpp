// Part of muster. Boost Software License 1.0, see LICENSE.
#include "balance/table.hpp"

#include "balance/hash.hpp"
#include "balance/policies.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace muster::balance {
namespace {

class empty_table final : public table {
public:
    explicit empty_table(registry_errc why) : table({}), why_(why) {}

    node* pick(pick_state&, std::string_view, error_code& ec) const noexcept override {
        ec = why_;
        return nullptr;
    }

private:
    registry_errc why_;
};

}    // namespace

// (cursor * n + r) / cycle, with r in [0, n), is uniform over [0, n) if the cursor is over [0, cycle).
void pick_state::rescale(std::uint32_t n) noexcept {
    const std::uint64_t cycle = cycle_ == 0 ? std::uint64_t{1} << 32 : cycle_;
    cursor_ = static_cast<std::uint32_t>((std::uint64_t{cursor_} * n + random_below(n)) / cycle);
    cycle_ = n;
}

table::table(node_list nodes) : nodes_(std::move(nodes)) {
    for (const node_ref& n : nodes_) {
        if (const node_ref p(n->predecessor.load(std::memory_order_relaxed)); p) append_with_predecessors(predecessors_, p);
    }
}

node* table::pick_if(pick_state& s, std::string_view, eligibility& e) const noexcept {
    if (nodes_.empty()) return nullptr;
    // A rotation just goes on, by one turn more, so that nobody gets twice its share for standing behind one that is out.
    for (int draws = 0; draws < 8; ++draws) {
        error_code ec;
        if (node* n = pick(s, {}, ec); n && e(*n)) return n;
    }
    // It stands in front of many that are out, such as those of one subnet: who comes behind them must not get all of their
    // picks. So from elsewhere, each time.
    for (int draws = 0; draws < 32; ++draws) {
        pick_state anywhere(s.random());
        anywhere.stripe = s.stripe;
        error_code ec;
        node* const n = pick(anywhere, {}, ec);
        s.loan = anywhere.loan;
        s.own = anywhere.own;
        if (n && e(*n)) return n;
    }
    // Few are allowed. Among very many they are not looked for for ever.
    return first_allowed(s.random_below(static_cast<std::uint32_t>(nodes_.size())), e);
}

node* table::by_lot(std::uint64_t hash, eligibility& e) const noexcept {
    node* best = nullptr;
    double earliest = std::numeric_limits<double>::infinity();
    for (const node_ref& n : nodes_) {
        const double at = -std::log(fraction(lot(hash, n->id))) / n->weight;    // as in rendezvous.cpp
        if (at >= earliest || !e(*n)) continue;
        best = n.get();
        earliest = at;
    }
    return best;
}

node* table::first_allowed(std::size_t start, eligibility& e) const noexcept {
    constexpr std::size_t most = 256;
    std::size_t i = start;
    for (std::size_t left = std::min(most, nodes_.size()); left > 0; --left, i = i + 1 == nodes_.size() ? 0 : i + 1) {
        if (e(*nodes_[i])) return nodes_[i].get();
    }
    return nullptr;
}

table_ptr build_empty_table(registry_errc why) { return std::make_shared<empty_table>(why); }

table_ptr build_table(policy p, node_list nodes) {
    switch (p) {
        case policy::roundrobin:
            return make_round_robin(std::move(nodes));
        case policy::weightroundrobin:
            return make_weighted_round_robin(std::move(nodes));
        case policy::random:
            return make_random(std::move(nodes));
        case policy::weightrandom:
            return make_weighted_random(std::move(nodes));
        case policy::iphash:
        case policy::urlhash:
        case policy::maglev:
            return make_maglev(std::move(nodes));
        case policy::p2c:
            return make_two_choices(std::move(nodes));
        case policy::peakewma:
            return make_peak_ewma(std::move(nodes));
        case policy::ringhash:
            return make_ring_hash(std::move(nodes));
        case policy::rendezvous:
            return make_rendezvous(std::move(nodes));
        case policy::boundedhash:
            return make_bounded_hash(std::move(nodes));
        case policy::leastconnect:
            break;
    }
    return make_least_connect(std::move(nodes));
}

std::vector<std::uint32_t> weights_of(const node_list& nodes) {
    std::vector<std::uint32_t> weights;
    weights.reserve(nodes.size());
    for (const node_ref& n : nodes) weights.push_back(n->weight);
    return weights;
}

std::vector<claimant> claimants_of(const node_list& nodes) {
    std::vector<claimant> claimants;
    claimants.reserve(nodes.size());
    for (const node_ref& n : nodes) claimants.push_back({n->seen.identity, n->weight});
    return claimants;
}

bool equal_weights(const node_list& nodes) noexcept {
    return std::all_of(nodes.begin(), nodes.end(), [&](const node_ref& n) { return n->weight == nodes.front()->weight; });
}

}    // namespace muster::balance
