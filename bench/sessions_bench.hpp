// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include "bench/report.hpp"

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace muster::bench {

/// Sessions that nobody uses: they are opened evenly over a third of their timeout, so that no two send their pings together, and
/// are then left alone.
struct idle_work {
    std::string hosts;    ///< ZooKeeper's connect string.
    std::size_t sessions = 0;
    std::chrono::milliseconds timeout{};
    std::chrono::nanoseconds duration{};    ///< For how long they are watched, once each has sent a ping.

    std::chrono::nanoseconds ping_interval() const noexcept { return std::chrono::nanoseconds(timeout) / 3; }
};

/// What they cost the client's process in one round. What the kernel keeps for a socket is not among it.
struct idle_round {
    double cpu_percent = 0;          ///< Of one core, for all of them.
    double bytes_per_session = 0;    ///< By which the process grew in RAM.
    double heap_per_session = 0;     ///< By which what is allocated grew; only known of a client without threads.
};

/// Sessions of one client, opened one by one.
class idle_sessions {
public:
    virtual void open() = 0;
    virtual void await_connected() = 0;
    /// Lets time pass.
    virtual void run_until(std::chrono::steady_clock::time_point end) = 0;
    /// Throws if one was lost meanwhile.
    virtual void check() = 0;

protected:
    ~idle_sessions() = default;
};

/// Opens them and measures them. The first is not counted: it pays for what all share.
idle_round watch_idle(idle_sessions& all, const idle_work& w);

/// Opens the sessions and measures them; throws what went wrong, such as a session that was lost.
using idle_peer = idle_round (*)(const idle_work& w);

/// All on one thread.
idle_round idle_muster(const idle_work& w);
/// Each with the two threads that the library takes.
idle_round idle_zookeeper_c(const idle_work& w);

/// A client that the bench knows.
struct idle_impl {
    std::string_view name;
    idle_peer run;               ///< Null: it was not there when the bench was built.
    std::string_view missing;    ///< What to install then.
};

/// All that the bench knows, ours first.
std::vector<idle_impl> all_idle_impls();

struct sessions_options {
    std::vector<std::size_t> sessions;
    std::vector<std::string> impls;
    std::string server = "apache";    ///< As `bench_server` says.
    std::chrono::milliseconds timeout{10'000};
    unsigned rounds = 5;
    std::chrono::nanoseconds duration{};
};

/// Measures what idle sessions cost, the clients in turn on the same server, and reports the medians of the rounds.
void bench_sessions(const sessions_options& o, report& out);

}    // namespace muster::bench
