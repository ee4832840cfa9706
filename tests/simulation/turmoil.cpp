// Part of muster. Boost Software License 1.0, see LICENSE.
#include "simulation/turmoil.hpp"

#include <array>
#include <utility>

namespace muster::sim {

using namespace std::chrono_literals;

namespace {

/// What is struck at a time, by how often it is of use: what takes everything down hides what is finer.
constexpr std::array often{fault::delay,           fault::split,           fault::coalesce,
                           fault::reset,           fault::cut_request,     fault::cut_inside_request,
                           fault::cut_reply,       fault::cut_reply,       fault::black_hole,
                           fault::black_hole_up,   fault::black_hole_down, fault::write_stalls,
                           fault::foreign_write,   fault::foreign_delete,  fault::foreign_znode,
                           fault::slow_subscriber, fault::process_frozen,  fault::server_lags,
                           fault::partition,       fault::session_expired};
constexpr std::array rare{fault::connect_refused, fault::connect_hangs,       fault::name_elsewhere, fault::name_missing,
                          fault::name_slow,       fault::address_moves,       fault::server_restart, fault::session_loss,
                          fault::leader_change,   fault::connections_dropped, fault::no_quorum,      fault::read_only_minority,
                          fault::process_crashed, fault::watch_overflow};

}    // namespace

turmoil::turmoil(environment& env, cast& actors) : env_(env), actors_(actors), chance_(env.time.chance("turmoil")) {}

void turmoil::begin() {
    lasts_ = true;
    ++round_;
    kinds_.clear();
    const unsigned share = chance_.percent(30) ? 20 : 60;
    for (const fault f : often) {
        if (chance_.percent(share)) kinds_.insert(kinds_.end(), 4, f);
    }
    for (const fault f : rare) {
        if (chance_.percent(share)) kinds_.push_back(f);
    }
    if (kinds_.empty()) kinds_.push_back(fault::reset);
    pause_ = chance_.between(200ms, 6s);
    env_.operations.cancel(chance_.percent(50) ? static_cast<unsigned>(chance_.below(20)) : 0);
    env_.time.note("turmoil begins");
    strike_later();
}

void turmoil::end() {
    lasts_ = false;
    while (!undos_.empty()) undo(undos_.begin()->first);
    env_.operations.cancel(0);
    env_.network.heal();
    env_.cluster.heal();
    env_.time.note("turmoil ends");
}

void turmoil::strike_later() {
    env_.time.after(chance_.between(0us, 2 * pause_), [this, round = round_] {
        if (!lasts_ || round != round_) return;
        strike(chance_.pick(kinds_));
        strike_later();
    });
}

void turmoil::undo_after(instant d, std::function<void()> undo_it) {
    const auto id = ++last_undo_;
    undos_.emplace(id, std::move(undo_it));
    env_.time.after(d, [this, id] { undo(id); });
}

void turmoil::undo(std::uint64_t id) {
    if (auto node = undos_.extract(id)) node.mapped()();
}

void turmoil::strike(fault f) {
    switch (f) {
        case fault::delay:
        case fault::split:
        case fault::coalesce:
        case fault::reset:
        case fault::cut_request:
        case fault::cut_inside_request:
        case fault::cut_reply:
        case fault::black_hole:
        case fault::black_hole_up:
        case fault::black_hole_down:
        case fault::write_stalls:
            return strike_connection(f);
        case fault::name_elsewhere:
        case fault::name_missing:
        case fault::name_slow:
            return strike_name(f);
        case fault::partition:
        case fault::process_frozen:
        case fault::process_crashed:
        case fault::slow_subscriber:
        case fault::watch_overflow:
        case fault::foreign_write:
        case fault::foreign_delete:
        case fault::foreign_znode:
            return strike_process(f);
        case fault::clock_skew:
        case fault::cancellation:
            return;    // these are always there
        default:
            return strike_server(f);
    }
}

void turmoil::strike_connection(fault f) {
    const auto live = env_.network.live();
    if (live.empty()) return;
    const auto c = live[chance_.below(live.size())];
    const instant now = env_.time.now();
    env_.time.note("fault: {} on conn{} of {}", fault_names[static_cast<std::size_t>(f)], c->number(), c->client().name());
    switch (f) {
        case fault::delay:
            env_.faults.count(f);
            c->slow(chance_.between(5ms, 2s), instant::max());
            return undo_after(chance_.between(100ms, 10s), [c] { c->slow(0ns, 0ns); });
        case fault::split:
            return c->split(now + chance_.between(100ms, 4s));
        case fault::coalesce:
            return c->gather(now + chance_.between(5ms, 1s));
        case fault::reset:
            env_.faults.count(f);
            return c->reset();
        case fault::cut_request:
            return c->arm(connection::cut::before);
        case fault::cut_inside_request:
            return c->arm(connection::cut::inside);
        case fault::cut_reply:
            return c->arm(connection::cut::after);
        case fault::write_stalls:
            c->stall(instant::max());
            return undo_after(chance_.between(100ms, 15s), [this, c] { c->stall(env_.time.now()); });
        default:
            break;
    }
    env_.faults.count(f);
    const bool up = f != fault::black_hole_down;
    const bool down = f != fault::black_hole_up;
    c->hold(up, down, true);
    undo_after(chance_.between(100ms, 25s), [c, up, down] { c->hold(up, down, false); });
}

void turmoil::strike_server(fault f) {
    auto& cluster = env_.cluster;
    const std::size_t i = chance_.below(cluster.size());
    const instant down = chance_.percent(80) ? chance_.between(10ms, 4s) : chance_.between(4s, 16s);
    env_.time.note("fault: {} on s{}", fault_names[static_cast<std::size_t>(f)], i);
    switch (f) {
        case fault::connect_refused:
            env_.network.refuse(i, true);
            undo_after(down, [this, i] { env_.network.refuse(i, false); });
            return break_some();
        case fault::connect_hangs:
            env_.network.hang(i, true);
            undo_after(down, [this, i] { env_.network.hang(i, false); });
            return break_some();
        case fault::address_moves:
            return cluster.move(i, down);
        case fault::server_restart:
            return cluster.restart(i, down);
        case fault::session_loss:
            return cluster.lose_sessions(down);
        case fault::connections_dropped:
            return cluster.drop_connections(i);
        case fault::leader_change:
            return cluster.change_leader();
        case fault::no_quorum:
            return cluster.lose_quorum(down);
        case fault::server_lags:
            cluster.lag(i, std::chrono::milliseconds(chance_.number(1, 2'000)));
            return undo_after(down, [&cluster, i] { cluster.lag(i, 0ms); });
        case fault::read_only_minority:
            return cluster.isolate(i, down);
        case fault::session_expired: {
            const auto all = cluster.sessions();
            if (!all.empty()) cluster.expire(all[chance_.below(all.size())]);
            return;
        }
        default:
            return;
    }
}

void turmoil::strike_name(fault f) {
    const std::size_t n = env_.cluster.size();
    const bool all = chance_.percent(50);
    const auto t = f == fault::name_elsewhere ? network::trouble::elsewhere
                   : f == fault::name_missing ? network::trouble::missing
                                              : network::trouble::slow;
    env_.time.note("fault: {}", fault_names[static_cast<std::size_t>(f)]);
    for (std::size_t i = 0; i != n; ++i) {
        if (!all && i != chance_.below(n)) continue;
        const auto name = cluster::name_of(i);
        env_.network.trouble_name(name, t);
        undo_after(chance_.between(500ms, 12s), [this, name] { env_.network.trouble_name(name, network::trouble::none); });
    }
    break_some();
}

/// What concerns new connections needs some.
void turmoil::break_some() {
    for (const auto& c : env_.network.live()) {
        if (!chance_.percent(40)) continue;
        env_.faults.count(fault::reset);
        c->reset();
    }
}

void turmoil::strike_process(fault f) {
    const auto homes = actors_.homes();
    if (homes.empty()) return;
    process* const p = homes[chance_.below(homes.size())].get();    // a plain pointer: who holds a process keeps it from ending
    switch (f) {
        case fault::partition: {
            env_.faults.count(f);
            env_.time.note("fault: partition of {}", p->name());
            const bool all = chance_.percent(60);
            const instant lasts = chance_.between(200ms, 25s);
            const std::size_t surely = chance_.below(env_.cluster.size());
            for (std::size_t i = 0; i != env_.cluster.size(); ++i) {
                if (!all && i != surely && chance_.percent(50)) continue;
                env_.network.part(*p, i, true);
                undo_after(lasts, [this, p, i] { env_.network.part(*p, i, false); });
            }
            return;
        }
        case fault::process_frozen:
            if (p->frozen()) return;
            env_.faults.count(f);
            env_.time.note("fault: {} freezes", p->name());
            p->freeze();
            return undo_after(chance_.between(50ms, 25s), [this, p] {
                env_.time.note("{} thaws", p->name());
                p->thaw();
            });
        case fault::process_crashed:
            return actors_.crash_one(chance_);
        case fault::slow_subscriber: {
            const auto let = [this](auto& a) {
                a.pause();
                undo_after(chance_.between(500ms, 30s), [&a] { a.resume(); });
            };
            return chance_.percent(70) ? let(chance_.pick(actors_.observers)) : let(chance_.pick(actors_.onlookers));
        }
        case fault::watch_overflow: {
            if (!chance_.percent(20)) return;    // it takes long to compute
            auto& o = chance_.pick(actors_.onlookers);
            o.flood();
            return undo_after(chance_.between(500ms, 30s), [&o] { o.resume(); });
        }
        case fault::foreign_write:
            return actors_.foreigner.write();
        case fault::foreign_delete:
            return actors_.foreigner.remove();
        default:
            return actors_.foreigner.create();
    }
}

}    // namespace muster::sim
