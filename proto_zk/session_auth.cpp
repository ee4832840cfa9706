// Part of muster. Boost Software License 1.0, see LICENSE.
//
// How a session proves who its user is. Servers keep credentials per connection and answer them at once, past all other
// requests, so their replies are matched among themselves. And what is made of servers and clients that do not trust each other.
#include "proto_zk/session.hpp"

#include "proto_zk/opcodes.hpp"
#include "proto_zk/records_connect.hpp"

#include <algorithm>
#include <utility>

namespace muster::zk::proto {
namespace {

constexpr std::size_t prefix_bytes = 4;
constexpr std::size_t header_bytes = 8;

/// One side does not trust the other, and says so.
bool is_refusal(const error_code& ec) {
    if (ec.category() == tls_category())
        return ec != tls_errc::files_unusable && ec != tls_errc::handshake_failed && ec != tls_errc::not_tls;
    if (ec.category() == sasl_category()) return ec != sasl_errc::step_failed;
    return ec == server_errc::auth_failed || ec == server_errc::session_closed_require_sasl_auth;
}

bool is_auth(const request& r) { return r.type() == to_wire(opcode::auth); }

}    // namespace

error_code session::on_auth(const reply_header& header) {
    if (auths_.empty()) return protocol_errc::unexpected_reply;
    const auto r = std::move(auths_.front());
    auths_.pop_front();
    ++metrics_.replies_received;
    latency_.add(last_received_ - r->sent_);

    error_code ec;
    if (header.err != 0) ec = error_code(header.err, server_category());
    if (!ec && r->repeatable) {    // a user's, not one that was shown again
        // Also for a caller who gave up: the server has them now, and the next one shall not differ.
        auto record = r->frame.substr(prefix_bytes + header_bytes);
        if (std::find(credentials_.begin(), credentials_.end(), record) == credentials_.end())
            credentials_.push_back(std::move(record));
    }
    const auto unusable = r->abandoned_ ? error_code{} : r->complete(ec, {});
    return ec == server_errc::auth_failed ? give_up(ec) : unusable;
}

/// They would fail everywhere, and nobody knows what may be asked without them.
error_code session::give_up(const error_code& why) {
    info_.last_error = why;
    info_.message.clear();
    ++info_.version;
    finish(why, session_state::auth_failed, why);
    return why;
}

/// Before the next server is chosen.
void session::note_refusal(const failure& f) {
    if (phase_ == phase::attached || !host_) return;
    if (!is_refusal(f.why))
        refusals_[*host_] = extent::none;
    else if (f.untried)
        refusals_[*host_] = extent::some;
    else    // of those that were tried some may have been silent: it begins anew
        refusals_[*host_] = silent_[*host_] == extent::none ? extent::all : extent::none;
}

/// True once the last attempt at every server has ended in a refusal. Not while there is a session: it may be that certificates
/// are being replaced, and a session is worth coming back for in time.
bool session::refused_everywhere() const noexcept {
    return info_.id == 0 && std::all_of(refusals_.begin(), refusals_.end(), [](extent e) { return e == extent::all; });
}

void session::reclaim_credentials() {
    for (auto it = auths_.rbegin(); it != auths_.rend(); ++it) {
        if (!(*it)->repeatable || (*it)->abandoned_) continue;
        (*it)->under_way_ = false;
        queued_.push_front(std::move(*it));
    }
    auths_.clear();
}

void session::present_credentials() {
    queue all;
    for (const auto& record : credentials_) {
        std::string payload;
        writer w(payload);
        request_header{0, to_wire(opcode::auth)}.write(w);
        payload += record;
        all.push_back(housekeeping(std::move(payload)));
    }
    const auto take = [&](bool wanted) {
        for (auto& r : queued_) {
            if (r && is_auth(*r) == wanted) all.push_back(std::move(r));
        }
    };
    take(true);
    take(false);
    queued_.swap(all);
}

}    // namespace muster::zk::proto
