// Part of muster. Boost Software License 1.0, see LICENSE.
//
// What a server's word proves, and what it means that it says none.
#include "proto_zk/session.hpp"

#include <algorithm>

namespace muster::zk::proto {

void session::prove(time_point sent) noexcept {
    // The server had the session alive when it read a request, which was after it was written here. Without a quorum it says
    // nothing about anything that others may take over.
    if (info_.read_only || closing_ || denied_) return;
    info_.safe_until = std::max(info_.safe_until, sent + duration(info_.timeout));
}

/// A server that is behind what the client has seen closes the connection without a word, and so does one that serves nobody; the
/// next one is tried. Where all do, somebody has to look: an ensemble whose data was lost, or restored from a backup, does so for
/// as long as the session is offered. Who has seen nothing is behind nobody.
void session::note_silence(bool silent) {
    if (!host_) return;
    silent_[*host_] = silent && last_zxid_ != 0;
    if (std::find(silent_.begin(), silent_.end(), false) != silent_.end()) return;
    silent_.assign(silent_.size(), false);    // another round is told of again
    ++metrics_.rounds_behind;
    tell(log_event::servers_behind, {}, {}, static_cast<std::uint64_t>(last_zxid_));
}

}    // namespace muster::zk::proto
