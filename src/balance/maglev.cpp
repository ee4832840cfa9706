// Part of muster. Boost Software License 1.0, see LICENSE.
#include "balance/maglev.hpp"

#include "balance/hash.hpp"

#include <algorithm>
#include <functional>
#include <queue>
#include <utility>

namespace muster::balance {
namespace {

// The slots. Whether one is free is asked several times for each, in no order: a bit for each stays in the fastest cache.
class slot_map {
public:
    explicit slot_map(std::uint32_t size) : owners_(size), taken_(size / 64 + 1) {}

    bool taken(std::uint64_t slot) const noexcept { return (taken_[slot / 64] >> (slot % 64) & 1) != 0; }
    void take(std::uint64_t slot, std::uint32_t who) noexcept {
        taken_[slot / 64] |= std::uint64_t{1} << (slot % 64);
        owners_[slot] = who;
    }
    std::vector<std::uint32_t> owners() && noexcept { return std::move(owners_); }

private:
    std::vector<std::uint32_t> owners_;
    std::vector<std::uint64_t> taken_;
};

// A claimant: where it is in its order of preference, and how many turns it has had.
struct runner {
    std::uint64_t slot;
    std::uint64_t skip;
    std::uint64_t weight;
    std::uint64_t turns = 0;

    // Takes the first that is free.
    void take_turn(slot_map& slots, std::uint64_t size, std::uint32_t who) noexcept {
        while (slots.taken(slot)) {
            slot += skip;
            if (slot >= size) slot -= size;
        }
        slots.take(slot, who);
        ++turns;
    }
};

void fill_in_turn(slot_map& slots, std::uint32_t size, std::vector<runner>& runners) {
    for (std::uint32_t taken = 0; taken < size;)
        for (std::uint32_t i = 0; i < runners.size() && taken < size; ++i, ++taken) runners[i].take_turn(slots, size, i);
}

// All take part in round 1; after t turns, in the next round r with r * weight >= t * heaviest.
void fill_by_weight(slot_map& slots, std::uint32_t size, std::vector<runner>& runners, std::uint64_t heaviest) {
    const auto turn_in = [](std::uint64_t round, std::uint64_t who) { return round << 32 | who; };
    std::priority_queue<std::uint64_t, std::vector<std::uint64_t>, std::greater<>> turns;
    for (std::uint32_t i = 0; i < runners.size(); ++i) turns.push(turn_in(1, i));
    for (std::uint32_t taken = 0; taken < size; ++taken) {
        const std::uint64_t round = turns.top() >> 32;
        const auto who = static_cast<std::uint32_t>(turns.top());
        turns.pop();
        runner& r = runners[who];
        r.take_turn(slots, size, who);
        turns.push(turn_in(std::max(round + 1, (r.turns * heaviest + r.weight - 1) / r.weight), who));
    }
}

}    // namespace

std::vector<std::uint32_t> maglev_slots(std::span<const claimant> claimants, std::uint32_t size) {
    std::vector<runner> runners;
    std::uint64_t heaviest = 1;
    for (const claimant& c : claimants) {
        runners.push_back({hash64(c.name, 0) % size, hash64(c.name, 1) % (size - 1) + 1, c.weight});
        heaviest = std::max<std::uint64_t>(heaviest, c.weight);
    }
    slot_map slots(size);
    if (std::all_of(runners.begin(), runners.end(), [&](const runner& r) { return r.weight == heaviest; }))
        fill_in_turn(slots, size, runners);    // the same without the heap, in a third to a half of the time
    else
        fill_by_weight(slots, size, runners, heaviest);
    return std::move(slots).owners();
}

std::uint32_t maglev_size(std::size_t n) noexcept { return n <= 6553 ? 65537 : 655373; }

}    // namespace muster::balance
