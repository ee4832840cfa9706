// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include <muster/zk/types.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace muster::embedded {

using time_point = std::chrono::steady_clock::time_point;

/// Sessions and when they expire. As in Apache's server, expiry is rounded up to the next tick of a clock that all share: a
/// session not heard of for its timeout lives on for up to one tick.
class sessions {
public:
    sessions(std::chrono::milliseconds tick, std::uint64_t secret) noexcept : tick_(tick.count()), secret_(secret) {}

    /// Derived from the id.
    std::array<char, 16> password_of(zk::session_id id) const noexcept;
    bool accepts(zk::session_id id, std::string_view password) const noexcept;

    void open(zk::session_id id, std::chrono::milliseconds timeout, std::size_t owner, time_point now);
    bool knows(zk::session_id id) const noexcept { return sessions_.contains(id); }

    enum class touched { yes, moved, unknown };

    /// The session was heard of, by server `owner`: its timeout, from now on this one, begins anew. Not if its client has moved
    /// to another server.
    touched touch(zk::session_id id, std::chrono::milliseconds timeout, std::size_t owner, time_point now);

    /// Its client connected to server `owner`. False if there is no such session.
    bool move(zk::session_id id, std::chrono::milliseconds timeout, std::size_t owner, time_point now);

    /// The same for all, each with its own timeout.
    void touch_all(time_point now);

    void close(zk::session_id id);

    /// When the next session expires.
    std::optional<time_point> next_expiry() const noexcept;

    /// Those that are to be closed, in the order of their expiry.
    std::vector<zk::session_id> expired(time_point now) const;

    std::vector<zk::session_id> ids() const;
    std::size_t size() const noexcept { return sessions_.size(); }

private:
    struct session {
        std::chrono::milliseconds timeout{0};
        std::size_t owner = 0;
        std::int64_t expires = 0;    // a multiple of the tick, on the steady clock
    };

    void schedule(zk::session_id id, session& s, time_point now);

    std::int64_t tick_;
    std::uint64_t secret_;
    std::unordered_map<zk::session_id, session> sessions_;
    std::map<std::int64_t, std::set<zk::session_id>> buckets_;
};

}    // namespace muster::embedded
