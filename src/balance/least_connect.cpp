// Part of muster. Boost Software License 1.0, see LICENSE.
//
// leastconnect: the fewest open leases for its weight.
#include "balance/alias.hpp"
#include "balance/policies.hpp"

#include <algorithm>
#include <bit>
#include <limits>
#include <utility>

namespace muster::balance {
namespace {

// Up to here all are looked at. Beyond, a pick would take longer the more there are, so it looks at `sample` drawn ones: the
// best of 24 is among the best 3 % in half of all picks and among the better half in all but one of 16 million.
constexpr std::size_t exact_up_to = 128;
constexpr std::uint32_t sample = 24;

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
    explicit least_connect(node_list nodes) : table(std::move(nodes)), order_(this->nodes()) {
        in_one_place_ =
            std::all_of(this->nodes().begin(), this->nodes().end(), [](const node_ref& n) { return n->counts_in_one_place(); });
    }

    // Draws in proportion to the weights, so that ties do not always go to the same. One without any lease cannot be beaten;
    // three draws look for one, or else whoever follows busy ones in the list would get most of their picks.
    node* pick(pick_state& s, std::string_view, error_code&) const noexcept override {
        for (int draw = 0; draw < 3; ++draw) {
            node* const n = nodes()[order_.draw(s)].get();
            if (n->open() == 0 && s.worth_trying(n->state->strikes.load(std::memory_order_relaxed))) return n;
        }
        node* const best = best_of(s, false);
        if (s.worth_trying(best->state->strikes.load(std::memory_order_relaxed))) return best;
        // It has few leases because it fails. A second look puts those that fail behind all others.
        return best_of(s, true);
    }

private:
    node* best_of(pick_state& s, bool healthy_first) const noexcept {
        const auto behind = [healthy_first](const node& n) {
            return healthy_first && n.state->strikes.load(std::memory_order_relaxed) != 0 ? failing : 0;
        };
        const std::uint32_t i = in_one_place_ ? best_one(s, [&](const node& n) { return n.own.open() + behind(n); })
                                              : best_one(s, [&](const node& n) { return n.open() + behind(n); });
        return nodes()[i].get();
    }

    template <class Open>
    std::uint32_t best_one(pick_state& s, Open open) const noexcept {
        const auto rank = [&, all = nodes().data()](std::uint32_t i) { return order_.rank(open(*all[i]), i); };
        if (nodes().size() > exact_up_to) {
            std::uint64_t best = rank(order_.draw(s));
            for (std::uint32_t k = 1; k < sample; ++k) best = std::min(best, rank(order_.draw(s)));
            return static_cast<std::uint32_t>(best);
        }
        const std::uint32_t start = order_.draw(s);
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
    bool in_one_place_;
};

}    // namespace

table_ptr make_least_connect(node_list nodes) {
    if (equal_weights(nodes)) return std::make_shared<least_connect<by_open>>(std::move(nodes));
    return std::make_shared<least_connect<by_open_per_weight>>(std::move(nodes));
}

}    // namespace muster::balance
