// Part of muster. Boost Software License 1.0, see LICENSE.
//
// What a server's word proves, and what it means that it says none.
#include "proto_zk/session.hpp"

#include <algorithm>
#include <limits>

namespace muster::zk::proto {
namespace {

constexpr std::size_t large = 64 * 1024;    // a frame that may take a while on a slow line

}    // namespace

void session::prove(time_point sent) noexcept {
    // The server had the session alive when it read a request, which was after it was written here. Without a quorum it says
    // nothing about anything that others may take over.
    if (info_.read_only || closing_ || denied_) return;
    info_.safe_until = std::max(info_.safe_until, sent + duration(info_.timeout));
}

/// A server that is behind what the client has seen closes the connection without a word, and so does one that serves nobody; the
/// next one is tried. Where all do, somebody has to look: an ensemble whose data was lost, or restored from a backup, does so for
/// as long as the session is offered. Who has seen nothing is behind nobody.
void session::note_silence(const failure& f, bool silent) {
    if (!host_) return;
    silent_[*host_] = !silent || last_zxid_ == 0 ? extent::none : f.untried ? extent::some : extent::all;
    if (std::any_of(silent_.begin(), silent_.end(), [](extent e) { return e != extent::all; })) return;
    silent_.assign(silent_.size(), extent::none);    // another round is told of again
    ++metrics_.rounds_behind;
    tell(log_event::servers_behind, {}, {}, static_cast<std::uint64_t>(last_zxid_));
}

/// What the server is to answer next ends there in what was written.
std::uint64_t session::awaited() const noexcept {
    const auto request = written_.empty() ? std::numeric_limits<std::uint64_t>::max() : written_.front()->ends_;
    return pings_.empty() ? request : std::min(request, pings_.front().ends);
}

/// A server hears of a session when it has read a whole request, and nothing overtakes a frame that is half written. So it can
/// say nothing while a large one is on its way, and to close the connection then would only send it there once more. What arrives
/// at its machine is taken for a sign of life, up to where it has something to answer: its silence counts from then on. So a
/// black hole, which takes nothing, and a server that hangs are found as soon as without.
///
/// When it arrived nobody knows: after it was looked at for the last time before.
void session::undelivered(std::size_t bytes, time_point now) {
    if (phase_ != phase::attached) return;
    // Below TLS there are more bytes than were written.
    const auto arrived = delivery_.written - std::min<std::uint64_t>(bytes, delivery_.written);
    if (arrived > delivery_.arrived && arrived < awaited()) delivery_.progress = delivery_.looked_at;
    delivery_.arrived = std::max(delivery_.arrived, arrived);
    delivery_.looked_at = now;
    delivery_.under_way = bytes != 0;
}

/// While a request is on its way it is looked at often, or the time of its last progress would not be known well enough.
session::time_point session::look_due() const noexcept {
    return delivery_.under_way ? delivery_.looked_at + fraction_of_timeout(1, 12) : time_point::max();
}

/// When the server has been silent for so long that it is given up. A server ends a session of which it has not read a whole
/// request for its timeout, whatever is on the way: that bounds the patience with what is.
session::time_point session::silence_ends() const noexcept {
    const auto patience = fraction_of_timeout(2, 3);
    const auto latest = last_received_ + fraction_of_timeout(1, 1);
    return std::min(std::max(last_received_, delivery_.progress) + patience, latest);
}

/// A frame that takes long should find the session's timeout begun anew at the server.
bool session::large_after_silence(time_point now) const noexcept {
    if (next_frame() == 0 || queued_.front()->frame.size() < large) return false;
    return now - last_sent_ >= fraction_of_timeout(1, 12);
}

}    // namespace muster::zk::proto
