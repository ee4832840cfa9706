// Part of muster. Boost Software License 1.0, see LICENSE.
//
// A policy, prepared for one list of instances.
#pragma once

#include <muster/error.hpp>
#include <muster/policy.hpp>

#include "balance/look_ahead.hpp"
#include "balance/node.hpp"
#include "balance/uint128.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

namespace muster::balance {

/// What one picker remembers between picks: where it stands, and its random numbers. It stays when the table changes.
class pick_state {
public:
    /// Starts anywhere, as `seed` says.
    explicit pick_state(std::uint64_t seed) noexcept : random_(seed) { cursor_ = static_cast<std::uint32_t>(random() >> 32); }

    /// 64 random bits (wyrand): one multiplication.
    std::uint64_t random() noexcept {
        random_ += step;
        const uint128 product = uint128{random_} * (random_ ^ 0xe7037ed1a0b428db);
        return static_cast<std::uint64_t>(product >> 64) ^ static_cast<std::uint64_t>(product);
    }

    /// How far `random` moves on its circle of 2^64 numbers, and where seeds go on it (SplitMix64): those that are to have
    /// nothing in common must stand anywhere, not a few steps from each other.
    static constexpr std::uint64_t step = 0xa0761d6478bd642f;
    static constexpr std::uint64_t scrambled(std::uint64_t z) noexcept {
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
        z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
        return z ^ (z >> 31);
    }

    /// Uniform in [0, n). Precondition: n > 0.
    std::uint32_t random_below(std::uint32_t n) noexcept { return static_cast<std::uint32_t>(((random() >> 32) * n) >> 32); }

    /// A copy that draws next what this one will draw when `look_ahead::distance` picks have been made, the one whose draws are
    /// over included; each draws `draws` times.
    pick_state later(std::uint32_t draws = 1) const noexcept {
        pick_state s = *this;
        s.random_ += (look_ahead::distance - 1) * draws * step;
        return s;
    }

    /// The position in a cycle of `n`, then moves on by one. When `n` is another than last time, the position is kept in
    /// proportion: clients that were spread evenly stay so, and none begins again at the front. Precondition: n > 0.
    std::uint32_t turn(std::uint32_t n) noexcept {
        if (!goes_round(n)) rescale(n);
        return next_of(n);
    }
    /// True if `n` is as long as the cycle was last time: then `next_of` will do for `turn`, and calls nothing.
    bool goes_round(std::uint32_t n) const noexcept { return n == cycle_; }
    std::uint32_t next_of(std::uint32_t n) noexcept {
        const std::uint32_t at = cursor_;
        cursor_ = at + 1 == n ? 0 : at + 1;
        return at;
    }

    /// Number of the stripe that counts the leases of this picker: see `node::lend`.
    std::uint32_t stripe = 0;

    /// Left by the policy for the lease: see `loan`.
    std::uint64_t loan = 0;

    /// Left by the policy: which part of the picks that are made like this one would be made if one was drawn for each, by
    /// weight. 0 if the pick is the best of all, or of very many, drawn or not: see `table::share_of`.
    double own = 1;

    /// Whether to pick one that has failed so often in a row although another is there: always if it has not failed, else once
    /// in 32 or, after a second failure, in 64 times. That is what shows that it has recovered, without a clock.
    bool worth_trying(std::uint32_t strikes) noexcept { return strikes == 0 || (random() & (strikes == 1 ? 31 : 63)) == 0; }

private:
    void rescale(std::uint32_t n) noexcept;

    std::uint64_t random_;
    std::uint32_t cursor_;
    std::uint32_t cycle_ = 0;    // length that cursor_ is a position in; 0: 2^32
};

/// Whether a pick may go to a node.
class eligibility {
public:
    virtual bool operator()(node& n) noexcept = 0;

protected:
    ~eligibility() = default;
};

/// What `table::pick` does, without a call, where that is one step. At most one of `length`, `draws` and `ahead` is set: picks
/// from few are not to pay for what picks from very many need.
struct shortcut {
    static constexpr std::uint32_t no_turns = 0xFFFFFFFF;    ///< As a length: longer than any cycle that a picker goes round.

    const node_ref* nodes = nullptr;
    const std::uint32_t* cycle = nullptr;    ///< Indices of nodes whose turns they are; null: they stand in their own order.
    std::uint32_t length = no_turns;         ///< Of the cycle.
    std::uint32_t draws = 0;                 ///< Among so many one is drawn, all alike; 0: none is.
    const look_ahead* ahead = nullptr;       ///< Not null: turns of the cycle or, if there is none, draws, looking ahead.
    std::uint32_t far = 0;                   ///< Its length, or among how many one is drawn.

    node& at_turn(std::uint32_t turn) const noexcept { return *nodes[cycle ? cycle[turn] : turn]; }

    /// The pick of `ahead`, which is not null.
    node* pick(pick_state& s) const noexcept {
        if (!cycle) {
            const std::uint32_t i = s.random_below(far);
            ahead->fetch(s.later().random_below(far));
            return (*ahead)[i];
        }
        const std::uint32_t turn = s.turn(far);
        const std::uint32_t later = turn + look_ahead::distance;
        ahead->fetch(cycle[later < far ? later : later - far]);
        return (*ahead)[cycle[turn]];
    }
};

/// Chooses. Immutable; any number of threads may pick from one, each with a `pick_state` of its own.
class table {
public:
    virtual ~table() = default;
    table(const table&) = delete;
    table& operator=(const table&) = delete;

    /// The chosen node, which lives as long as the table does. Null: `ec` tells why, and is left alone otherwise. Neither
    /// allocates nor locks nor reads a clock.
    virtual node* pick(pick_state& s, std::string_view key, error_code& ec) const noexcept = 0;

    /// Another node, one that `e` allows; null if there is none, or hardly any of very many. Hash policies give the next one for
    /// the key, others go on in turn or draw: nobody inherits all picks of one that is out.
    virtual node* pick_if(pick_state& s, std::string_view key, eligibility& e) const noexcept;

    /// Its shortcut, if it has one. That lives as long as the table does.
    virtual shortcut in_short() const noexcept { return {}; }

    /// True if the key alone decides.
    virtual bool by_key() const noexcept { return false; }

    /// Which part of the picks that seek out this one of its nodes would be its own if it was drawn, once for each, by weight.
    /// Who is to have few picks for a while has few leases: it would be sought out by each.
    virtual double share_of(const node&) const noexcept { return 1; }

    /// The nodes it chooses from, in canonical order.
    const node_list& nodes() const noexcept { return nodes_; }

protected:
    explicit table(node_list nodes);

    /// Goes through `places`, beginning at `at`, which is where `hash` stands, then through all nodes; null if `e` allows none
    /// of them.
    template <class Places>
    node* walk(const Places& places, std::size_t at, std::uint64_t hash, eligibility& e) const noexcept {
        for (std::size_t left = std::min(places.size(), 16 * nodes_.size()); left > 0; --left, at = places.next(at)) {
            node& n = *nodes_[places.owner(at)];
            if (e(n)) return &n;
        }
        return by_lot(hash, e);
    }

    /// The one of those that `e` allows who has the best lot for a key, by weight: nobody inherits all keys of one that is out.
    node* by_lot(std::uint64_t hash, eligibility& e) const noexcept;

    /// The first that `e` allows from place `start` on, going round. Of very many not all are looked at. Null if there is none.
    node* first_allowed(std::size_t start, eligibility& e) const noexcept;

private:
    node_list nodes_;
    node_list predecessors_;    // keeps alive what node::open() walks over
};

using table_ptr = std::shared_ptr<const table>;

/// A table that has nobody to choose and says so.
table_ptr build_empty_table(registry_errc why);

/// The table of policy `p` over `nodes`, all of them. Precondition: `nodes` is not empty.
table_ptr build_table(policy p, node_list nodes);

}    // namespace muster::balance
