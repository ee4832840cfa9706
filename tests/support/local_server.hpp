// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include "cli/child_process.hpp"
#include "support/scratch.hpp"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace muster::test {

/// How a local ZooKeeper is run.
struct zookeeper_options {
    std::uint16_t port = 0;                             ///< 0: a free one.
    std::chrono::milliseconds tick{500};                ///< Granularity of its timeouts.
    std::chrono::milliseconds min_session_timeout{};    ///< 0: two ticks.
    std::chrono::milliseconds max_session_timeout{};    ///< 0: twenty ticks.

    // For Apache's alone.
    bool quick_start = true;            ///< Starts faster, serves slower: turn it off to measure throughput.
    std::vector<std::string> config;    ///< Lines added to zoo.cfg.
    std::vector<std::string> jvm;       ///< Options added to the JVM's.
    int id = 0;                         ///< Its `myid` as a member of an ensemble; 0: it is none.
};

/// A ZooKeeper on the loopback interface, as a child process with a folder of its own, which goes with it.
///
/// The thread that started it must outlive it (`child_process`).
/// \par Errors
/// Members throw `std::runtime_error`; where the server does not start, with the end of its log.
class local_server {
public:
    /// Prepares it; nothing runs yet.
    explicit local_server(zookeeper_options o);
    local_server(const local_server&) = delete;
    local_server& operator=(const local_server&) = delete;
    virtual ~local_server() = default;

    /// Starts it and returns once it serves. Does nothing if it does.
    void start(std::chrono::milliseconds timeout = std::chrono::seconds(30));
    /// Starts the process alone: a member of an ensemble serves only once there is a quorum.
    virtual void launch();
    bool running() { return process_ && process_->running(); }

    /// As a crash: it is gone from the network without a word, and `start()` brings it back with its data and its sessions.
    virtual void crash() = 0;
    void kill();              ///< SIGKILL: what is only in its memory is lost.
    void stop();              ///< In order: SIGTERM.
    void pause() noexcept;    ///< SIGSTOP: connections stay open, nothing is answered.
    void resume() noexcept;

    std::uint16_t port() const noexcept { return options_.port; }
    pid_t pid() const noexcept { return process_ ? process_->pid() : -1; }

    /// The answer to a four letter word, such as "ruok" or "mntr"; empty where there is none within `timeout`.
    std::string four_letter(std::string_view word, std::chrono::milliseconds timeout = std::chrono::seconds(1)) const;
    /// "standalone", "leader", "follower", or empty while it does not serve.
    std::string mode(std::chrono::milliseconds timeout = std::chrono::seconds(1)) const;
    std::filesystem::path log_file() const { return dir_.path() / "zookeeper.log"; }

protected:
    void signal(int number) noexcept;
    /// Whether somebody accepts connections on its port.
    bool listens() const;
    const zookeeper_options& options() const noexcept { return options_; }
    const std::filesystem::path& folder() const noexcept { return dir_.path(); }

private:
    /// The program and its arguments.
    virtual std::vector<std::string> command() const = 0;
    /// What to install where the program is not there.
    virtual std::string how_to_get_it() const = 0;

    zookeeper_options options_;
    temp_dir dir_;
    std::unique_ptr<cli::child_process> process_;
};

}    // namespace muster::test
