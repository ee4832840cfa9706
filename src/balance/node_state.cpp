// Part of muster. Boost Software License 1.0, see LICENSE.
#include "balance/node_state.hpp"

#include <algorithm>
#include <cstddef>
#include <utility>

namespace muster::balance {
namespace {

constexpr auto relaxed = std::memory_order_relaxed;

// Below this ratio to the fast ones a slow instance is nothing special: p2c would else chase differences that the load of the
// moment makes.
constexpr float far_slower = 4;

// And below this, in ns, differences are those of the clock and the scheduler.
constexpr float slow_at_all = 50'000;

// What a slow instance is told by is the latency of fast ones, wherever they are: falls by half of the difference, rises by 1/64
// of itself at most.
void follow_usual(std::atomic<float>& usual, float rtt) noexcept {
    const float u = usual.load(relaxed);
    if (u == 0) {
        usual.store(rtt, relaxed);
    } else if (rtt < u) {
        usual.store(u + (rtt - u) / 2, relaxed);
    } else {
        usual.store(u + std::min(rtt - u, u) / 64, relaxed);
    }
}

// Half the way to each sample: one that is ten times slower is enough to be seen, and two fast ones are to be forgiven. No
// outlier counts for more than that.
float follow_typical(float t, float rtt) noexcept { return t == 0 ? rtt : t + (std::min(rtt, 10 * t) - t) / 2; }

}    // namespace

// Clang allows it for classes of standard layout only; it is right for all without virtual bases.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Winvalid-offsetof"
static_assert(alignof(node_state) == 64);
static_assert(offsetof(node_state, standing) + sizeof(node_state::standing) <= 64,
              "a pick reads it, and of this, but with boundedhash, no other line");
#pragma GCC diagnostic pop

node_state::node_state(service_state_ptr s)
    : stripes(s ? s->stripes : stripe_count{0}), lines(stripes > 0 ? new stripe_line[stripes] : nullptr), shared(std::move(s)) {}

std::uint64_t node_state::sum(std::atomic<std::uint64_t> tally::*counter) const noexcept {
    std::uint64_t n = (common.*counter).load(relaxed);
    for (unsigned i = 0; i != stripes; ++i) n += (lines[i].*counter).load(relaxed);
    return n;
}

// What is taken or returned meanwhile sees in the same word whether the service counts it.
void node_state::count_apart(bool gone) noexcept {
    const std::uint32_t before = gone ? bounded.fetch_or(uncounted, relaxed) : bounded.fetch_and(~uncounted, relaxed);
    if (!shared || ((before & uncounted) != 0) == gone) return;
    const std::uint64_t leases = before & ~uncounted;
    fetch_add(shared->bounded, gone ? 0 - leases : leases);
}

// Peak EWMA: a peak counts at once, what follows is averaged in as time passes.
void node_state::observe(std::int64_t taken_at) noexcept {
    if (!shared) return;
    const std::int64_t now = shared->clock->ticks();
    shared->pass(now);
    const auto rtt = static_cast<float>(std::max<std::int64_t>(1, now - taken_at));
    const float old = latency.load(relaxed);
    const float keep = faded(now - latency_at.load(relaxed));
    latency.store(rtt > old ? rtt : old * keep + rtt * (1 - keep), relaxed);
    latency_at.store(now, relaxed);

    follow_usual(shared->usual, rtt);
    typical.store(follow_typical(typical.load(relaxed), rtt), relaxed);
    note(never_timed, false);
    rate();
}

void node_state::mark_failing(std::uint32_t mark) noexcept {
    common.failing.exchange(mark, std::memory_order_acq_rel);
    for (unsigned i = 0; i != stripes; ++i) lines[i].failing.exchange(mark, std::memory_order_acq_rel);
}

void node_state::note(std::uint32_t reason, bool holds) noexcept {
    const std::uint32_t before = notable.load(relaxed);
    if (((before & reason) != 0) == holds) return;
    if (holds)
        notable.fetch_or(reason, relaxed);
    else
        notable.fetch_and(~reason, relaxed);
}

void node_state::rate() noexcept {
    const float usual = shared ? shared->usual.load(relaxed) : 0;
    const float own = typical.load(relaxed);
    const float slower = usual > 0 && own >= slow_at_all ? own / usual : 1;
    const float dearer = (slower >= far_slower ? slower : 1) * reported.load(relaxed);
    handicap.store(dearer, relaxed);
    note(dear, dearer != 1);
}

// In this order: where a failure is told of at the same time, either all of it is forgotten or the next success does it.
void node_state::recover(std::uint8_t trial) noexcept {
    mark_failing(0);
    strikes.store(0, relaxed);
    note(failing, false);
    if (is_latest(trial) && shared) shared->health.succeeded(*this, shared->clock->ticks());
}

// The time in a queue grows with 1 / (1 - utilisation); above 7/8 what is reported is too rough for that.
void node_state::report_load(double load) noexcept {
    const double used = load >= 0 ? std::min(load, 0.875) : 0;    // not a number: 0
    reported.store(static_cast<float>(1 / (1 - used)), relaxed);
    rate();
}

void node_state::count(failure_class why) noexcept {
    switch (why) {
        case failure_class::unreachable:
            fetch_add(unreachable, std::uint64_t{1});
            return;
        case failure_class::overloaded:
            fetch_add(overloaded, std::uint64_t{1});
            return;
        case failure_class::failed:
        case failure_class::cancelled:
            break;
    }
    fetch_add(failed, std::uint64_t{1});
}

void node_state::fail(failure_class why, std::int64_t taken_at, std::uint8_t trial) noexcept {
    const bool tried = is_latest(trial);
    if (tried || standing.load(relaxed) != standing::trial) {    // calls from before tell nothing new of one that is tried again
        strikes.store(std::min<std::uint32_t>(strikes.load(relaxed) + 1, 1'000'000), relaxed);
        note(failing, true);
        mark_failing(1);
    }
    if (!shared) return;
    const std::int64_t now = shared->clock->ticks();
    shared->health.failed(*this, why, tried, now);
    if (taken_at == 0) return;
    // A failure says at least that the call was not faster: a quick one must not make the instance look fast, and what was
    // known of it must not fade while it fails.
    latency.store(std::max(latency.load(relaxed), static_cast<float>(now - taken_at)), relaxed);
    latency_at.store(now, relaxed);
}

}    // namespace muster::balance
