// Part of muster. Boost Software License 1.0, see LICENSE.
//
// What a session and a server tell each other first.
#include "proto_zk/session.hpp"

#include "proto_zk/jute.hpp"
#include "proto_zk/records_connect.hpp"

#include <algorithm>
#include <limits>
#include <utility>

namespace muster::zk::proto {
namespace {

bool is_refusal_to_write(std::string_view frame) {
    reader in(frame);
    reply_header header;
    header.read(in);
    return !in.error() && in.rest().empty() && header.err == static_cast<std::int32_t>(server_errc::not_read_only);
}

}    // namespace

error_code session::on_handshake(std::string_view frame, time_point now) {
    // Without a quorum and without sessions of its own a server answers as if it had been asked to write.
    if (is_refusal_to_write(frame)) return server_errc::not_read_only;
    reader in(frame);
    connect_response response;
    response.read(in);
    if (in.error()) return in.error();

    // A server without a quorum has no say about the sessions of all, and its own would take the place of ours.
    if (response.read_only && (info_.id != 0 || !settings_.read_only)) return server_errc::not_read_only;

    // Servers say "expired" in three ways; ClickHouse Keeper hands out a fresh session without a word.
    const bool refused = response.timeout_ms <= 0 || response.session_id == 0;
    const bool replaced = info_.id != 0 && response.session_id != info_.id;
    if (info_.id != 0 && (refused || replaced)) {
        expire(server_errc::session_expired);
        renew_ = true;
        if (!refused) unseen_expiry_ = info_;
    }
    if (phase_ == phase::finished) return {};
    if (refused) return server_errc::session_expired;

    if (settings_.sasl) {
        begin_sasl(std::move(response), now);
    } else {
        attach(response, now);
    }
    return {};
}

void session::attach(const connect_response& granted, time_point now) {
    phase_ = phase::attached;
    attached_at_ = now;
    last_received_ = now;
    last_sent_ = connect_sent_;
    hosts_.attached();
    batching_.attached(host_.value_or(std::numeric_limits<std::size_t>::max()));    // none: one that is off the list
    const bool resumes = info_.id != 0;
    if (!resumes) ++info_.generation;
    given_up_ = false;
    info_.id = granted.session_id;
    info_.read_only = granted.read_only;
    if (info_.read_only) search_.begin(host_, refusals_.size(), now);
    metrics_.connects = ++info_.connection;
    if (resumes) ++metrics_.resumptions;
    renew_ = false;
    info_.password.fill(0);
    std::copy_n(granted.password.begin(), std::min(granted.password.size(), info_.password.size()), info_.password.begin());
    info_.timeout = std::chrono::milliseconds(granted.timeout_ms);
    info_.last_error = {};
    info_.message.clear();
    refusals_.assign(refusals_.size(), extent::none);
    silent_.assign(silent_.size(), extent::none);
    ++info_.version;
    denied_ = false;
    info_.safe_until = {};    // of another timeout, which may have been longer
    prove(connect_sent_);
    tell(resumes           ? log_event::resumed
         : info_.read_only ? log_event::connected_read_only
                           : log_event::connected,
         {}, now - attempted_at_);

    rearm_watches();
    set_state(session_state::connected);
    watches_.resync();
    present_credentials();    // ahead even of the watches: who may read is asked when an event is due
}

}    // namespace muster::zk::proto
