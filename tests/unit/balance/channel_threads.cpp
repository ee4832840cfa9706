// Part of muster. Boost Software License 1.0, see LICENSE.
//
// Threads that pick while another one changes the service. Meant to be run under ThreadSanitizer too.
#include "balance/channel.hpp"

#include "fixtures.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

using namespace muster::balance;
using namespace muster::balance::test;
using muster::error_code;
using muster::lease;
using muster::policy;
using muster::pool;

namespace {

struct outcome {
    std::uint64_t picks = 0, successes = 0, abandoned = 0, wrong = 0;
};

// Keeps up to 30 leases; returns half of them with success and drops the others, in another order than it took them. Picks
// some even if it is told to stop before it began.
outcome pick_until(const std::atomic<bool>& stop, hot_picker picker, std::uint64_t seed) {
    outcome r;
    pick_state random(seed);
    std::vector<lease> out(30);
    while (!stop.load(std::memory_order_relaxed) || r.picks < 1000) {
        lease& l = out[random.random_below(30)];
        if (l && random.random_below(2) == 0) {
            l.success();
            ++r.successes;
        } else if (l) {
            ++r.abandoned;
        }
        error_code ec;
        l = picker.pick("key", ec);
        ++r.picks;
        if (!l || l->ip.empty() || l->weight != static_cast<std::uint32_t>(l.czxid())) ++r.wrong;
    }
    for (const lease& l : out) r.abandoned += l.valid();
    return r;
}

}    // namespace

TEST_CASE("two threads pick while a third republishes") {
    bool stripes = false;
    SUBCASE("and count in common") {}
    SUBCASE("and count each on its own") { stripes = true; }
    for (const policy p : muster::all_policies()) {
        CAPTURE(muster::to_string(p));
        const bool hashes = muster::needs_key(p);    // their tables take long to build
        const auto shared =
            std::make_shared<service_state>(std::make_shared<hand_clock>(), muster::health_params(), stripes ? 2 : 1);
        listed_membership m(std::chrono::hours(1), shared);
        publisher pub(1);
        pick_state random(20240502);
        // One that never goes, and ten that come, go, and change weight. The czxid tells the weight.
        const auto change = [&] {
            std::vector<sighting> seen{normal(numbered(0, 1), 1)};
            for (std::size_t i = 1; i <= 10; ++i) {
                const std::uint32_t weight = 1 + random.random_below(3);
                if (random.random_below(3) > 0) seen.push_back(normal(numbered(i, weight), weight));
            }
            m.apply(std::move(seen), start);
            publish(pub, m.nodes());
        };
        change();

        const hot_picker picker(pub.get(p, pool::all));
        std::atomic<bool> stop = false;
        std::vector<outcome> outcomes(2);
        std::vector<std::thread> threads;
        for (std::size_t t = 0; t < outcomes.size(); ++t) {
            threads.emplace_back([&, t] { outcomes[t] = pick_until(stop, picker, t); });
        }
        for (int i = 0; i < (hashes ? 30 : 1000); ++i) change();
        stop = true;
        for (std::thread& t : threads) t.join();

        // All come back, so that all counters can be seen.
        std::vector<sighting> everybody;
        for (std::size_t i = 0; i <= 10; ++i) everybody.push_back(normal(numbered(i)));
        m.apply(std::move(everybody), start);
        std::uint64_t successes = 0, abandoned = 0;
        for (const node_ref& n : m.nodes()) {
            CHECK(n->open() == 0);
            successes += n->state->successes();
            abandoned += n->state->abandoned();
        }
        CHECK(outcomes[0].wrong + outcomes[1].wrong == 0);
        CHECK(successes == outcomes[0].successes + outcomes[1].successes);
        CHECK(abandoned == outcomes[0].abandoned + outcomes[1].abandoned);
        CHECK(successes + abandoned == outcomes[0].picks + outcomes[1].picks);
    }
}
