// Part of muster. Boost Software License 1.0, see LICENSE.
//
// boundedhash: consistent hashing with bounded loads (Mirrokni, Thorup and Zadimoghaddam 2018).
#include "balance/hash.hpp"
#include "balance/maglev.hpp"
#include "balance/node_state.hpp"
#include "balance/policies.hpp"
#include "balance/slot_table.hpp"

#include <algorithm>
#include <limits>
#include <numeric>
#include <utility>

namespace muster::balance {
namespace {

// What one may have of the leases open, in shares by weight. The authors' trade: 1 would move keys at every pick, 2 would hardly
// bound anything.
constexpr double capacity = 1.25;

/// The capacity of an instance is ceil(1.25 * (open + 1) * w / W) leases, with `open` those of all instances; a key goes on from
/// its slot to the first whose owner has room. Leases of other policies do not count.
template <class Slot>
class bounded_hash final : public table {
public:
    bounded_hash(node_list nodes, const std::vector<std::uint32_t>& owners)
        : table(std::move(nodes)), slots_(owners), shared_(this->nodes().front()->state->shared.get()) {
        const double weights = std::accumulate(this->nodes().begin(), this->nodes().end(), 0.0,
                                               [](double sum, const node_ref& n) { return sum + n->weight; });
        per_weight_ = capacity / weights;
    }

    node* pick(pick_state& s, std::string_view key, error_code& ec) const noexcept override {
        if (key.empty()) {
            ec = registry_errc::key_required;
            return nullptr;
        }
        s.loan = loan::counted;
        std::size_t slot = slots_.slot_of(hash64(key));
        node* const preferred = nodes()[slots_.owner(slot)].get();
        if (!shared_) return preferred;
        const double room = per_weight_ * (shared_->bounded.load(std::memory_order_relaxed) + 1.0);
        for (std::size_t tries = std::min(slots_.size(), 16 * nodes().size()); tries > 0; --tries, slot = slots_.next(slot)) {
            node* const n = nodes()[slots_.owner(slot)].get();
            if (n->state->bounded.load(std::memory_order_relaxed) < room * n->weight) return n;
        }
        for (const node_ref& n : nodes()) {
            if (n->state->bounded.load(std::memory_order_relaxed) < room * n->weight) return n.get();
        }
        return preferred;    // other threads took what room there was
    }

private:
    slot_table<Slot> slots_;
    const service_state* shared_;    // kept by the nodes
    double per_weight_;
};

}    // namespace

table_ptr make_bounded_hash(node_list nodes) {
    const std::vector<std::uint32_t> owners = maglev_slots(claimants_of(nodes), maglev_size(nodes.size()));
    if (nodes.size() <= std::numeric_limits<std::uint16_t>::max()) {
        return std::make_shared<bounded_hash<std::uint16_t>>(std::move(nodes), owners);
    }
    return std::make_shared<bounded_hash<std::uint32_t>>(std::move(nodes), owners);
}

}    // namespace muster::balance
