// Part of muster. Boost Software License 1.0, see LICENSE.
//
// Requests: who may ask, what goes to the leader, and what waits.
#include "embedded/ensemble_impl.hpp"
#include "embedded/errors.hpp"
#include "embedded/server_impl.hpp"
#include "proto_zk/records_connect.hpp"
#include "proto_zk/records_multi.hpp"

#include <algorithm>
#include <utility>

namespace muster::embedded {
namespace {

using zk::proto::opcode;

constexpr std::int32_t number(opcode op) noexcept { return to_wire(op); }

// What Apache's server serves besides what goes to the leader.
bool is_read(std::int32_t type) noexcept {
    switch (static_cast<opcode>(type)) {
        case opcode::exists:
        case opcode::get_data:
        case opcode::get_acl:
        case opcode::get_children:
        case opcode::get_children2:
        case opcode::sync:
        case opcode::ping:
        case opcode::check_watches:
        case opcode::remove_watches:
        case opcode::multi_read:
        case opcode::set_watches:
        case opcode::set_watches2:
        case opcode::get_ephemerals:
        case opcode::get_all_children_number:
        case opcode::add_watch:
        case opcode::who_am_i:
            return true;
        default:
            return false;
    }
}

// Whether a request that goes to the leader changes anything there, if it succeeds.
bool writes(std::int32_t type, std::string_view body) {
    if (type == number(opcode::check) || type == number(opcode::reconfig)) return false;
    if (type != number(opcode::multi)) return true;
    zk::proto::reader r(body);
    zk::proto::multi_request all;
    all.read(r);
    const auto is_check = [](const zk::proto::multi_operation& o) { return o.type == opcode::check; };
    return !std::all_of(all.operations.begin(), all.operations.end(), is_check);
}

}    // namespace

void server::impl::take_request(connection& c, std::string_view frame) {
    zk::proto::reader r(frame);
    const std::int32_t xid = r.i32();
    const std::int32_t type = r.i32();
    if (!r.ok()) return close(c);
    const std::string_view body = r.rest();

    // These do not prove that the session lives.
    if (type == number(opcode::auth)) return take_auth(c, xid, body);
    if (type == number(opcode::sasl)) return take_sasl(c, xid, body);

    sessions& all = c.local ? local_sessions_ : ensemble_.open_sessions;
    switch (all.touch(c.session, c.timeout, index_, ensemble_.now())) {
        case sessions::touched::yes:
            break;
        case sessions::touched::unknown:
            return;    // the session is over; what closes the connection is on its way
        case sessions::touched::moved:
            // Its client is at another server. Apache's server says no word: the error would be taken for the session's.
            if (is_proposal(type)) ensemble_.refuse(c.session);
            return close(c);
    }

    const bool proposal = is_proposal(type);
    if (c.local) {
        if (type == number(opcode::close_session)) return leave_local(c, xid);
        if (proposal || type == number(opcode::sync) || type == number(opcode::check))
            return reply(c, xid, tree_.last_zxid(), err::not_read_only);
    } else if (proposal) {
        return propose(c, xid, type, body);
    } else if (type == number(opcode::sync) && applied_ < ensemble_.last_entry()) {
        waiting w;
        w.entry = ensemble_.last_entry();
        w.is_request = true;
        w.xid = xid;
        w.code = type;
        w.bytes = body;
        return wait(c, std::move(w));
    }
    if (c.queue.empty()) return serve_request(c, xid, type, body);
    waiting w;
    w.is_request = true;
    w.xid = xid;
    w.code = type;
    w.bytes = body;
    wait(c, std::move(w));
}

void server::impl::take_auth(connection& c, std::int32_t xid, std::string_view body) {
    zk::proto::reader r(body);
    r.i32();
    const text scheme = r.buffer();
    const text proof = r.buffer();
    if (!r.ok()) return close(c);
    const bool proved = c.who.authenticate(scheme, proof, ensemble_.config.super_digest);
    reply(c, xid, 0, proved ? err::ok : err::auth_failed);
    if (!proved) close(c);
}

// As a server without a configuration for SASL: it agrees to everything, and nothing follows from it.
void server::impl::take_sasl(connection& c, std::int32_t xid, std::string_view body) {
    zk::proto::reader r(body);
    const text token = r.buffer();
    if (!r.ok() || !token) return close(c);
    std::string nothing;
    zk::proto::writer(nothing).null_buffer();
    reply(c, xid, 0, err::ok, nothing);
}

void server::impl::propose(connection& c, std::int32_t xid, std::int32_t type, std::string_view body) {
    if (type == number(opcode::close_session)) {
        c.at = stage::leaving;
    } else if (lose_next_write_ != loss::none && writes(type, body)) {
        const auto lost = std::exchange(lose_next_write_, loss::none);
        if (lost == loss::after) (void)ensemble_.propose(c.session, static_cast<opcode>(type), body, c.who);
        return close(c);
    }
    auto verdict = ensemble_.propose(c.session, static_cast<opcode>(type), body, c.who);
    if (applied_ >= verdict.entry && c.queue.empty()) {
        reply(c, xid, tree_.last_zxid(), verdict.result.error, verdict.result.body);
        if (c.at == stage::leaving) close(c);
        return;
    }
    waiting w;
    w.entry = verdict.entry;
    w.xid = xid;
    w.code = verdict.result.error;
    w.bytes = std::move(verdict.result.body);
    wait(c, std::move(w));
}

void server::impl::leave_local(connection& c, std::int32_t xid) {
    local_sessions_.close(c.session);
    reply(c, xid, tree_.last_zxid(), err::ok);
    close(c);
}

void server::impl::serve_request(connection& c, std::int32_t xid, std::int32_t type, std::string_view body) {
    const zk::zxid zxid = tree_.last_zxid();
    if (type == number(opcode::ping)) return reply(c, zk::proto::xid_ping, zxid, err::ok);
    if (!is_read(type)) {
        reply(c, xid, -1, err::unimplemented);    // it was never numbered
        return close(c);
    }
    // These send events, which go before the reply.
    if (type == number(opcode::set_watches) || type == number(opcode::set_watches2)) {
        const std::int32_t error = set_watches(c, body, type == number(opcode::set_watches2));
        close_overfull();
        return reply(c, xid, zxid, error);
    }

    const auto begun = zk::proto::begin_frame(c.out);
    zk::proto::writer w(c.out);
    zk::proto::reply_header{xid, zxid, err::ok}.write(w);
    const std::int32_t error = read(c, type, body);
    if (error != err::ok) {
        c.out.resize(begun);
        return reply(c, xid, zxid, error, type == number(opcode::multi_read) ? survey_of(body).body_of_error() : std::string());
    }
    if (c.out.size() - begun > ensemble_.config.max_pending) {
        c.out.resize(begun);
        return close(c);
    }
    zk::proto::end_frame(c.out, begun);
    touch_output(c);
    ++packets_sent_;
}

}    // namespace muster::embedded
