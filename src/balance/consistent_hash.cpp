// Part of muster. Boost Software License 1.0, see LICENSE.
//
// iphash and urlhash: the same key, the same instance, on every client and after every change that does not concern it.
#include "balance/hash.hpp"
#include "balance/maglev.hpp"
#include "balance/policies.hpp"

#include <limits>
#include <utility>

namespace muster::balance {
namespace {

__extension__ typedef unsigned __int128 uint128;

// x mod m without the division, which costs more than all else of a pick. The reciprocal is rounded down, so that the quotient
// is too small by 1 at most.
class fast_modulus {
public:
    explicit fast_modulus(std::uint64_t m) noexcept : m_(m), reciprocal_(std::numeric_limits<std::uint64_t>::max() / m) {}

    std::uint64_t operator()(std::uint64_t x) const noexcept {
        const auto quotient = static_cast<std::uint64_t>((uint128{x} * reciprocal_) >> 64);
        const std::uint64_t r = x - quotient * m_;
        return r >= m_ ? r - m_ : r;
    }

private:
    std::uint64_t m_;
    std::uint64_t reciprocal_;
};

template <class Slot>
class consistent_hash final : public table {
public:
    consistent_hash(node_list nodes, const std::vector<std::uint32_t>& slots) : table(std::move(nodes)), slot_of_(slots.size()) {
        slots_.reserve(slots.size());
        for (const std::uint32_t s : slots) slots_.push_back(static_cast<Slot>(s));
    }

    node* pick(pick_state&, std::string_view key, error_code& ec) const noexcept override {
        if (key.empty()) {
            ec = registry_errc::key_required;
            return nullptr;
        }
        return nodes()[slots_[slot_of_(hash64(key))]].get();
    }

private:
    std::vector<Slot> slots_;
    fast_modulus slot_of_;
};

}    // namespace

table_ptr make_hash(node_list nodes) {
    std::vector<claimant> claimants;
    claimants.reserve(nodes.size());
    for (const node_ref& n : nodes) claimants.push_back({n->seen.identity, n->weight});
    const std::vector<std::uint32_t> slots = maglev_slots(claimants, maglev_size(nodes.size()));
    if (nodes.size() <= std::numeric_limits<std::uint16_t>::max()) {
        return std::make_shared<consistent_hash<std::uint16_t>>(std::move(nodes), slots);
    }
    return std::make_shared<consistent_hash<std::uint32_t>>(std::move(nodes), slots);
}

}    // namespace muster::balance
