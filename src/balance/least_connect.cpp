// Part of muster. Boost Software License 1.0, see LICENSE.
//
// leastconnect: the fewest open leases for its weight.
#include "balance/alias.hpp"
#include "balance/newcomers.hpp"
#include "balance/policies.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <limits>
#include <utility>
#include <vector>

namespace muster::balance {
namespace {

// Up to here all are looked at. Beyond, a pick would take longer the more there are, so it looks at `sample` drawn ones: the
// best of 24 is among the best 3 % in half of all picks and among the better half in all but one of 16 million.
constexpr std::size_t exact_up_to = 128;
constexpr std::uint32_t sample = 24;

// More draws than `sample` would make no difference.
constexpr newcomers::limits held_back{1, 0.5, sample};

// Counts as so many leases, which nobody has, also where they are divided by the greatest weight.
constexpr std::uint32_t failing = std::uint32_t{1} << 30;

// How instances are drawn and ranked. A rank has the load in its upper word and the index in its lower one, so that the
// smallest is the least loaded, of equals the first.
class by_open {
public:
    explicit by_open(const node_list& nodes) : size_(static_cast<std::uint32_t>(nodes.size())) {}

    std::uint32_t draw(pick_state& s) const noexcept { return s.random_below(size_); }
    std::uint64_t rank(std::uint32_t open, std::uint32_t i) const noexcept { return std::uint64_t{open} << 32 | i; }

private:
    std::uint32_t size_;
};

class by_open_per_weight {
public:
    explicit by_open_per_weight(const node_list& nodes) : alias_(weights_of(nodes)) {
        for (const node_ref& n : nodes) per_weight_.push_back(1.0 / n->weight);
    }

    std::uint32_t draw(pick_state& s) const noexcept { return alias_.draw(s); }

    // As float, 1/3 of 3 equals 1: what the product in double is off by is rounded away. Floats that are not negative are
    // ordered as their bits are.
    std::uint64_t rank(std::uint32_t open, std::uint32_t i) const noexcept {
        const auto load = static_cast<float>(open * per_weight_[i]);
        return std::uint64_t{std::bit_cast<std::uint32_t>(load)} << 32 | i;
    }

private:
    alias_table alias_;
    std::vector<double> per_weight_;
};

template <class Order>
class least_connect final : public table {
public:
    explicit least_connect(node_list nodes)
        : table(std::move(nodes)), order_(this->nodes()), newcomers_(this->nodes(), held_back) {
        for (const node_ref& n : this->nodes()) weights_ += n->weight;
        in_one_place_ =
            std::all_of(this->nodes().begin(), this->nodes().end(), [](const node_ref& n) { return n->counts_in_one_place(); });
    }

    // Draws in proportion to the weights, so that ties do not always go to the same. One without any lease cannot be beaten;
    // three draws look for one, or else whoever follows busy ones in the list would get most of their picks.
    node* pick(pick_state& s, std::string_view, error_code&) const noexcept override {
        s.own = 1;
        if (newcomers_.any()) [[unlikely]]
            return pick_beside_newcomers(s);
        for (int draw = 0; draw < 3; ++draw) {
            node* const n = nodes()[order_.draw(s)].get();
            if (n->open() == 0 && s.worth_trying(n->state->strikes.load(std::memory_order_relaxed))) return n;
            s.own = 0;
        }
        node* const best = best_of(s, false);
        if (s.worth_trying(best->state->strikes.load(std::memory_order_relaxed))) return best;
        // It has few leases because it fails. A second look puts those that fail behind all others.
        return best_of(s, true);
    }

    // The least loaded of those that are allowed, of equals one by weight. Who fails or has just joined comes last. Where hardly
    // any are allowed, they are found as for all policies.
    node* pick_if(pick_state& s, std::string_view key, eligibility& e) const noexcept override {
        const auto size = static_cast<std::uint32_t>(nodes().size());
        const bool all = size <= exact_up_to;
        s.own = 0;
        node* best = nullptr;
        std::uint64_t best_rank = std::numeric_limits<std::uint64_t>::max();
        std::uint32_t weights = 0;    // of the best so far
        const bool hold_back = newcomers_.any();
        std::uint32_t i = order_.draw(s);
        for (std::uint32_t left = all ? size : sample; left > 0; --left, i = !all ? order_.draw(s) : i + 1 == size ? 0 : i + 1) {
            node& n = *nodes()[i];
            const bool late = fails(n) || (hold_back && newcomers_.contains(i));
            const std::uint64_t rank = order_.rank(n.open() + (late ? failing : 0), i);
            if (rank >> 32 > best_rank >> 32 || !e(n)) continue;
            const std::uint32_t weight = all ? n.weight : 1;    // else it was drawn by weight
            weights = rank >> 32 < best_rank >> 32 ? weight : weights + weight;
            if (weights > weight && s.random_below(weights) >= weight) continue;
            best = &n;
            best_rank = rank;
        }
        return best ? best : table::pick_if(s, key, e);
    }

    // One that has no lease had its share when the first draw was its. Among very many one that is sought out is one of so many
    // drawn.
    double share_of(const node& n) const noexcept override {
        if (n.open() == 0) return 0;
        const double share = n.weight / weights_;
        return nodes().size() <= exact_up_to ? share : std::max(share, 1.0 / sample);
    }

private:
    static bool fails(const node& n) noexcept { return n.state->strikes.load(std::memory_order_relaxed) != 0; }

    node* best_of(pick_state& s, bool healthy_first) const noexcept {
        const auto behind = [healthy_first](const node& n) { return healthy_first && fails(n) ? failing : 0; };
        const auto rank_by = [&](auto open) {
            return [&, open, all = nodes().data()](std::uint32_t i) { return order_.rank(open(*all[i]), i); };
        };
        // It begins with one that may be taken, or whoever follows those that fail in the list would get their part of the ties.
        const auto draw = [&] {
            std::uint32_t i = order_.draw(s);
            for (int again = 0; again < 16 && behind(*nodes()[i]) != 0; ++again) i = order_.draw(s);
            return i;
        };
        const std::uint32_t i = in_one_place_ ? best_one(draw, rank_by([&](const node& n) { return n.own.open() + behind(n); }))
                                              : best_one(draw, rank_by([&](const node& n) { return n.open() + behind(n); }));
        return nodes()[i].get();
    }

    // The same, but a newcomer counts only where it is one of so many drawn.
    [[gnu::noinline]] node* pick_beside_newcomers(pick_state& s) const noexcept {
        const auto rank = [&, all = nodes().data()](std::uint32_t i) { return order_.rank(all[i]->open(), i); };
        std::uint64_t drawn = std::numeric_limits<std::uint64_t>::max();
        const std::uint32_t draws = newcomers_.round();
        for (std::uint32_t left = draws; left > 0; --left) {
            const std::uint32_t i = order_.draw(s);
            // As where nobody has joined: an idle one that is drawn first cannot be beaten.
            if (left == draws && !newcomers_.contains(i) && nodes()[i]->open() == 0 &&
                s.worth_trying(nodes()[i]->state->strikes.load(std::memory_order_relaxed)))
                return nodes()[i].get();
            if (newcomers_.contains(i) && s.worth_trying(nodes()[i]->state->strikes.load(std::memory_order_relaxed)))
                drawn = rank(i) >> 32 < drawn >> 32 ? rank(i) : drawn;    // of equals the first that was drawn
        }
        // Begins with one of the others, or whoever follows newcomers in the list would get their part of the ties as well.
        const auto draw_other = [&] {
            std::uint32_t i = order_.draw(s);
            for (int again = 0; again < 16 && newcomers_.contains(i); ++again) i = order_.draw(s);
            return i;
        };
        const auto best_other = [&](bool healthy_first) {
            return best_one(draw_other, [&, all = nodes().data()](std::uint32_t i) {
                const bool late = newcomers_.contains(i) || (healthy_first && fails(*all[i]));
                return order_.rank(all[i]->open() + (late ? failing : 0), i);
            });
        };
        s.own = 0;
        std::uint32_t other = best_other(false);
        if (!s.worth_trying(nodes()[other]->state->strikes.load(std::memory_order_relaxed))) other = best_other(true);
        if (drawn >> 32 > rank(other) >> 32) return nodes()[other].get();
        newcomers_.count();
        s.own = newcomers_.part_of(draws);
        return nodes()[static_cast<std::uint32_t>(drawn)].get();
    }

    // Index of the lowest rank.
    template <class Draw, class Rank>
    std::uint32_t best_one(Draw draw, Rank rank) const noexcept {
        if (nodes().size() > exact_up_to) {
            // Of equals the one that was drawn first, and not the first in the list.
            std::array<std::uint32_t, sample> drawn;
            std::uint64_t best = std::numeric_limits<std::uint64_t>::max();
            for (std::uint32_t k = 0; k < sample; ++k) {
                drawn[k] = draw();
                best = std::min(best, (rank(drawn[k]) >> 32 << 32) | k);
            }
            return drawn[static_cast<std::uint32_t>(best)];
        }
        const std::uint32_t start = draw();
        const std::uint64_t behind = best_between(start, static_cast<std::uint32_t>(nodes().size()), rank);
        const std::uint64_t before = best_between(0, start, rank);
        return static_cast<std::uint32_t>(before >> 32 < behind >> 32 ? before : behind);
    }

    template <class Rank>
    static std::uint64_t best_between(std::uint32_t i, std::uint32_t end, Rank rank) noexcept {
        std::uint64_t best = std::numeric_limits<std::uint64_t>::max();
        for (; i + 1 < end; i += 2) best = std::min(best, std::min(rank(i), rank(i + 1)));
        return i < end ? std::min(best, rank(i)) : best;
    }

    Order order_;
    newcomers newcomers_;
    double weights_ = 0;
    bool in_one_place_;
};

}    // namespace

table_ptr make_least_connect(node_list nodes) {
    if (equal_weights(nodes)) return std::make_shared<least_connect<by_open>>(std::move(nodes));
    return std::make_shared<least_connect<by_open_per_weight>>(std::move(nodes));
}

}    // namespace muster::balance
