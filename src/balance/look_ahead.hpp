// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include "balance/node.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace muster::balance {

/// Where the nodes of a long list stand. What a pick touches of so many does not stay in the nearest caches, so that picks would
/// wait for it: it is fetched some picks before. Whom they will take is known in advance: see `pick_state::later`. Where it turns
/// out otherwise, what was fetched is not needed, and nothing else is lost.
class look_ahead {
public:
    /// How many picks before. One pick is too short a time for what is in the last cache only.
    static constexpr std::uint32_t distance = 2;
    /// Below, all of it fits in the first cache, and fetching costs more than it saves.
    static constexpr std::size_t from = 512;

    explicit look_ahead(const node_list& nodes) {
        if (nodes.size() < from) return;
        places_.reserve(nodes.size());
        for (const node_ref& n : nodes) places_.push_back({n.get(), n->state.get()});
    }

    /// True if the list is so long.
    bool pays() const noexcept { return !places_.empty(); }

    /// Both lines that a pick touches: the node's first and its state's first. Precondition: it pays.
    void fetch(std::uint32_t i) const noexcept { fetch(places_[i].who, places_[i].state); }
    static void fetch(const node* who, const node_state* state) noexcept {
        __builtin_prefetch(who);
        __builtin_prefetch(state);
    }
    /// Precondition: it pays.
    node* operator[](std::uint32_t i) const noexcept { return places_[i].who; }

private:
    // Both pointers at hand: through the node, the state could be fetched only when that is there.
    struct place {
        node* who;
        const node_state* state;
    };
    std::vector<place> places_;
};

}    // namespace muster::balance
