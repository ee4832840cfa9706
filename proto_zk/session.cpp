// Part of muster. Boost Software License 1.0, see LICENSE.
#include "proto_zk/session.hpp"

#include <algorithm>
#include <utility>

namespace muster::zk::proto {
namespace {

// A server that closes the connection over a request it does not know does so at once. One that answers and stays is asked again.
constexpr std::chrono::seconds closed_over_refusal{1};

/// When a session that has `sent` last pings: after a third of its timeout, or up to a sixteenth of that earlier. So idle
/// sessions ping at common times, and a thread with a thousand of them wakes some times a second and not for each.
session::time_point ping_time(session::time_point sent, session::duration timeout) noexcept {
    const auto latest = sent + timeout / 3;
    const auto grid = std::max(timeout / 48, session::duration(1));
    return latest - latest.time_since_epoch() % grid;
}

}    // namespace

session::session(const session_settings& settings, std::uint64_t seed)
    : settings_(settings),
      hosts_(settings.hosts, settings.backoff_min, settings.backoff_max, seed),
      frames_(settings.max_frame),
      batching_(settings.batch_reads, settings.hosts, settings.max_request, settings.max_frame),
      search_(settings.connect_timeout),
      notes_(settings.log),
      refusals_(settings.hosts),
      silent_(settings.hosts),
      capabilities_(settings.hosts),
      xid_(settings.first_xid),
      hold_draws_(static_cast<std::minstd_rand::result_type>(seed)) {}

// Requests -----------------------------------------------------------------------------------------------------------------

void session::submit(std::unique_ptr<request> r) {
    if (closing_ || phase_ == phase::finished) {
        (void)r->complete(finished_with_ ? finished_with_ : error_code(client_errc::closed), {});
        return;
    }
    if (too_late(*r)) {
        (void)r->complete(client_errc::not_sent, {});
        return;
    }
    if (r->deadline.at != time_point::max()) deadlines_.add(r->deadline, *r);
    queued_.push_back(std::move(r));
}

/// True if it is meant for a connection that is gone.
bool session::too_late(const request& r) const noexcept {
    return r.connection != 0 && (phase_ != phase::attached || r.connection != info_.connection);
}

void session::cancel(std::uint64_t id, const error_code& ec) {
    const auto named = [id](const std::unique_ptr<request>& r) { return r->id == id; };
    for (queue* q : {&held_, &queued_}) {
        const auto it = std::find_if(q->begin(), q->end(), named);
        if (it == q->end()) continue;
        const auto r = std::move(*it);
        q->erase(it);
        (void)r->complete(ec, {});
        unsettled_ = !leftovers_.empty();
        if (closing_ && info_.id == 0 && queued_.empty()) finish(end_without_session());
        return;
    }
    for (queue* q : {&written_, &auths_}) {
        const auto it = std::find_if(q->begin(), q->end(), named);
        if (it == q->end() || (*it)->abandoned_) continue;
        (*it)->abandoned_ = true;    // replies come in order: the entry must stay until its own has come
        (*it)->deadline.leave();
        (void)(*it)->complete(ec, {});
    }
}

void session::close(time_point now) {
    if (closing_ || phase_ == phase::finished) return;
    closing_ = true;
    info_.safe_until = {};    // the server ends the session before we hear of it, and another can be master by then
    close_deadline_ = now + settings_.close_timeout;
    retry_at_ = now;    // a back-off can be longer than the time for closing, and servers may be there again
    drop_own_held();
    if (resume_at_ != time_point::max()) resume();    // so can a pause
    if (info_.id == 0 && queued_.empty()) finish(end_without_session());
}

void session::abandon() {
    if (phase_ == phase::finished) return;
    closing_ = true;
    finish({});
}

void session::discard() {
    phase_ = phase::finished;
    queue gone[4];
    gone[0].swap(queued_);
    gone[1].swap(held_);
    gone[2].swap(written_);
    gone[3].swap(auths_);
}

void session::fail(queue& q, const error_code& ec) {
    queue taken;
    taken.swap(q);
    for (auto& r : taken) {
        if (!r->abandoned_) (void)r->complete(ec, {});
    }
}

// Life of connections ------------------------------------------------------------------------------------------------------

session::step session::next(time_point now) {
    (void)tick(now);    // without a connection there is none to drop
    step s;
    if (phase_ == phase::finished) return s;
    if (now < retry_at_) {
        s.what = step::kind::wait;
        s.until = std::min(retry_at_, deadline());
        return s;
    }
    pass_over_old_servers(now);
    s.what = step::kind::connect;
    s.host = hosts_.current();
    return s;
}

void session::connecting(time_point now) {
    phase_ = phase::connecting;
    host_ = hosts_.current();
    attempted_at_ = now;
    attempt_deadline_ = now + settings_.connect_timeout;
    tell(log_event::connecting);
}

void session::connected(time_point) {
    if (phase_ != phase::connecting) return;
    phase_ = phase::handshaking;
    frames_ = frame_reader(settings_.max_frame);
    connect_request_due_ = true;
    spoken_to_ = false;
    delivery_ = {};
}

void session::disconnected(const failure& f, time_point now, std::uint64_t random) {
    if (phase_ == phase::finished) return;
    const bool was_attached = phase_ == phase::attached;
    const bool was_read_only = info_.read_only;
    const error_code& why = f.why;
    const bool silent =
        phase_ == phase::handshaking && !connect_request_due_ && !spoken_to_ && why.category() != client_category();
    const bool moved = std::exchange(moving_, false) || why == client_errc::moving;
    if (!moved) note_refusal(f);
    phase_ = phase::idle;
    connect_request_due_ = false;
    ping_due_ = false;
    close_sent_ = false;
    pings_.clear();
    sasl_ = {};
    batching_.disconnected(why);
    if (why.category() == protocol_category()) {
        tell(log_event::protocol_error, why, now - (was_attached ? attached_at_ : attempted_at_));
    } else if (was_attached) {
        tell(log_event::connection_lost, why, now - attached_at_);
    } else if (!renew_) {
        tell(log_event::attempt_failed, why, now - attempted_at_);
    }
    if (!moved) note_silence(f, silent);
    if (batching_.take_refusal()) tell(log_event::batching_refused);
    leave_read_only();
    leave_held();
    unrepeatable_ = 0;
    if (!was_attached && !renew_ && !moved) ++metrics_.connect_failures;

    if (!moved && host_ && refused_ != 0 && now - refused_at_ <= closed_over_refusal) {
        capabilities_.learn(*host_, refused_, now);
        tell(log_event::unimplemented, {}, {}, static_cast<std::uint64_t>(refused_));
    }
    refused_ = 0;

    std::erase_if(queued_, [](const auto& r) { return r->own_; });    // the next connection has its own

    // Reads go back to the front, in their order; for everything else nobody knows whether it was applied.
    queue unanswered;
    unanswered.swap(written_);
    for (auto it = unanswered.rbegin(); it != unanswered.rend(); ++it) {
        if (!(*it)->repeatable || (*it)->abandoned_) continue;
        (*it)->under_way_ = false;
        queued_.push_front(std::move(*it));
    }
    queue_held();
    for (auto& r : unanswered) {
        if (r && !r->abandoned_) (void)r->complete(client_errc::connection_lost, {});
    }
    reclaim_credentials();
    forget_leftovers();    // they went with the connection
    queue late;
    for (auto& r : queued_) {
        if (too_late(*r)) late.push_back(std::move(r));
    }
    std::erase(queued_, nullptr);
    for (auto& r : late) (void)r->complete(client_errc::not_sent, {});

    // A server that accepts and drops at once, or refuses the watches, counts as failed, or else it would be tried in a tight
    // loop. So does one that answers before it drops: the request it answered, sent again, may be why it does. And so does one
    // without a quorum that is left at once: what is said to take writes may, when it is reached, turn out to take none.
    if (std::exchange(renew_, false)) {
        retry_at_ = now;
    } else if ((moved && !was_read_only) || (was_attached && now - attached_at_ >= settings_.backoff_min)) {
        hosts_.lost();
        retry_at_ = now;
    } else {
        // A session is worth coming back for in time.
        duration cap = info_.id != 0 ? fraction_of_timeout(1, 4) : duration::max();
        if (closing_) cap = std::min(cap, duration(settings_.close_timeout) / closing_rounds);
        retry_at_ = now + hosts_.failed(cap, random);
    }

    info_.last_error = why;
    info_.message = f.message;
    ++info_.version;
    if (was_attached) set_state(session_state::suspended);
    if (closing_ && info_.id == 0 && queued_.empty()) return finish(end_without_session());
    if (!moved && refused_everywhere()) finish(why, session_state::auth_failed, why);
}

// Time ---------------------------------------------------------------------------------------------------------------------

session::duration session::fraction_of_timeout(int numerator, int denominator) const noexcept {
    return duration(info_.timeout) * numerator / denominator;
}

session::time_point session::expiry() const noexcept {
    if (info_.id == 0) return time_point::max();
    return last_received_ + fraction_of_timeout(4, 3);
}

session::time_point session::deadline() const noexcept {
    switch (phase_) {
        case phase::idle:
            return std::min({expiry(), close_deadline_, deadlines_.next()});
        case phase::connecting:
        case phase::handshaking:
        case phase::authenticating:
            return std::min({attempt_deadline_, expiry(), close_deadline_, deadlines_.next()});
        case phase::attached:
            return std::min({silence_ends(), look_due(), ping_time(last_sent_, duration(info_.timeout)), close_deadline_,
                             deadlines_.next(), question_due(), resume_at_});
        case phase::finished:
            break;
    }
    return time_point::max();
}

error_code session::tick(time_point now) {
    if (phase_ == phase::finished) return {};
    expire_requests(now);
    if (phase_ == phase::finished) return {};
    if (now >= close_deadline_) {
        finish(client_errc::close_timed_out);
        return client_errc::close_timed_out;
    }
    switch (phase_) {
        case phase::attached:
            if (now >= resume_at_) resume();
            if (now >= silence_ends()) return client_errc::timed_out;
            if (now >= ping_time(last_sent_, duration(info_.timeout))) {
                ping_due_ = true;
                last_sent_ = now;
            }
            return {};
        case phase::idle:
        case phase::connecting:
        case phase::handshaking:
        case phase::authenticating:
            // The server tells of an expiry only those who reach it. By its own clock a client learns it in any case; 4/3
            // allow for the server's rounding and for the way (ZOOKEEPER-4508).
            if (now >= expiry()) {
                expire(client_errc::session_expired);
                // A handshake under way names the old session and would bring it back.
                if (phase_ == phase::authenticating || (phase_ == phase::handshaking && !connect_request_due_))
                    return client_errc::session_expired;
            }
            if (phase_ != phase::idle && phase_ != phase::finished && now >= attempt_deadline_) return client_errc::timed_out;
            return {};
        case phase::finished:
            break;
    }
    return {};
}

// State --------------------------------------------------------------------------------------------------------------------

void session::set_state(session_state s) {
    if (info_.state == s) return;
    info_.state = s;
    ++info_.version;
}

void session::expire(const error_code& why) {
    ++metrics_.expiries;
    tell(log_event::session_expired, why);
    given_up_ = why == client_errc::session_expired;
    info_.id = 0;
    info_.message.clear();
    info_.password.fill(0);
    info_.safe_until = {};
    info_.last_error = why;
    last_zxid_ = 0;
    set_state(session_state::expired);
    fail(queued_, client_errc::session_expired);
    watches_.end(client_errc::session_expired);
    if (closing_) return finish(end_without_session());
    if (!settings_.renew) finish(end_without_session(), session_state::expired, client_errc::session_expired);
}

/// How closing ends where there is no session to be closed. One that was given up by the own clock may be kept by the ensemble
/// for longer, with its ephemerals: a new leader begins all timeouts anew.
error_code session::end_without_session() const noexcept {
    return given_up_ ? error_code(client_errc::close_timed_out) : error_code();
}

void session::finish(const error_code& result, session_state last, const error_code& why) {
    phase_ = phase::finished;
    // Who has given up ends no session: what it had, if anything, is left to expire.
    const auto without_end = info_.id != 0 ? error_code(client_errc::close_timed_out) : end_without_session();
    close_result_ = last == session_state::auth_failed ? without_end : result;
    finished_with_ = why;
    fail(written_, client_errc::connection_lost);
    fail(auths_, client_errc::connection_lost);
    fail(held_, why);
    fail(queued_, why);
    watches_.end(why);
    info_.safe_until = {};
    info_.ended = true;
    set_state(last);
    if (last == session_state::auth_failed) {
        tell(log_event::auth_refused, result);
    } else if (last == session_state::expired) {
        tell(log_event::closed, why);    // nobody has tried to close it
    } else {
        tell(result ? log_event::close_timed_out : log_event::closed, result);
    }
}

void session::tell(log_event e, const error_code& ec, std::optional<duration> took, std::optional<std::uint64_t> count) {
    note n;
    n.event = e;
    n.session = info_.id;
    const bool of_none = e == log_event::closed || e == log_event::close_timed_out || e == log_event::session_expired ||
                         e == log_event::servers_behind;
    if (!of_none) n.host = host_;
    n.error = ec;
    n.duration = took;
    n.count = count;
    notes_.add(std::move(n));
}

}    // namespace muster::zk::proto
