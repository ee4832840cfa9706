// Part of muster. Boost Software License 1.0, see LICENSE.
//
// ZooKeeper servers for tests. Which kind is chosen by the environment, so that the same tests run against both.
#pragma once

#include "support/apache_server.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace muster::test {

using zk_options = zookeeper_options;

enum class server_kind {
    apache,     ///< Apache's server.
    embedded    ///< The embedded server in a process of its own. What `kill()` ends has lost all data; `crash()` loses none.
};

/// What MUSTER_TEST_SERVER says, "apache" or "embedded"; Apache's without. Throws `std::runtime_error` for anything else.
server_kind chosen_server();

/// Leaves a test case out where the embedded server was chosen: `TEST_CASE("..." * apache_only("it takes three servers"))`.
struct apache_only {
    const char* reason;

    explicit apache_only(const char* why) noexcept : reason(why) {}
    template <class TestCase>
    void fill(TestCase& t) const {
        if (chosen_server() != server_kind::apache) t.m_skip = true;
    }
};

/// One ZooKeeper server.
class zk_server {
public:
    /// Prepares it; nothing runs yet.
    explicit zk_server(zk_options o = {}, server_kind kind = chosen_server());

    void start(std::chrono::milliseconds timeout = std::chrono::seconds(30)) { server_->start(timeout); }
    void launch() { server_->launch(); }
    bool running() { return server_->running(); }
    /// It goes without a word; `start()` brings it back with its data and its sessions.
    void crash() { server_->crash(); }
    void kill() { server_->kill(); }
    void stop() { server_->stop(); }
    /// `kill()` and `start()`: the same port, and the same data where that is kept.
    void restart();
    void pause() noexcept { server_->pause(); }
    void resume() noexcept { server_->resume(); }

    std::uint16_t port() const noexcept { return server_->port(); }
    /// "127.0.0.1:PORT"
    std::string connect_string() const { return "127.0.0.1:" + std::to_string(port()); }
    pid_t pid() const noexcept { return server_->pid(); }

    std::string four_letter(std::string_view word, std::chrono::milliseconds timeout = std::chrono::seconds(10)) const {
        return server_->four_letter(word, timeout);
    }
    std::string mode(std::chrono::milliseconds timeout = std::chrono::seconds(10)) const { return server_->mode(timeout); }

private:
    std::unique_ptr<local_server> server_;
};

/// One that runs, and that all test cases of a program share.
zk_server& shared_server();

/// Three of Apache's servers with a quorum among them.
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
