// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include "embedded/ensemble.hpp"
#include "simulation/chronicle.hpp"
#include "simulation/network.hpp"

#include <muster/zk/types.hpp>

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace muster::sim {

/// The servers, each behind an address and a name of the network, and what is done to them.
class cluster {
public:
    cluster(kernel& k, network& n, fault_counts& faults, std::size_t servers, embedded::settings s);
    ~cluster();

    std::size_t size() const noexcept { return hosts_.size(); }
    /// For clients: all names and their port.
    std::string connect_string() const;
    static std::string name_of(std::size_t i) { return "zk" + std::to_string(i); }

    const embedded::tree& tree() const noexcept { return ensemble_.leader_tree(); }
    /// What watches can tell of, all of it.
    const chronicle& history() const noexcept { return history_; }
    std::vector<zk::session_id> sessions() const { return ensemble_.session_ids(); }
    std::size_t connections() const;
    std::size_t watches() const;
    /// What a session's connection has at its server; for a while an earlier one can still stand at another.
    struct attachment {
        zk::zxid applied = 0;    ///< By that server; by the last of them.
        std::size_t watched_paths = 0;
    };
    /// None while it has no connection.
    std::optional<attachment> attached(zk::session_id id) const;
    /// Sessions that were ended before their time: nobody could have known.
    bool ended_early(zk::session_id id) const { return ended_early_.contains(id); }

    /// Called after whatever changed the tree, with the process that asked for it; null: the ensemble itself did it.
    void on_change(std::function<void(const process*)> f) { on_change_ = std::move(f); }

    // Faults. Those that last say for how long.
    void restart(std::size_t i, instant down);
    void move(std::size_t i, instant down);
    void lose_sessions(instant down);
    void drop_connections(std::size_t i);
    void change_leader();
    void lose_quorum(instant away);
    void lag(std::size_t i, std::chrono::milliseconds lag);
    void isolate(std::size_t i, instant away);
    void expire(zk::session_id id);
    /// All servers are up, connected, up to date, and one leads.
    void heal();

private:
    class host;
    class session_sink;
    friend class session_sink;

    embedded::time_point now() const noexcept;
    embedded::time_point enter(const process* cause) noexcept;
    void leave();
    void arm();
    void crash(std::size_t i);
    void bring_up(std::size_t i);
    void elect_soon();
    /// False if there is nobody to lead.
    bool elect(bool another);
    std::size_t majority() const noexcept { return hosts_.size() / 2 + 1; }

    kernel& kernel_;
    network& network_;
    fault_counts& faults_;
    const bool read_only_mode_;
    random chance_;
    embedded::ensemble ensemble_;
    chronicle history_;
    std::vector<std::unique_ptr<host>> hosts_;
    std::set<zk::session_id> ended_early_;
    std::function<void(const process*)> on_change_;
    const process* cause_ = nullptr;
    zk::zxid seen_ = 0;
    instant armed_ = instant::max();
    bool leaderless_ = false;    // on purpose
};

}    // namespace muster::sim
