// Part of muster. Boost Software License 1.0, see LICENSE.
#include "balance/maglev.hpp"

#include "balance/hash.hpp"

#include <algorithm>
#include <functional>
#include <queue>
#include <utility>

namespace muster::balance {
namespace {

constexpr std::uint32_t free_slot = 0xFFFFFFFF;

// Where a claimant is in its order of preference, and when it takes turns.
struct runner {
    std::uint64_t slot;
    std::uint64_t skip;
    std::uint64_t weight;
    std::uint64_t turns = 0;
};

}    // namespace

std::vector<std::uint32_t> maglev_slots(std::span<const claimant> claimants, std::uint32_t size) {
    std::vector<runner> runners;
    std::uint64_t heaviest = 1;
    for (const claimant& c : claimants) {
        runners.push_back({hash64(c.name, 0) % size, hash64(c.name, 1) % (size - 1) + 1, c.weight});
        heaviest = std::max<std::uint64_t>(heaviest, c.weight);
    }

    // All take part in round 1; after t turns, in the next round r with r * weight >= t * heaviest.
    const auto turn_in = [](std::uint64_t round, std::uint64_t who) { return round << 32 | who; };
    std::priority_queue<std::uint64_t, std::vector<std::uint64_t>, std::greater<>> turns;
    for (std::uint32_t i = 0; i < runners.size(); ++i) turns.push(turn_in(1, i));

    std::vector<std::uint32_t> slots(size, free_slot);
    for (std::uint32_t taken = 0; taken < size; ++taken) {
        const std::uint64_t round = turns.top() >> 32;
        const auto who = static_cast<std::uint32_t>(turns.top());
        turns.pop();
        runner& r = runners[who];
        while (slots[r.slot] != free_slot) {
            r.slot += r.skip;
            if (r.slot >= size) r.slot -= size;
        }
        slots[r.slot] = who;
        turns.push(turn_in(std::max(round + 1, (++r.turns * heaviest + r.weight - 1) / r.weight), who));
    }
    return slots;
}

std::uint32_t maglev_size(std::size_t n) noexcept { return n <= 6553 ? 65537 : 655373; }

}    // namespace muster::balance
