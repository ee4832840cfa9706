// Part of muster. Boost Software License 1.0, see LICENSE.
#include "balance/newcomers.hpp"

#include <algorithm>
#include <cstddef>

namespace muster::balance {

newcomers::newcomers(const node_list& nodes, const limits& l) {
    std::vector<double> loads;
    loads.reserve(nodes.size());
    double weights = 0;
    for (const node_ref& n : nodes) {
        loads.push_back(static_cast<double>(n->open()) / n->weight);
        weights += n->weight;
    }
    std::vector<double> sorted = loads;
    const auto middle = sorted.begin() + static_cast<std::ptrdiff_t>(sorted.size() / 2);
    std::nth_element(sorted.begin(), middle, sorted.end());
    const double median = *middle;
    const double missing = 1024 * l.share / weights;
    double theirs = 0;
    for (std::size_t i = 0; i < nodes.size(); ++i) {
        const double behind = median - loads[i];
        if (behind <= missing || behind * nodes[i]->weight <= l.leases) continue;
        is_one_.resize(nodes.size());
        is_one_[i] = true;
        theirs += nodes[i]->weight;
    }
    if (theirs == 0) return;
    share_ = theirs / weights;
    step_ = static_cast<std::uint32_t>(1024 * share_) + 1;
    end_ = step_ * l.rounds;
}

}    // namespace muster::balance
