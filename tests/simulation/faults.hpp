// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace muster::sim {

/// What is done to the cluster. Each is counted when it begins, if there is something that it can affect.
enum class fault : std::uint8_t {
    delay,                  ///< Bytes of a connection take long.
    split,                  ///< Bytes arrive one by one.
    coalesce,               ///< Bytes wait and arrive together.
    reset,                  ///< A connection breaks.
    cut_request,            ///< A connection breaks before a request reached the server.
    cut_inside_request,     ///< A connection breaks in the middle of a request.
    cut_reply,              ///< A connection breaks after a request was served and before its reply arrived.
    black_hole,             ///< A connection carries nothing any more, and does not break.
    black_hole_up,          ///< The same, only towards the server.
    black_hole_down,        ///< The same, only towards the client.
    partition,              ///< A process and some servers do not reach each other.
    connect_refused,        ///< A server refuses a connection.
    connect_hangs,          ///< A connection attempt does not end.
    write_stalls,           ///< A client's socket takes no more bytes.
    short_write,            ///< A client's socket takes a part of the bytes at once, or none.
    name_elsewhere,         ///< A name resolves to an address where nobody is, or another is.
    name_missing,           ///< A name does not resolve.
    name_slow,              ///< A look-up takes long.
    address_moves,          ///< A server comes back at another address, and its name tells.
    server_restart,         ///< A server is restarted.
    session_loss,           ///< All servers are restarted, and all sessions are lost.
    connections_dropped,    ///< A server drops all its connections.
    leader_change,          ///< Another server leads.
    no_quorum,              ///< No server leads for a while.
    server_lags,            ///< A server applies transactions late.
    read_only_minority,     ///< A server is cut off the others and serves reads only.
    session_expired,        ///< One session is ended.
    process_frozen,         ///< A process stands still for a while.
    process_crashed,        ///< A process ends without a word.
    clock_skew,             ///< A process's clock shows another time and has another rate.
    cancellation,           ///< An operation is cancelled.
    slow_subscriber,        ///< A subscriber does not read for a while.
    watch_overflow,         ///< More happens to a watched path than its watcher keeps unread.
    foreign_write,          ///< A stranger writes to the znode of an instance.
    foreign_delete,         ///< A stranger deletes the znode of an instance.
    foreign_znode,          ///< A stranger creates a znode among those of a service.
};

inline constexpr std::array<std::string_view, 36> fault_names{"delay",           "split",
                                                              "coalesce",        "reset",
                                                              "cut_request",     "cut_inside_request",
                                                              "cut_reply",       "black_hole",
                                                              "black_hole_up",   "black_hole_down",
                                                              "partition",       "connect_refused",
                                                              "connect_hangs",   "write_stalls",
                                                              "short_write",     "name_elsewhere",
                                                              "name_missing",    "name_slow",
                                                              "address_moves",   "server_restart",
                                                              "session_loss",    "connections_dropped",
                                                              "leader_change",   "no_quorum",
                                                              "server_lags",     "read_only_minority",
                                                              "session_expired", "process_frozen",
                                                              "process_crashed", "clock_skew",
                                                              "cancellation",    "slow_subscriber",
                                                              "watch_overflow",  "foreign_write",
                                                              "foreign_delete",  "foreign_znode"};

/// How often each fault took effect.
class fault_counts {
public:
    void count(fault f) noexcept { ++counts_[static_cast<std::size_t>(f)]; }
    std::uint64_t of(fault f) const noexcept { return counts_[static_cast<std::size_t>(f)]; }
    std::array<std::uint64_t, fault_names.size()>& all() noexcept { return counts_; }
    const std::array<std::uint64_t, fault_names.size()>& all() const noexcept { return counts_; }

private:
    std::array<std::uint64_t, fault_names.size()> counts_{};
};

}    // namespace muster::sim
