// Part of muster. Boost Software License 1.0, see LICENSE.
//
// Ephemeral znodes that go all at once are more often an incident of ZooKeeper or of the network than programs that ended.
#pragma once

#include <muster/zk/session_info.hpp>

#include "balance/membership.hpp"

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace muster::balance {

/// What a view shows otherwise than before.
struct view_difference {
    std::vector<sighting> gone;
    std::vector<sighting> come;
};

/// Keeps in a service who went in a mass after the own session was disturbed, for a session timeout, in which those who live can
/// register again. Stands between the view and the membership.
///
/// A session is disturbed from when its connection is lost until one and a half session timeouts after it has another one: so
/// long the servers may take to end the sessions that the same incident cut off, if their timeouts are no longer, which begin
/// anew under a new leader, and are rounded up to a tick of at most half a timeout. Who said before that it drains is believed
/// when it goes, and counts neither as gone nor in the whole. What goes in that time is counted over a session timeout. Those
/// that were few enough have been shown, and stay so; but for those of the same reading of the service, which shows one after
/// the other: they come back.
class hold_back {
public:
    using time_point = std::chrono::steady_clock::time_point;

    /// `percentage`: more than so many in hundred are a mass; 0: nothing is.
    explicit hold_back(std::uint32_t percentage) noexcept : percentage_(percentage) {}

    /// Where the session stands. To be told of each change, and before each `sift`. Told first of a session that has had more
    /// than one connection, it takes that for disturbed: when it got this one is not known.
    void on_session(const zk::session_info& s, time_point now) noexcept;

    /// Takes out of `seen` what is held back, which `m` then has as a normal, as nobody knows that it is still master; and adds
    /// what is not held back any more: when it is due, if the view is right (`fresh`), so that whoever was not seen again has
    /// gone, or the connection has stood for so long that something else keeps the view from being right.
    void sift(view_difference& seen, const membership& m, bool fresh, time_point now);

    /// When to sift again, though nothing is seen; `max`: when something is.
    time_point due() const noexcept;

    /// The identities of those who are held back, sorted.
    std::vector<std::string> all() const;

private:
    struct held {
        sighting seen;
        time_point until;
    };
    struct departure {
        sighting seen;
        time_point at;
        std::uint64_t reading;
    };

    time_point trusts_from() const noexcept;
    std::vector<sighting> replaced(const std::vector<sighting>& come);
    std::vector<sighting> overdue(time_point now);
    void hold(view_difference& seen, const membership& m, time_point now);
    void keep(view_difference& seen, sighting s, time_point now);

    std::uint32_t percentage_;
    std::uint64_t connection_ = 0;
    bool connected_ = false;
    time_point connected_at_ = time_point::min();
    std::chrono::milliseconds timeout_{0};
    time_point disturbed_until_ = time_point::min();
    bool fresh_ = false;
    std::uint64_t readings_ = 0;
    std::uint64_t reading_ = 0;                                 // of which what is seen now comes; 0: of none
    std::map<std::string, held, std::less<>> held_;             // by identity
    std::map<std::string, departure, std::less<>> departed_;    // who was shown to go while the session was disturbed
};

}    // namespace muster::balance
