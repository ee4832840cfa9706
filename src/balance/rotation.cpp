// Part of muster. Boost Software License 1.0, see LICENSE.
//
// roundrobin and weightroundrobin: a fixed order, and a position in it.
#include "balance/cycle.hpp"
#include "balance/look_ahead.hpp"
#include "balance/policies.hpp"

#include <algorithm>
#include <utility>

namespace muster::balance {
namespace {

class round_robin final : public table {
public:
    explicit round_robin(node_list nodes) : table(std::move(nodes)), size_(static_cast<std::uint32_t>(this->nodes().size())) {}

    node* pick(pick_state& s, std::string_view, error_code&) const noexcept override { return nodes()[s.turn(size_)].get(); }
    shortcut in_short() const noexcept override { return {nodes().data(), nullptr, size_, 0, nullptr, 0}; }

private:
    std::uint32_t size_;
};

// Rounding to 4096 slots is off by half a slot at most, but for those that are due less than one slot and get it; where there are
// many instances, eight slots each keep that small.
std::size_t max_slots(std::size_t n) { return std::max<std::size_t>(4096, 8 * n); }

class weighted_round_robin final : public table {
public:
    explicit weighted_round_robin(node_list nodes)
        : table(std::move(nodes)),
          cycle_(smooth_cycle(weights_of(this->nodes()), max_slots(this->nodes().size()))),
          ahead_(this->nodes()) {}

    node* pick(pick_state& s, std::string_view, error_code&) const noexcept override {
        return nodes()[cycle_[s.turn(slots())]].get();
    }
    shortcut in_short() const noexcept override {
        if (!ahead_.pays()) return {nodes().data(), cycle_.data(), slots(), 0, nullptr, 0};
        shortcut s;
        s.cycle = cycle_.data();
        s.ahead = &ahead_;
        s.far = slots();
        return s;
    }

private:
    std::uint32_t slots() const noexcept { return static_cast<std::uint32_t>(cycle_.size()); }

    std::vector<std::uint32_t> cycle_;
    look_ahead ahead_;
};

}    // namespace

table_ptr make_round_robin(node_list nodes) { return std::make_shared<round_robin>(std::move(nodes)); }

table_ptr make_weighted_round_robin(node_list nodes) {
    if (equal_weights(nodes)) return make_round_robin(std::move(nodes));
    return std::make_shared<weighted_round_robin>(std::move(nodes));
}

}    // namespace muster::balance
