// Part of muster. Boost Software License 1.0, see LICENSE.
#include "balance/health.hpp"

#include "balance/node_state.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

namespace muster::balance {
namespace {

constexpr auto relaxed = std::memory_order_relaxed;

std::int64_t ticks_of(std::chrono::milliseconds d) noexcept {
    constexpr std::chrono::milliseconds longest = std::chrono::hours(24 * 1000);
    return std::chrono::nanoseconds(std::clamp(d, std::chrono::milliseconds(0), longest)).count();
}

// Of 32 random bits: true in so many percent.
bool falls(std::uint32_t draw, double percentage) noexcept { return draw * 100.0 < percentage * 0x1p32; }

standing standing_of(const node_state& s) noexcept { return s.standing.load(relaxed); }

bool is_out(standing s) noexcept { return s == standing::ejected || s == standing::trial; }

}    // namespace

health::health(const health_params& p) noexcept : params_(p) {}

health::verdict health::admits(node_state& s, std::int64_t now, draws d, bool panic, double own) noexcept {
    const auto answer = [](bool b) { return b ? verdict::yes : verdict::no; };
    switch (standing_of(s)) {
        case standing::fine:
            break;
        case standing::ejected:
            begin_trial(s, now);    // if it is time; a panic does not stop that, since it ends by trials that succeed
            if (!is_out(standing_of(s))) break;
            [[fallthrough]];
        case standing::trial: {
            const bool tried = standing_of(s) == standing::trial && falls(d.of_pick, own * params_.trial_percentage);
            return answer(tried || (panic && in_panic(now)));
        }
        case standing::starting: {
            const auto age = static_cast<double>(now - s.health.since.load(relaxed));
            const double share = 100 * age / static_cast<double>(std::max<std::int64_t>(1, ticks_of(params_.slow_start)));
            if (share < 100) return answer(falls(d.of_key, own * std::max<double>(share, params_.slow_start_percentage)));
            const std::lock_guard lock(mutex_);
            if (standing_of(s) == standing::starting) s.standing.store(standing::fine, relaxed);
            break;
        }
        case standing::recovering:
            return while_recovering(s, now, d.of_pick);
    }
    return verdict::yes;
}

void health::begin_trial(node_state& s, std::int64_t now) noexcept {
    if (now < s.health.since.load(relaxed)) return;
    const std::lock_guard lock(mutex_);
    if (standing_of(s) != standing::ejected || now < s.health.since.load(relaxed)) return;    // another pick was first
    if (!has_trials()) return restore(s, now);
    s.health.trial_left = params_.trial_successes;
    s.health.trial.store(static_cast<std::uint8_t>(s.health.trial.load(relaxed) % 7 + 1), relaxed);
    s.strikes.store(0, relaxed);    // policies that pass over who fails would hardly ever give it the picks of its trial
    s.health.since.store(now, relaxed);
    s.standing.store(standing::trial, relaxed);
    count_out(s, now);
}

condition health::condition_of(const node_state& s, std::int64_t now) const noexcept {
    const std::int64_t since = s.health.since.load(relaxed);
    switch (standing_of(s)) {
        case standing::ejected:
            if (now < since) return condition::ejected;
            return has_trials() ? condition::on_trial : condition::healthy;
        case standing::trial:
            return condition::on_trial;
        case standing::starting:
            return now - since < ticks_of(params_.slow_start) ? condition::slow_start : condition::healthy;
        case standing::recovering:
            return still_recovering(now) ? condition::recovering : condition::healthy;
        case standing::fine:
            break;
    }
    return condition::healthy;
}

bool health::still_recovering(std::int64_t now) const noexcept {
    return recovering_.load(relaxed) && now - changed_at_.load(relaxed) < ticks_of(params_.recovery_hold);
}

health::verdict health::while_recovering(node_state& s, std::int64_t now, std::uint32_t draw) noexcept {
    if (still_recovering(now)) {
        const double share = 100.0 * present_.load(relaxed) / static_cast<double>(params_.recovery_instances);
        return falls(draw, share) ? verdict::yes : verdict::refuse;
    }
    const std::lock_guard lock(mutex_);
    recovering_.store(false, relaxed);
    if (standing_of(s) == standing::recovering) s.standing.store(standing::fine, relaxed);
    return verdict::yes;
}

void health::failed(node_state& s, failure_class why, bool tried, std::int64_t now) noexcept {
    if (why == failure_class::overloaded || why == failure_class::cancelled || params_.max_ejected_percentage == 0) return;
    const std::lock_guard lock(mutex_);
    health_record& h = s.health;
    const std::uint64_t successes = s.successes();
    if (successes != h.successes_at) h.failures_in_row = h.unreachable_in_row = 0;
    h.successes_at = successes;
    ++h.failures_in_row;
    h.unreachable_in_row = why == failure_class::unreachable ? h.unreachable_in_row + 1 : 0;

    if (h.interval_from == 0 || now - h.interval_from >= ticks_of(params_.interval)) {
        h.interval_from = now;
        h.successes_then = successes;
        h.failures_since = 0;
    }
    ++h.failures_since;
    const std::uint64_t calls = h.failures_since + (successes - h.successes_then);

    // Once it is out, calls from before tell what is known.
    const standing was = standing_of(s);
    if (was == standing::ejected || (was == standing::trial && !tried)) return;
    const auto reached = [](std::uint32_t count, std::uint32_t limit) { return limit > 0 && count >= limit; };
    const bool too_many = params_.failure_percentage > 0 && calls >= std::max(1U, params_.percentage_calls) &&
                          h.failures_since * std::uint64_t{100} >= calls * params_.failure_percentage &&
                          present_.load(relaxed) >= params_.percentage_instances;
    if (was == standing::trial) {
        if (!h.present || h.held || h.counted_out || may_eject(now)) eject(s, now);
    } else if (too_many || reached(h.failures_in_row, params_.consecutive_failures) ||
               reached(h.unreachable_in_row, params_.consecutive_unreachable)) {
        if (h.held || (h.present && may_eject(now))) eject(s, now);
    }
}

void health::succeeded(node_state& s, std::int64_t now) noexcept {
    const std::lock_guard lock(mutex_);
    if (standing_of(s) != standing::trial) return;
    s.health.since.store(now, relaxed);
    if (--s.health.trial_left == 0)
        restore(s, now);
    else
        count_out(s, now);
}

void health::joined(node_state& s, bool at_first, std::int64_t now) {
    const std::lock_guard lock(mutex_);
    health_record& h = s.health;
    const bool all_were_gone = had_any_ && !at_first && present_.load(relaxed) == 0;
    const bool first_of_all = !std::exchange(had_any_, true);
    if (!h.present) {
        out_.reserve(present_.load(relaxed) + std::size_t{1});
        h.present = true;
        present_.store(present_.load(relaxed) + 1, relaxed);
        changed_at_.store(now, relaxed);
        count_out(s, now);
    }
    if (all_were_gone && params_.recovery_instances > 1) recovering_.store(true, relaxed);
    if (present_.load(relaxed) >= params_.recovery_instances) recovering_.store(false, relaxed);
    if (is_out(standing_of(s))) return;    // absence does not heal
    if (recovering_.load(relaxed)) {
        s.standing.store(standing::recovering, relaxed);
    } else if (!at_first && !first_of_all && !all_were_gone && params_.slow_start.count() > 0) {
        h.since.store(now, relaxed);
        s.standing.store(standing::starting, relaxed);
    } else {
        s.standing.store(standing::fine, relaxed);
    }
}

void health::left(node_state& s, std::int64_t now) noexcept {
    const std::lock_guard lock(mutex_);
    if (!s.health.present) return;
    no_longer_out(s);
    if (std::exchange(s.health.held, false)) held_.store(held_.load(relaxed) - 1, relaxed);
    s.health.present = false;
    present_.store(present_.load(relaxed) - 1, relaxed);
    changed_at_.store(now, relaxed);
}

void health::hold(node_state& s, bool held, std::int64_t now) noexcept {
    const std::lock_guard lock(mutex_);
    if (!s.health.present || std::exchange(s.health.held, held) == held) return;
    held_.store(held ? held_.load(relaxed) + 1 : held_.load(relaxed) - 1, relaxed);
    if (held)
        no_longer_out(s);
    else
        count_out(s, now);
}

void health::eject(node_state& s, std::int64_t now) noexcept {
    health_record& h = s.health;
    if (!is_out(standing_of(s))) {
        if (const std::int64_t interval = ticks_of(params_.interval); interval > 0 && h.times > 0) {
            const std::int64_t clean = (now - h.restored_at) / interval;
            h.times -= static_cast<std::uint32_t>(std::clamp<std::int64_t>(clean, 0, h.times));
        }
    }
    const std::int64_t longest = ticks_of(params_.max_ejection_time);
    const std::int64_t once = std::min(ticks_of(params_.ejection_time), longest);
    h.times = std::min<std::uint32_t>(h.times + 1, 1'000'000);
    h.ejections.store(h.ejections.load(relaxed) + 1, relaxed);
    h.since.store(now + (once > 0 && h.times > longest / once ? longest : once * h.times), relaxed);
    h.failures_in_row = h.unreachable_in_row = 0;
    h.interval_from = 0;
    s.standing.store(standing::ejected, relaxed);
    count_out(s, now);
}

void health::restore(node_state& s, std::int64_t now) noexcept {
    no_longer_out(s);
    s.health.restored_at = now;
    s.health.failures_in_row = s.health.unreachable_in_row = 0;    // calls from before its ejection have told of what was then
    s.health.interval_from = 0;
    const bool slowly = params_.slow_start.count() > 0;
    if (slowly) s.health.since.store(now, relaxed);
    s.standing.store(slowly ? standing::starting : standing::fine, relaxed);
}

bool health::may_eject(std::int64_t now) noexcept {
    forget_unasked(now);
    const std::uint64_t present = counted();
    const std::uint64_t out = out_.size() + 1;
    if (out >= present) return false;
    return out == 1 || out * 100 <= present * params_.max_ejected_percentage;
}

bool health::in_panic(std::int64_t now) noexcept {
    if (now >= unasked_at_.load(relaxed)) {
        const std::lock_guard lock(mutex_);
        forget_unasked(now);
    }
    const std::uint64_t present = counted();
    return (present - std::min<std::uint64_t>(present, out_count_.load(relaxed))) * 100 < present * params_.panic_percentage;
}

/// An `ejection_time` after the end of its ejection, or after it was on trial for the last time.
std::int64_t health::counts_until(const node_state& s) const noexcept {
    const std::int64_t since = s.health.since.load(relaxed);
    return since + std::min(std::max<std::int64_t>(1, ticks_of(params_.ejection_time)), never - since);
}

/// It is out, from now on or still: it counts until nobody has asked for it for too long.
void health::count_out(node_state& s, std::int64_t now) noexcept {
    const std::int64_t until = counts_until(s);
    if (!s.health.present || s.health.held || !is_out(standing_of(s)) || now >= until) return;
    unasked_at_.store(std::min(unasked_at_.load(relaxed), until), relaxed);
    if (std::exchange(s.health.counted_out, true)) return;
    out_.push_back(&s);
    out_count_.store(static_cast<std::uint32_t>(out_.size()), relaxed);
}

void health::no_longer_out(node_state& s) noexcept {
    if (!std::exchange(s.health.counted_out, false)) return;
    std::erase(out_, &s);
    out_count_.store(static_cast<std::uint32_t>(out_.size()), relaxed);
}

void health::forget_unasked(std::int64_t now) noexcept {
    if (now < unasked_at_.load(relaxed)) return;
    std::int64_t next = never;
    std::erase_if(out_, [&](node_state* s) {
        const std::int64_t until = counts_until(*s);
        s->health.counted_out = now < until;
        if (s->health.counted_out) next = std::min(next, until);
        return !s->health.counted_out;
    });
    unasked_at_.store(next, relaxed);
    out_count_.store(static_cast<std::uint32_t>(out_.size()), relaxed);
}

}    // namespace muster::balance
