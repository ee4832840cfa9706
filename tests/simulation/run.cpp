// Part of muster. Boost Software License 1.0, see LICENSE.
#include "simulation/run.hpp"

#include "simulation/cast.hpp"
#include "simulation/environment.hpp"
#include "simulation/invariants.hpp"
#include "simulation/turmoil.hpp"

namespace muster::sim {

using namespace std::chrono_literals;

namespace {

constexpr instant shortest_run = 10min;
/// Until then everything has settled after turmoil. Two who fight for a znode wait for a minute at most before they try again; a
/// session of those who are gone lives for twelve seconds.
constexpr instant settling_limit = 4min;

embedded::settings settings_of(random chance) {
    embedded::settings s;
    // Not longer: a client must know that its session has ended no later than a third of its timeout behind the server.
    s.tick = chance.percent(50) ? 1s : 500ms;
    s.read_only_mode = chance.percent(50);
    return s;
}

std::size_t servers_of(random chance) { return chance.percent(50) ? 1 : 3; }

class life {
public:
    life(std::uint64_t seed, recording events)
        : env_(seed, servers_of(random(seed, "servers")), settings_of(random(seed, "settings")), events),
          actors_(env_),
          invariants_(env_, actors_),
          turmoil_(env_, actors_),
          chance_(env_.time.chance("run")) {}

    /// Drops what is still under way, and its objects with it. Gives what is wrong then: no operation may be completed twice.
    std::string end() {
        env_.operations.let_go();
        for (const auto& p : env_.processes()) p->die();
        try {
            env_.time.run_ready();
            env_.operations.check();
        } catch (const violation& v) {
            return v.what();
        }
        return {};
    }

    void live() {
        env_.time.watch([this] { invariants_.always(); });
        actors_.start_all();
        every(chance_.between(100ms, 600ms), [this] {
            if (!hush_) actors_.act(turmoil_.lasts());
        });
        every(chance_.between(1s, 6s), [this] {
            if (turmoil_.lasts()) actors_.stir(chance_);
        });
        every(chance_.between(1s, 8s), [this] {
            if (!quiet_) actors_.revive();
        });
        settle();
        while (env_.time.now() < shortest_run) {
            turmoil_.begin();
            env_.time.run_for(chance_.between(15s, 90s));
            turmoil_.end();
            settle();
            resume_in_calm();
        }
        leave();
    }

    environment& env() noexcept { return env_; }
    cast& actors() noexcept { return actors_; }

private:
    void every(instant period, std::function<void()> act) {
        env_.time.after(period, [this, period, act = std::move(act)] {
            if (leaving_) return;
            act();
            every(period, act);
        });
    }

    /// What is not as it should be once what is under way has ended.
    std::string look() {
        hush_ = true;
        env_.time.run_for(500ms);
        std::string wrong = invariants_.unsettled();
        hush_ = false;
        return wrong;
    }

    /// Waits until all is as it should be, and stays so for longer than anything is on its way.
    void settle() {
        const instant end = env_.time.now() + settling_limit;
        for (int quiet_seconds = 0; quiet_seconds != 4;) {
            actors_.settle();
            env_.time.run_for(500ms);
            const std::string wrong = look();
            quiet_seconds = wrong.empty() ? quiet_seconds + 1 : 0;
            if (!wrong.empty() && env_.time.now() >= end) {
                env_.time.fail("not settled after {} s of calm: {}", settling_limit / 1s, wrong);
            }
        }
        for (auto& o : actors_.onlookers) o.settled();
        env_.time.note("settled");
    }

    /// All connections break, and nobody writes anything when he comes back.
    void resume_in_calm() {
        quiet_ = true;
        const auto before = env_.cluster.tree().last_zxid();
        for (const auto& c : env_.network.live()) {
            env_.faults.count(fault::reset);
            c->reset();
        }
        env_.time.run_for(5s);
        const std::string wrong = look();
        if (!wrong.empty()) env_.time.fail("after a reset in calm: {}", wrong);
        const auto after = env_.cluster.tree().last_zxid();
        if (after != before) env_.time.fail("resuming sessions made transactions {:x} to {:x}", before + 1, after);
        quiet_ = false;
    }

    void leave() {
        leaving_ = true;
        env_.time.note("everybody goes");
        if (chance_.percent(50)) env_.operations.cancel(20);
        actors_.settle();
        actors_.stop_all();
        for (int i = 0; i != 60 && !actors_.all_absent(); ++i) {
            env_.time.run_for(500ms);
            for (auto& h : actors_.households) h.tend();
        }
        if (!actors_.all_absent()) env_.time.fail("somebody has not gone");
        // Those who do not wait for the server leave sessions that expire.
        env_.time.run_for(environment::longest_timeout + 3s);
        invariants_.nothing_left();
    }

    environment env_;
    cast actors_;
    invariants invariants_;
    turmoil turmoil_;
    random chance_;
    bool leaving_ = false;
    bool quiet_ = false;    // nobody comes back
    bool hush_ = false;     // nobody begins anything
};

}    // namespace

outcome run(std::uint64_t seed, recording events) {
    outcome out;
    life l(seed, events);
    try {
        l.live();
    } catch (const violation& v) {
        out.violation = v.what();
        out.last_events = events.text();
    }
    if (const std::string wrong = l.end(); out.violation.empty() && !wrong.empty()) {
        out.violation = wrong;
        out.last_events = events.text();
    }
    const auto& time = l.env().time;
    out.hash = time.events().hash();
    out.steps = time.steps();
    out.simulated = time.now();
    out.faults = l.env().faults;
    for (const auto& o : l.actors().observers) out.picks += o.picks();
    for (const auto& w : l.actors().workers) {
        out.operations += w.done();
        out.refused += w.refused();
    }
    for (const auto& o : l.actors().onlookers) out.events += o.events();
    return out;
}

}    // namespace muster::sim
