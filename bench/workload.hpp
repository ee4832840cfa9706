// Part of muster. Boost Software License 1.0, see LICENSE.
//
// What every measured ZooKeeper client has to do, and how its work is measured. Known to all peers.
#pragma once

#include "bench/statistics.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace muster::bench {

/// What one operation is.
enum class client_op {
    get,              ///< Reads a znode of `workload::value_size` bytes.
    set,              ///< Replaces its data by as many bytes.
    create_delete,    ///< Creates an ephemeral with such data and deletes it: two requests, one after the other.
    children,         ///< Lists a znode with `workload::children` children.
    multi,            ///< One transaction that sets the data of `workload::multi_size` znodes.
};

inline constexpr std::array all_client_ops{client_op::get, client_op::set, client_op::create_delete, client_op::children,
                                           client_op::multi};

std::string_view to_string(client_op op) noexcept;
std::optional<client_op> parse_client_op(std::string_view name) noexcept;

/// The work: `window` operations are outstanding at any time, for `warm_up` and then for `duration`.
struct workload {
    static constexpr std::size_t value_size = 100;
    static constexpr std::size_t children = 1000;
    static constexpr std::size_t multi_size = 10;
    static constexpr std::chrono::milliseconds session_timeout{10'000};

    client_op op = client_op::get;
    unsigned window = 64;
    std::string hosts;    ///< ZooKeeper's connect string.
    std::string root;     ///< The znode below which everything happens; see `prepare`.
    std::chrono::nanoseconds warm_up{};
    std::chrono::nanoseconds duration{};

    std::string value_path() const { return root + "/value"; }
    std::string parent_path() const { return root + "/parent"; }
    std::string multi_path(std::size_t i) const { return root + "/multi" + std::to_string(i); }
    std::string own_path(unsigned slot) const { return root + "/own" + std::to_string(slot); }
};

/// What one client did in one round.
struct client_round {
    double ops_per_s = 0;
    double cpu_us_per_op = 0;    ///< User and system time of the client's process.
    double p50_us = 0;
    double p99_us = 0;
    double allocs_per_op = 0;    ///< Calls of operator new on the thread that completes operations.
};

/// Watches the operations of one run. All calls come from one thread at a time.
class meter {
public:
    using clock = std::chrono::steady_clock;

    explicit meter(const workload& w) : warm_up_(w.warm_up), duration_(w.duration) {}

    /// Before the first operation.
    void begin() noexcept { start_ = clock::now(); }

    /// An operation that was issued at `issued` has succeeded at `now`. True if another one is to be issued.
    bool completed(clock::time_point issued, clock::time_point now);

    bool done() const noexcept { return phase_ == phase::done; }

    /// Precondition: `done()`.
    client_round result() const;

private:
    enum class phase { warming_up, measuring, done };
    struct usage {
        clock::time_point at;
        double cpu_seconds = 0;
        std::uint64_t allocations = 0;
    };
    static usage take(clock::time_point now);

    clock::duration warm_up_;
    clock::duration duration_;
    phase phase_ = phase::warming_up;
    clock::time_point start_;
    usage first_;
    usage last_;
    histogram latency_;
};

/// Does the work once and measures it; throws what went wrong.
using client_peer = client_round (*)(const workload& w);

client_round run_muster(const workload& w);
/// With `config::batch_reads` switched off: a frame for each read, as other clients send them.
client_round run_muster_unbatched(const workload& w);
client_round run_bare_socket(const workload& w);
/// With an embedded server in the same thread: `hosts` is not used, and the znodes of `prepare` are made. Time on the processor
/// is that of both.
client_round run_muster_embedded(const workload& w);
client_round run_zookeeper_c(const workload& w);

/// Makes the znodes that the operations need, and removes them. Both throw what went wrong.
void prepare(const std::string& hosts, const std::string& root);
void clean_up(const std::string& hosts, const std::string& root);

}    // namespace muster::bench
