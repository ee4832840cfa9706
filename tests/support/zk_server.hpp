// Part of muster. Boost Software License 1.0, see LICENSE.
//
// Real ZooKeeper servers for tests.
#pragma once

#include "cli/local_zookeeper.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <memory>
#include <string>

namespace muster::test {

using cli::free_port;
using cli::temp_dir;
using zk_options = cli::zookeeper_options;

/// One ZooKeeper server; see there.
using zk_server = cli::local_zookeeper;

/// Three ZooKeeper servers with a quorum among them.
class zk_ensemble {
public:
    static constexpr std::size_t size = 3;

    /// Prepares them with ports and folders of their own; nothing runs yet. `port` and `id` of `o` are not used.
    explicit zk_ensemble(zk_options o = {});

    /// Starts those that do not run, and returns once all three serve.
    void start(std::chrono::milliseconds timeout = std::chrono::seconds(60));

    zk_server& operator[](std::size_t i) { return *servers_.at(i); }
    /// The one that leads; waits for it. Throws `std::runtime_error` where there is none in time.
    std::size_t leader(std::chrono::milliseconds timeout = std::chrono::seconds(30));
    /// SIGKILLs the one that leads and tells which it was. Start it again with `restart(i)`, or `start()`.
    std::size_t kill_leader();
    /// Kills server `i` if it runs, starts it, and returns once it serves as a member of the quorum.
    void restart(std::size_t i) { servers_.at(i)->restart(); }

    /// All three addresses.
    std::string connect_string() const;

private:
    std::array<std::unique_ptr<zk_server>, size> servers_;
};

}    // namespace muster::test
