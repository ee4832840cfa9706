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

// A claimant: where it is in its order of preference.
struct runner {
    std::uint64_t slot;
    std::uint64_t skip;

    // Takes the first that is free.
    void take_turn(slot_map& slots, std::uint64_t size, std::uint32_t who) noexcept {
        while (slots.taken(slot)) {
            slot += skip;
            if (slot >= size) slot -= size;
        }
        slots.take(slot, who);
    }
};

// In which round a claimant takes its next turn: all take part in round 1; after t turns, in the next round r with
// r * weight >= t * heaviest. Without a division for each turn.
class schedule {
public:
    schedule(std::uint64_t heaviest, std::uint64_t weight) noexcept
        : step_(heaviest / weight), rest_(heaviest % weight), weight_(weight) {}

    std::uint64_t next_after(std::uint64_t round) noexcept {
        whole_ += step_;
        part_ += rest_;
        if (part_ >= weight_) {
            part_ -= weight_;
            ++whole_;
        }
        return std::max(round + 1, whole_ + static_cast<std::uint64_t>(part_ != 0));
    }

private:
    std::uint64_t step_, rest_, weight_;
    std::uint64_t whole_ = 0, part_ = 0;    // turns * heaviest / weight, and what is left of it
};

void fill_in_turn(slot_map& slots, std::uint32_t size, std::vector<runner>& runners) {
    for (std::uint32_t taken = 0; taken < size;)
        for (std::uint32_t i = 0; i < runners.size() && taken < size; ++i, ++taken) runners[i].take_turn(slots, size, i);
}

void fill_by_weight(slot_map& slots, std::uint32_t size, std::vector<runner>& runners, std::vector<schedule>& schedules) {
    const auto turn_in = [](std::uint64_t round, std::uint64_t who) { return round << 32 | who; };
    std::priority_queue<std::uint64_t, std::vector<std::uint64_t>, std::greater<>> turns;
    for (std::uint32_t i = 0; i < runners.size(); ++i) turns.push(turn_in(1, i));
    for (std::uint32_t taken = 0; taken < size; ++taken) {
        const std::uint64_t round = turns.top() >> 32;
        const auto who = static_cast<std::uint32_t>(turns.top());
        turns.pop();
        runners[who].take_turn(slots, size, who);
        turns.push(turn_in(schedules[who].next_after(round), who));
    }
}

}    // namespace

std::vector<std::uint32_t> maglev_slots(std::span<const claimant> claimants, std::uint32_t size) {
    std::vector<runner> runners;
    std::vector<schedule> schedules;
    std::uint64_t heaviest = 1;
    for (const claimant& c : claimants) heaviest = std::max<std::uint64_t>(heaviest, c.weight);
    for (const claimant& c : claimants) {
        runners.push_back({hash64(c.name, 0) % size, hash64(c.name, 1) % (size - 1) + 1});
        schedules.emplace_back(heaviest, c.weight);
    }
    slot_map slots(size);
    if (std::all_of(claimants.begin(), claimants.end(), [&](const claimant& c) { return c.weight == heaviest; }))
        fill_in_turn(slots, size, runners);
    else
        fill_by_weight(slots, size, runners, schedules);
    return std::move(slots).owners();
}

std::uint32_t maglev_size(std::size_t n) noexcept { return n <= 6553 ? 65537 : 655373; }

}    // namespace muster::balance
