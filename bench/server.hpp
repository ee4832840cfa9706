// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

namespace muster::bench {

/// The server that clients are measured with: one of the bench's own, in a process of its own, or somebody's.
class bench_server {
public:
    static constexpr std::string_view apache = "apache";                ///< Apache's, started for the bench.
    static constexpr std::string_view embedded = "embedded-process";    ///< The embedded one.

    /// Starts it where `name` is one of those above; anything else is ZooKeeper's connect string. Sessions may have a timeout of
    /// `session_timeout`. The calling process must have no other threads. Throws what went wrong.
    explicit bench_server(const std::string& name, std::chrono::milliseconds session_timeout);
    ~bench_server();

    /// ZooKeeper's connect string.
    const std::string& hosts() const noexcept { return hosts_; }
    /// It goes with this object, and with it what is in it.
    bool own() const noexcept { return process_ != nullptr; }
    /// Its speed settles only after some seconds of load.
    bool warms_up() const noexcept { return warms_up_; }

private:
    struct process {
        virtual ~process() = default;
    };
    struct apache_process;
    struct embedded_process;

    std::unique_ptr<process> process_;
    std::string hosts_;
    bool warms_up_ = false;
};

}    // namespace muster::bench
