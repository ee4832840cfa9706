// Part of muster. Boost Software License 1.0, see LICENSE.
//
// boundedhash: consistent hashing with bounded loads (Mirrokni, Thorup and Zadimoghaddam 2018).
#include "balance/hash.hpp"
#include "balance/maglev.hpp"
#include "balance/node_state.hpp"
#include "balance/policies.hpp"
#include "balance/slot_table.hpp"

#include <algorithm>
#include <atomic>
#include <limits>
#include <numeric>
#include <utility>

namespace muster::balance {
namespace {

// What one may have of the leases open, in shares by weight. The authors' trade: 1 would move keys at every pick, 2 would hardly
// bound anything.
constexpr double capacity = 1.25;

constexpr auto relaxed = std::memory_order_relaxed;

/// The capacity of an instance is ceil(1.25 * (open + 1) * w / W) leases, with `open` those of all instances of the table; a key
/// goes on from its slot to the first whose owner has room. Leases of other policies do not count.
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
        const std::uint64_t hash = hash64(key);
        const std::size_t slot = slots_.slot_of(hash);
        node& preferred = *nodes()[slots_.owner(slot)];
        if (!shared_) return &preferred;
        with_room e(room());
        if (e(preferred)) return &preferred;
        node* const n = this->walk(slots_, slot, hash, e);
        return n ? n : &preferred;    // null: other threads took what room there was
    }

    // Where all that are allowed are full, the bound gives way: it was made for all instances.
    node* pick_if(pick_state& s, std::string_view key, eligibility& allowed) const noexcept override {
        s.loan = loan::counted;
        const std::uint64_t hash = hash64(key);
        const std::size_t slot = slots_.slot_of(hash);
        with_room e(room(), &allowed);
        node* const n = this->walk(slots_, slot, hash, e);
        return n ? n : this->walk(slots_, slot, hash, allowed);
    }
    bool by_key() const noexcept override { return true; }

private:
    class with_room final : public eligibility {
    public:
        explicit with_room(double room, eligibility* other = nullptr) noexcept : room_(room), other_(other) {}
        bool operator()(node& n) noexcept override {
            return n.state->bounded_leases() < room_ * n.weight && (!other_ || (*other_)(n));
        }

    private:
        double room_;
        eligibility* other_;
    };

    // Capacity of one of weight 1.
    double room() const noexcept { return shared_ ? per_weight_ * (open() + 1.0) : std::numeric_limits<double>::infinity(); }

    // The leases that are out. The service counts all of its own; where the table has only some of its instances, they are
    // counted here, but of many not for each pick. What the service has taken since is left out, and all that it has got back is
    // taken off: so few make a fraction of a lease for each instance, and no bound is passed.
    std::uint32_t open() const noexcept {
        const std::uint64_t now = shared_->bounded.load(relaxed);
        if (shared_->health.present() == nodes().size()) return bounded_load::open(now);
        const std::uint32_t counted = open_.load(relaxed);
        const std::uint64_t then = counted_at_.load(relaxed);
        const std::uint32_t returned = bounded_load::returned_since(then, now);
        if (counted != never && std::uint64_t{returned} + bounded_load::taken_since(then, now) < nodes().size() / 16)
            return counted > returned ? counted - returned : 0;
        counted_at_.store(now, relaxed);
        std::uint32_t n = 0;
        for (const node_ref& each : nodes()) n += each->state->bounded_leases();
        open_.store(n, relaxed);
        return n;
    }

    slot_table<Slot> slots_;
    const service_state* shared_;    // kept by the nodes
    double per_weight_;
    static constexpr auto never = std::numeric_limits<std::uint32_t>::max();
    mutable std::atomic<std::uint32_t> open_{never};      // as of the last count
    mutable std::atomic<std::uint64_t> counted_at_{0};    // what the service had then
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
