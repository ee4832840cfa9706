// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include "simulation/actor.hpp"
#include "simulation/chronicle.hpp"

#include <muster/zk/client.hpp>

#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace muster::sim {

/// A client that watches the znodes of others: by one-shot watches of every kind, by persistent ones, whose events it holds
/// against what happened and behind which it reads again what it keeps, and by persistent ones that it lets go at once. Never by
/// several kinds of one path: a server before 3.9 has one watch of a session on a path, and the last one replaces the one before
/// (ZOOKEEPER-4466). Now and then it has all watches of a path removed.
class onlooker final : public actor {
public:
    onlooker(environment& env, std::string name, std::vector<std::string> paths);

    void start();
    void stop();
    /// Sets watches and destroys some; called now and then.
    void act();
    /// Reads no events of persistent watches until `resume`.
    void pause();
    void resume();
    /// Makes more happen below what it watches recursively than a watcher keeps unread.
    void flood();

    std::size_t watched_paths() const override;
    /// What it should have been told and was not; empty: nothing.
    std::string complaint() const;
    /// It has no complaint, and nothing is on its way.
    void settled();
    std::uint64_t events() const noexcept { return events_; }

private:
    enum class kind { exists, data, children };
    /// When a one-shot watch was asked for: the session, its connection, and what its server had applied at least.
    struct request {
        std::string path;
        kind what;
        std::uint64_t generation = 0;
        std::uint64_t connection = 0;
        zk::zxid known = 0;
        std::uint64_t removals = 0;    // that had been asked for
    };
    /// One that was set, and what was read then.
    struct one_shot {
        request asked;
        zk::watcher watcher;
        std::optional<zk::stat> read;
        std::size_t since = 0;    // what happens from there on must fire it, unless the connection is lost
        bool fired = false;
        std::uint64_t number = 0;
    };
    /// What is kept of a path behind a persistent watch.
    struct kept {
        kept(std::string p, zk::add_watch_mode m, const chronicle& c) : path(std::move(p)), mode(m), told(c, path, m) {}

        std::string path;
        zk::add_watch_mode mode;
        zk::watcher watcher;
        witness told;
        std::optional<zk::stat> read;
        bool dirty = true;
        bool reading = false;
        bool adding = false;
        bool unread = false;             // nobody waits for its next event
        std::uint64_t removals = 0;      // that had been asked for when it was
        std::uint64_t generation = 0;    // of the session in which it was armed
        std::uint64_t connection = 0;    // on which it was armed
        std::optional<zk::zxid> late;    // what its server had applied at least when reading paused: it may be behind since
    };

    void watch_once();
    void glance();
    void armed(const request& r, const error_code& ec, std::optional<zk::stat> s, zk::watcher w);
    bool still_connected(const one_shot& w) const;
    std::string judge(const one_shot& w, const zk::watch_event& e) const;
    std::string complaint(const one_shot& w) const;
    void listen(std::uint64_t life, std::list<one_shot>::iterator w);
    void keep(std::uint64_t life, kept& k);
    void listen(std::uint64_t life, kept& k);
    void read(std::uint64_t life, kept& k);
    void hear(kept& k, const zk::watch_event& e);
    void rearmed(kept& k);
    void remove_watches(const std::string& path);
    void ask_whether_watched(kept& k);
    void later(std::uint64_t life, kept& k);
    void learn(const std::optional<zk::stat>& s, std::uint64_t generation);
    zk::zxid newest() const;
    std::optional<zk::stat> stat_of(const std::string& path) const;
    bool was_removed(const std::string& path, std::uint64_t removals) const;
    void forget() override;

    std::vector<std::string> paths_;    // for one-shot watches
    std::vector<std::string> kept_paths_;
    std::list<one_shot> watches_;
    std::list<kept> kept_;
    std::uint64_t removals_ = 0;                              // of watches, that were asked for
    std::map<std::string, std::uint64_t> asked_to_remove_;    // by path, the last one of them
    std::map<std::string, std::uint64_t> removed_;            // and the last one that has succeeded
    bool paused_ = false;
    zk::zxid newest_ = 0;    // that a reply of that session has shown
    std::uint64_t newest_in_ = 0;
    std::uint64_t last_number_ = 0;
    std::uint64_t glances_ = 0;
    std::uint64_t floods_ = 0;
    std::uint64_t events_ = 0;
};

}    // namespace muster::sim
