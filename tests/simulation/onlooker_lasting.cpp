// Part of muster. Boost Software License 1.0, see LICENSE.
// Its persistent watches.
#include "simulation/onlooker.hpp"

#include <boost/asio/error.hpp>

#include <algorithm>
#include <utility>

namespace muster::sim {

using namespace std::chrono_literals;

// To keep what is watched ---------------------------------------------------------------------------------------------------

void onlooker::keep(std::uint64_t life, kept& k) {
    k.adding = true;
    k.removals = removals_;
    auto added = [this, life, &k](error_code ec, zk::watcher w) {
        if (life != life_ || !running()) return;
        k.adding = false;
        if (ec) return later(life, k);
        k.watcher = std::move(w);
        k.told.armed(newest());
        k.generation = client_->session().generation;
        k.connection = client_->session().connection;
        k.late = paused_ ? std::optional(newest()) : std::nullopt;
        k.dirty = true;
        listen(life, k);
        read(life, k);
    };
    client_->add_watch(k.path, k.mode, env_.operations.expect(*home_, name_ + " add_watch " + k.path, std::move(added)));
}

void onlooker::listen(std::uint64_t life, kept& k) {
    k.unread = paused_;
    if (paused_) return;
    k.watcher.next(env_.operations.await(*home_, name_ + " next of persistent " + k.path,
                                         [this, life, &k](error_code ec, const zk::watch_event& e) {
                                             if (life != life_ || !running()) return;
                                             if (ec == asio::error::operation_aborted) return listen(life, k);
                                             if (ec) {
                                                 if (ec == zk::client_errc::watch_ended && asked_to_remove_[k.path] <= k.removals)
                                                     env_.time.fail("{}: a persistent watch ended unasked", name_);
                                                 k.watcher = {};
                                                 k.dirty = true;
                                                 return later(life, k);
                                             }
                                             ++events_;
                                             env_.time.note("{} hears of {} {}", name_, e.path, zk::to_string(e.type));
                                             hear(k, e);
                                             k.dirty = true;
                                             read(life, k);
                                             listen(life, k);
                                         }));
}

void onlooker::hear(kept& k, const zk::watch_event& e) {
    if (e.type == zk::event_type::resync) return rearmed(k);
    const std::string wrong = k.told.hear(e);
    if (!wrong.empty()) env_.time.fail("{}: by the persistent watch of {} {}", name_, k.path, wrong);
}

/// What comes next has no place right behind what came before: the watch was armed again, or unread events were forgotten.
void onlooker::rearmed(kept& k) {
    const auto now = client_->session();
    // What lay unread may tell of several connections, one after the other.
    const auto before = std::exchange(k.connection, k.late ? std::min(k.connection + 1, now.connection) : now.connection);
    if (before == now.connection) {
        env_.faults.count(fault::watch_overflow);
        return k.told.skipped();
    }
    if (k.late) return k.told.armed(*k.late);
    // The watch is armed again by a request that is about to be sent.
    const auto there = env_.cluster.attached(now.id);
    k.told.armed(there ? std::max(there->applied, newest()) : newest());
}

void onlooker::later(std::uint64_t life, kept& k) {
    env_.time.after(200ms, [this, life, &k] {
        if (life != life_ || !running()) return;
        home_->when_awake([this, life, &k] {
            if (life != life_ || !running()) return;
            if (k.watcher) {
                read(life, k);
            } else if (!k.adding) {
                keep(life, k);
            }
        });
    });
}

void onlooker::read(std::uint64_t life, kept& k) {
    if (k.reading || !k.dirty) return;
    k.reading = true;
    k.dirty = false;
    auto got = [this, life, &k, generation = client_->session().generation](error_code ec, const std::optional<zk::stat>& s) {
        if (life != life_ || !running()) return;
        k.reading = false;
        if (ec) {
            k.dirty = true;
            return later(life, k);
        }
        learn(s, generation);
        k.told.read();
        k.read = s;
        read(life, k);
    };
    client_->exists(k.path, env_.operations.expect(*home_, name_ + " exists " + k.path, std::move(got)));
}

// To remove and to ask -----------------------------------------------------------------------------------------------------

void onlooker::remove_watches(const std::string& path) {
    const auto number = ++removals_;
    asked_to_remove_[path] = number;
    auto done = [this, life = life_, path, number](error_code ec) {
        if (life != life_) return;
        env_.time.note("{} has removed the watches of {}: {}", name_, path, ec.message());
        if (ec.category() == zk::server_category() && ec != zk::server_errc::not_read_only)
            env_.time.fail("{}: removing the watches of {} gave {}", name_, path, ec.message());
        if (!ec) removed_[path] = std::max(removed_[path], number);
    };
    env_.time.note("{} removes the watches of {}", name_, path);
    client_->remove_watches(path, env_.operations.expect(*home_, name_ + " remove_watches " + path, std::move(done)));
}

void onlooker::ask_whether_watched(kept& k) {
    // Unless its removal was asked for, or the session that watched is no more.
    const auto is_watched = [this, &k] {
        return k.watcher && !k.adding && asked_to_remove_[k.path] <= k.removals && client_->session().generation == k.generation;
    };
    auto done = [this, life = life_, &k, is_watched, before = is_watched()](error_code ec, bool watched) {
        if (life == life_ && !ec && !watched && before && is_watched())
            env_.time.fail("{}: {} is watched, and its server does not know", name_, k.path);
    };
    client_->check_watches(k.path, zk::watch_type::any,
                           env_.operations.expect(*home_, name_ + " check_watches " + k.path, std::move(done)));
}

// To let events lie --------------------------------------------------------------------------------------------------------

void onlooker::pause() {
    if (!running() || paused_) return;
    env_.faults.count(fault::slow_subscriber);
    paused_ = true;
    for (auto& k : kept_) k.late = newest();
}

void onlooker::resume() {
    if (!running() || !std::exchange(paused_, false)) return;
    for (auto& k : kept_) {
        if (k.unread) listen(life_, k);
    }
}

void onlooker::flood() {
    if (!awake()) return;
    pause();
    const std::string parent = kept_paths_.back();
    const std::string prefix = parent + "/flood" + std::to_string(++floods_) + "-";
    constexpr int several = 6;
    constexpr int many = 1'000;    // more at a time is a request that servers refuse
    env_.time.note("{} floods {}", name_, parent);
    for (int i = 0; i != several; ++i) {
        zk::transaction t;
        const auto path = [&](int j) { return prefix + std::to_string(i * many + j); };
        for (int j = 0; j != many; ++j) t.create(path(j), "");
        for (int j = 0; j != many; ++j) t.remove(path(j));
        client_->multi(std::move(t),
                       env_.operations.expect(*home_, name_ + " floods", [](error_code, const zk::multi_result&) {}));
    }
}

}    // namespace muster::sim
