// Part of muster. Boost Software License 1.0, see LICENSE.
#include "embedded/ensemble_impl.hpp"
#include "embedded/server_impl.hpp"
#include "proto_zk/records_connect.hpp"

#include <algorithm>
#include <utility>

namespace muster::embedded {

void server::impl::greet(connection& c, std::string_view frame) {
    zk::proto::reader r(frame);
    r.i32();    // the version of the protocol, which nobody looks at
    const zk::zxid last_seen = r.i64();
    const std::int32_t timeout = r.i32();
    const zk::session_id id = r.i64();
    const text password = r.buffer();
    if (!r.ok()) return close(c);
    c.knows_read_only = !r.rest().empty();
    const bool accepts_read_only = c.knows_read_only && r.boolean();

    if (service_ == service::read_only && !accepts_read_only) return close(c);
    // It saw more than this server knows: let it find another one.
    if (last_seen > tree_.last_zxid()) return close(c);

    c.timeout = std::clamp(std::chrono::milliseconds(timeout), ensemble_.config.min_session_timeout,
                           std::max(ensemble_.config.min_session_timeout, ensemble_.config.max_session_timeout));
    c.local = service_ == service::read_only;
    if (id == 0)
        open_session(c);
    else
        resume_session(c, id, password);
}

void server::impl::open_session(connection& c) {
    c.session = static_cast<zk::session_id>(next_session_++);
    by_session_[c.session] = c.id;
    if (c.local) {
        local_sessions_.open(c.session, c.timeout, index_, ensemble_.now());
        return establish(c);
    }
    c.at = stage::opening;
    const std::uint64_t entry = ensemble_.open_session(c.session, c.timeout, index_);
    if (applied_ >= entry) return establish(c);
    waiting w;
    w.entry = entry;
    wait(c, std::move(w));
}

void server::impl::resume_session(connection& c, zk::session_id id, const text& password) {
    // The read-only server has no say about the sessions of all.
    if (c.local && ensemble_.open_sessions.knows(id)) return close(c);
    // Before the password was looked at, as Apache's server does.
    if (const auto at = by_session_.find(id); at != by_session_.end())
        if (connection* old = find(at->second)) close(*old);
    sessions& all = c.local ? local_sessions_ : ensemble_.open_sessions;
    if (c.local) expire_local(ensemble_.now());
    if (!all.accepts(id, password.value_or(std::string_view())) || !all.move(id, c.timeout, index_, ensemble_.now()))
        return refuse(c);
    c.session = id;
    by_session_[id] = c.id;
    establish(c);
}

void server::impl::establish(connection& c) {
    c.at = stage::established;
    send_handshake(c, true);
    take_frames(c);
    if (c.at == stage::established && !c.held.empty()) take_in(c, std::exchange(c.held, {}));
}

void server::impl::refuse(connection& c) {
    send_handshake(c, false);
    close(c);
}

void server::impl::send_handshake(connection& c, bool valid) {
    zk::proto::connect_response r;
    if (valid) {
        r.timeout_ms = static_cast<std::int32_t>(c.timeout.count());
        r.session_id = c.session;
        const auto password = ensemble_.open_sessions.password_of(c.session);
        r.password.assign(password.begin(), password.end());
    }
    r.has_read_only = c.knows_read_only;
    r.read_only = service_ == service::read_only;
    const auto begun = zk::proto::begin_frame(c.out);
    zk::proto::writer w(c.out);
    r.write(w);
    zk::proto::end_frame(c.out, begun);
    touch_output(c);
    ++packets_sent_;
}

}    // namespace muster::embedded
