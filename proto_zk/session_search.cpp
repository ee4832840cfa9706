// Part of muster. Boost Software License 1.0, see LICENSE.
//
// How a session that is connected to a server without a quorum gets to one that has it. The session of a read-only server is
// known to that one only, and owns nothing: it is left for another as if it had never been, and what waits and watches goes
// along.
#include "proto_zk/session.hpp"

#include <algorithm>
#include <utility>

namespace muster::zk::proto {

session::time_point session::question_due() const noexcept {
    return phase_ == phase::attached && !moving_ && !closing_ ? search_.due() : time_point::max();
}

std::optional<std::size_t> session::take_question(time_point now) {
    if (now < question_due()) return std::nullopt;
    return search_.take(now);
}

error_code session::answered_question(std::size_t host, bool writable, time_point now, std::uint64_t random) {
    if (phase_ != phase::attached || closing_) return {};
    if (!writable) {
        search_.refused(now, random);
        return {};
    }
    search_.end();
    note n;
    n.event = log_event::writable_found;
    n.session = info_.id;
    n.host = host;
    notes_.add(std::move(n));
    hosts_.next(host);
    moving_ = true;
    return move_if_idle();
}

/// A server without a quorum refuses writes at once, past the reads that it is still serving.
error_code session::refuse_write(const reply_header& header) {
    const error_code ec(header.err, server_category());
    if (!info_.read_only || ec != server_errc::not_read_only) return protocol_errc::xid_out_of_order;
    const auto at = std::find_if(written_.begin(), written_.end(), [&](const auto& r) { return r->xid_ == header.xid; });
    if (at == written_.end() || (*at)->batch_ != 1) return protocol_errc::xid_out_of_order;
    auto r = std::move(*at);
    written_.erase(at);
    return answer(std::move(r), ec, {}, header.zxid);
}

/// Nobody else knows it.
void session::leave_read_only() {
    search_.end();
    if (!std::exchange(info_.read_only, false)) return;
    info_.id = 0;
    info_.password.fill(0);
}

}    // namespace muster::zk::proto
