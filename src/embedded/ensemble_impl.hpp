// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include "embedded/access.hpp"
#include "embedded/ensemble.hpp"
#include "embedded/proposals.hpp"
#include "embedded/sessions.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

namespace muster::embedded {

/// What the servers have in common.
class ensemble::impl {
public:
    impl(settings s, std::size_t servers, std::uint64_t seed, time_point now, std::chrono::system_clock::time_point wall);
    ~impl();

    /// Remembers what time it is, for everything that happens until the next call.
    void set_time(time_point now) noexcept { now_ = now; }
    time_point now() const noexcept { return now_; }

    /// A write that was judged. It is in the log whatever came of it.
    struct verdict {
        std::uint64_t entry = 0;
        answer result;
    };
    verdict propose(zk::session_id session, zk::proto::opcode type, std::string_view body, const identities& who);

    /// Opens a session for a client of a server. Gives the entry of the log.
    std::uint64_t open_session(zk::session_id id, std::chrono::milliseconds timeout, std::size_t server);

    /// Leaves an entry for a request that was refused before it was judged.
    std::uint64_t refuse(zk::session_id session);

    /// The last entry of the log.
    std::uint64_t last_entry() const noexcept { return entry_; }

    /// Gives all output to the sinks.
    void flush();

    /// Every server serves what it can, after a change of the conditions.
    void reconsider(bool elected = false);
    void elect(std::optional<std::size_t> leader);

    void tell_read_only(server::impl& s, bool on);

    std::optional<time_point> deadline() const;
    void tick();
    bool expire(zk::session_id id);

    settings config;
    std::uint64_t secret = 0;
    tree committed;
    sessions open_sessions;
    std::vector<std::unique_ptr<server>> servers;
    std::optional<std::size_t> leader;
    std::function<void(const transaction&)> on_commit;

private:
    transaction begin(zk::session_id session);
    std::uint64_t commit(transaction t);
    bool has_majority() const;
    bool stands_still() const noexcept;
    void delete_unused();
    std::optional<time_point> next_check() const;

    proposals judge_;
    time_point start_;
    time_point now_;
    std::int64_t wall_;    // milliseconds since the epoch at start_
    std::int64_t epoch_;
    std::uint64_t entry_ = 0;
    zk::zxid zxid_;
    time_point last_check_;    // when containers were looked after, or would have been had there been any
};

}    // namespace muster::embedded
