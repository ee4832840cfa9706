// Part of muster. Boost Software License 1.0, see LICENSE.
//
// Apache's command line client (zkCli), in Java.
#pragma once

#include "support/apache_server.hpp"
#include "support/process.hpp"

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

namespace muster::test {

/// One zkCli with a session. Its output and its errors come together, in their order.
class zk_cli {
public:
    explicit zk_cli(const std::string& hosts, std::chrono::milliseconds session_timeout = std::chrono::seconds(10))
        : process_(
              {"sh", "-c",
               "exec java -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Xmx64m -Dorg.slf4j.simpleLogger.defaultLogLevel=off -cp " +
                   zookeeper_class_path() + " org.apache.zookeeper.ZooKeeperMain -timeout " +
                   std::to_string(session_timeout.count()) + " -server " + hosts + " 2>&1"}) {
        wait_event("state:SyncConnected type:None");
    }

    /// Runs a command and gives the lines that it printed, but no empty ones.
    std::vector<std::string> run(const std::string& command) {
        // What it says to this ends what it says to the command.
        const std::string end = "Node does not exist: /end-of-command-" + std::to_string(++commands_);
        process_.write(command + "\nls /end-of-command-" + std::to_string(commands_) + "\n");
        std::vector<std::string> output;
        for (std::string line = process_.wait_line(); line != end; line = process_.wait_line()) {
            if (line.starts_with("WatchedEvent"))
                events_.push_back(line);
            else if (!line.empty() && line != "WATCHER::")
                output.push_back(line);
        }
        return output;
    }

    /// Waits for the next event with `part` in it, such as "type:NodeDeleted path:/a".
    void wait_event(std::string_view part, std::chrono::milliseconds timeout = std::chrono::seconds(20)) {
        while (next_event_ < events_.size()) {
            if (events_[next_event_++].find(part) != std::string::npos) return;
        }
        process_.wait_line(
            [part](std::string_view line) {
                return line.starts_with("WatchedEvent") && line.find(part) != std::string_view::npos;
            },
            timeout);
    }

    void pause() noexcept { process_.pause(); }
    void resume() noexcept { process_.resume(); }

    /// Ends the session in order.
    void quit() {
        process_.write("quit\n");
        process_.wait();
    }

private:
    process process_;
    int commands_ = 0;
    std::vector<std::string> events_;
    std::size_t next_event_ = 0;
};

}    // namespace muster::test
