// Part of muster. Boost Software License 1.0, see LICENSE.
#include "proto_zk/session.hpp"

#include "proto_zk/jute.hpp"
#include "proto_zk/opcodes.hpp"
#include "proto_zk/records_connect.hpp"
#include "proto_zk/records_watch.hpp"

#include <boost/endian/conversion.hpp>

#include <algorithm>
#include <limits>
#include <utility>

namespace muster::zk::proto {
namespace {

// Servers accept frames of 1 MiB by default; the field's clients keep setWatches far below (ZOOKEEPER-706).
constexpr std::size_t rearm_bytes = 128 * 1024 - 256;

void patch_xid(std::string& frame, std::int32_t xid) {
    boost::endian::endian_store<std::int32_t, 4, boost::endian::order::big>(reinterpret_cast<unsigned char*>(frame.data() + 4),
                                                                            xid);
}

std::string header_only(std::int32_t xid, opcode type) {
    std::string out;
    const auto at = begin_frame(out);
    writer w(out);
    request_header{xid, to_wire(type)}.write(w);
    end_frame(out, at);
    return out;
}

}    // namespace

/// A request of the session's own. If a critical one fails, the connection cannot be used.
class session::housekeeping_request final : public request {
public:
    explicit housekeeping_request(bool critical) : critical_(critical) {}
    error_code complete(const error_code& ec, std::string_view) override { return critical_ ? ec : error_code{}; }

private:
    bool critical_;
};

session::session(const session_settings& settings, std::uint64_t seed)
    : settings_(settings),
      hosts_(settings.hosts, settings.backoff_min, settings.backoff_max, seed),
      frames_(settings.max_frame),
      xid_(settings.first_xid) {}

// Requests -----------------------------------------------------------------------------------------------------------------

void session::submit(std::unique_ptr<request> r) {
    if (closing_ || phase_ == phase::finished) {
        (void)r->complete(client_errc::closed, {});
        return;
    }
    queued_.push_back(std::move(r));
}

void session::cancel(std::uint64_t id, const error_code& ec) {
    const auto named = [id](const std::unique_ptr<request>& r) { return r->id == id; };
    if (const auto it = std::find_if(queued_.begin(), queued_.end(), named); it != queued_.end()) {
        const auto r = std::move(*it);
        queued_.erase(it);
        (void)r->complete(ec, {});
        return;
    }
    const auto it = std::find_if(written_.begin(), written_.end(), named);
    if (it == written_.end() || (*it)->abandoned_) return;
    (*it)->abandoned_ = true;    // replies come in order: the entry must stay until its own has come
    (void)(*it)->complete(ec, {});
}

void session::close(time_point now) {
    if (closing_ || phase_ == phase::finished) return;
    closing_ = true;
    close_deadline_ = now + settings_.close_timeout;
    if (info_.id == 0 && queued_.empty()) finish({});
}

void session::abandon() {
    if (phase_ == phase::finished) return;
    closing_ = true;
    finish({});
}

void session::discard() {
    phase_ = phase::finished;
    queue queued;
    queued.swap(queued_);
    queue written;
    written.swap(written_);
}

void session::unwatch(const std::string& path) {
    // On servers before 3.9 this takes all watches of the path along (ZOOKEEPER-1910), also one that is being set just now.
    if (phase_ != phase::attached || closing_ || watches_.watched(path) || arming(path)) return;
    std::string payload;
    writer w(payload);
    request_header{0, to_wire(opcode::remove_watches)}.write(w);
    // They know persistent watches under no type of their own (ZOOKEEPER-4472).
    remove_watches_request{path, static_cast<std::int32_t>(watcher_type::any)}.write(w);
    queued_.push_back(housekeeping(std::move(payload), false));    // whatever is answered is fine
}

bool session::arming(std::string_view path) const noexcept {
    const auto arms = [path](const std::unique_ptr<request>& r) { return !r->abandoned_ && r->arms == path; };
    return std::any_of(queued_.begin(), queued_.end(), arms) || std::any_of(written_.begin(), written_.end(), arms);
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
    s.what = step::kind::connect;
    s.host = hosts_.current();
    return s;
}

void session::connecting(time_point now) {
    phase_ = phase::connecting;
    attempt_deadline_ = now + settings_.connect_timeout;
}

void session::connected(time_point) {
    if (phase_ != phase::connecting) return;
    phase_ = phase::handshaking;
    frames_ = frame_reader(settings_.max_frame);
    connect_request_due_ = true;
}

void session::disconnected(const error_code& why, time_point now, std::uint64_t random) {
    if (phase_ == phase::finished) return;
    const bool was_attached = phase_ == phase::attached;
    phase_ = phase::idle;
    connect_request_due_ = false;
    ping_due_ = false;
    close_sent_ = false;
    pings_.clear();
    if (!was_attached && !renew_) ++metrics_.connect_failures;

    // Reads go back to the front, in their order; for everything else nobody knows whether it was applied.
    queue unanswered;
    unanswered.swap(written_);
    for (auto it = unanswered.rbegin(); it != unanswered.rend(); ++it) {
        if ((*it)->repeatable && !(*it)->abandoned_) queued_.push_front(std::move(*it));
    }
    for (auto& r : unanswered) {
        if (r && !r->abandoned_) (void)r->complete(client_errc::connection_lost, {});
    }

    // A server that accepts and drops at once, or refuses the watches, counts as failed, or else it would be tried in a tight
    // loop. So does one that answers before it drops: the request it answered, sent again, may be why it does.
    if (std::exchange(renew_, false)) {
        retry_at_ = now;
    } else if (was_attached && now - attached_at_ >= settings_.backoff_min) {
        hosts_.lost();
        retry_at_ = now;
    } else {
        // A session is worth coming back for in time.
        const duration cap = info_.id != 0 ? fraction_of_timeout(1, 4) : duration::max();
        retry_at_ = now + hosts_.failed(cap, random);
    }

    info_.last_error = why;
    ++info_.version;
    if (was_attached) set_state(session_state::suspended);
    if (closing_ && info_.id == 0 && queued_.empty()) finish({});
}

// On a connection ----------------------------------------------------------------------------------------------------------

error_code session::received(std::size_t n, time_point now) {
    if (phase_ != phase::handshaking && phase_ != phase::attached) return protocol_errc::unexpected_reply;
    // Any byte proves that the server lives, also one in the middle of a reply that takes long. But only the end of the
    // handshake proves that it knows the session.
    if (phase_ == phase::attached) last_received_ = now;
    metrics_.bytes_received += n;
    frames_.commit(n);
    error_code ec;
    while (const auto frame = frames_.next(ec)) {
        ec = on_frame(*frame, now);
        if (ec || phase_ == phase::finished) return ec;
    }
    // Events are small: this is the oldest request's reply. Sent again, the request would have the same reply again.
    if (ec == protocol_errc::frame_too_large && !written_.empty()) {
        const auto r = std::move(written_.front());
        written_.pop_front();
        if (!r->abandoned_) (void)r->complete(ec, {});
    }
    return ec;
}

error_code session::on_frame(std::string_view frame, time_point now) {
    if (phase_ == phase::handshaking) return on_handshake(frame, now);

    reader in(frame);
    reply_header header;
    header.read(in);
    if (in.error()) return in.error();

    switch (header.xid) {
        case xid_event: {
            watcher_event event;
            event.read(in);
            if (in.error()) return in.error();
            ++metrics_.events_received;
            // While closing, the deletion of the session's own ephemerals may be reported.
            if (!close_sent_) watches_.dispatch(event.type, event.path, header.zxid);
            return {};
        }
        case xid_ping:
            if (!pings_.empty()) {    // an unsolicited one is ignored (ZOOKEEPER-2253)
                prove(pings_.front());
                pings_.pop_front();
            }
            return {};
        default:
            return on_reply(frame);
    }
}

error_code session::on_reply(std::string_view frame) {
    reader in(frame);
    reply_header header;
    header.read(in);

    if (written_.empty()) return protocol_errc::unexpected_reply;
    if (written_.front()->xid_ != header.xid) return protocol_errc::xid_out_of_order;
    auto r = std::move(written_.front());
    written_.pop_front();

    ++metrics_.replies_received;
    error_code ec;
    if (header.err != 0) ec = error_code(header.err, server_category());
    if (ec == server_errc::session_moved && r->repeatable && !r->abandoned_) {
        written_.push_front(std::move(r));    // to be asked for again where the session is now
        return ec;
    }
    prove(r->sent_);
    if (header.zxid > last_zxid_) last_zxid_ = header.zxid;

    const auto body = header.err == 0 ? in.rest() : std::string_view{};
    const auto undecodable = r->abandoned_ ? error_code{} : r->complete(ec, body);
    if (r->abandoned_ && r->arms_persistent && !ec) unwatch(r->arms);

    if (close_sent_ && written_.empty() && queued_.empty()) {
        finish({});
        return {};
    }
    if (ec == server_errc::session_moved) return ec;
    return undecodable;
}

error_code session::on_handshake(std::string_view frame, time_point now) {
    reader in(frame);
    connect_response response;
    response.read(in);
    if (in.error()) return in.error();

    // Servers say "expired" in three ways; ClickHouse Keeper hands out a fresh session without a word.
    const bool refused = response.timeout_ms <= 0 || response.session_id == 0;
    const bool replaced = info_.id != 0 && response.session_id != info_.id;
    if (info_.id != 0 && (refused || replaced)) {
        expire(server_errc::session_expired);
        renew_ = true;
    }
    if (phase_ == phase::finished) return {};
    if (refused) return server_errc::session_expired;

    on_session(now, response.session_id, response.password, std::chrono::milliseconds(response.timeout_ms));
    return {};
}

void session::on_session(time_point now, std::int64_t id, std::string_view password, std::chrono::milliseconds timeout) {
    phase_ = phase::attached;
    attached_at_ = now;
    last_received_ = now;
    last_sent_ = connect_sent_;
    ++metrics_.connects;
    if (info_.id == 0) ++info_.generation;
    info_.id = id;
    renew_ = false;
    info_.password.fill(0);
    std::copy_n(password.begin(), std::min(password.size(), info_.password.size()), info_.password.begin());
    info_.timeout = timeout;
    info_.last_error = {};
    ++info_.version;
    prove(connect_sent_);

    // Watches first: what the user asks next may rely on them. All batches name the zxid as it was before this connection.
    auto batches = watches_.rearm(last_zxid_, rearm_bytes);
    for (auto it = batches.rbegin(); it != batches.rend(); ++it) queued_.push_front(housekeeping(std::move(*it), true));
    set_state(session_state::connected);
    watches_.resync();
}

bool session::wants_write() const noexcept {
    if (phase_ == phase::handshaking) return connect_request_due_;
    if (phase_ != phase::attached) return false;
    return ping_due_ || !queued_.empty() || (closing_ && !close_sent_);
}

void session::fill(std::string& out, std::size_t limit, time_point now) {
    const std::size_t before = out.size();
    if (phase_ == phase::handshaking && connect_request_due_) {
        // Nothing else may follow before the response: a server that refuses would reset the connection over unread input,
        // and the refusal would be lost.
        connect_request_due_ = false;
        connect_request request;
        request.last_zxid_seen = last_zxid_;
        request.timeout_ms = static_cast<std::int32_t>(settings_.timeout.count());
        request.session_id = info_.id;
        request.password.assign(info_.password.begin(), info_.password.end());
        const auto at = begin_frame(out);
        writer w(out);
        request.write(w);
        end_frame(out, at);
        connect_sent_ = now;
    } else if (phase_ == phase::attached) {
        if (ping_due_) {    // ahead of everything queued, so that a session lives while much is sent
            ping_due_ = false;
            out += header_only(xid_ping, opcode::ping);
            pings_.push_back(now);
        }
        while (!queued_.empty() && out.size() - before < limit) {
            auto r = std::move(queued_.front());
            queued_.pop_front();
            append_request(out, std::move(r), now);
        }
        if (closing_ && !close_sent_ && queued_.empty()) {
            close_sent_ = true;
            auto r = std::make_unique<housekeeping_request>(false);
            r->frame = header_only(0, opcode::close_session);
            append_request(out, std::move(r), now);
        }
    }
    if (out.size() != before) {
        last_sent_ = now;
        ++metrics_.writes;
        metrics_.bytes_sent += out.size() - before;
    }
}

void session::append_request(std::string& out, std::unique_ptr<request> r, time_point now) {
    r->xid_ = next_xid();
    r->sent_ = now;
    patch_xid(r->frame, r->xid_);
    out += r->frame;
    if (!r->repeatable) {
        r->frame.clear();
        r->frame.shrink_to_fit();
    }
    ++metrics_.requests_sent;
    written_.push_back(std::move(r));
}

std::unique_ptr<request> session::housekeeping(std::string payload, bool critical) {
    auto r = std::make_unique<housekeeping_request>(critical);
    const auto at = begin_frame(r->frame);
    r->frame += payload;
    end_frame(r->frame, at);
    return r;
}

std::int32_t session::next_xid() noexcept {
    const std::int32_t xid = xid_;
    // Negative numbers and 0 have meanings of their own (ZOOKEEPER-3253).
    xid_ = xid_ == std::numeric_limits<std::int32_t>::max() ? 1 : xid_ + 1;
    return xid;
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
            return std::min(expiry(), close_deadline_);
        case phase::connecting:
        case phase::handshaking:
            return std::min({attempt_deadline_, expiry(), close_deadline_});
        case phase::attached:
            return std::min(
                {last_received_ + fraction_of_timeout(2, 3), last_sent_ + fraction_of_timeout(1, 3), close_deadline_});
        case phase::finished:
            break;
    }
    return time_point::max();
}

error_code session::tick(time_point now) {
    if (phase_ == phase::finished) return {};
    if (now >= close_deadline_) {
        finish(client_errc::close_timed_out);
        return client_errc::close_timed_out;
    }
    switch (phase_) {
        case phase::attached:
            if (now >= last_received_ + fraction_of_timeout(2, 3)) return client_errc::timed_out;
            if (now >= last_sent_ + fraction_of_timeout(1, 3)) {
                ping_due_ = true;
                last_sent_ = now;
            }
            return {};
        case phase::idle:
        case phase::connecting:
        case phase::handshaking:
            // The server tells of an expiry only those who reach it. By its own clock a client learns it in any case; 4/3
            // allow for the server's rounding and for the way (ZOOKEEPER-4508).
            if (now >= expiry()) {
                expire(client_errc::session_expired);
                // A handshake under way names the old session and would bring it back.
                if (phase_ == phase::handshaking && !connect_request_due_) return client_errc::session_expired;
            }
            if (phase_ != phase::idle && phase_ != phase::finished && now >= attempt_deadline_) return client_errc::timed_out;
            return {};
        case phase::finished:
            break;
    }
    return {};
}

void session::prove(time_point sent) noexcept {
    // The server had the session alive when it read a request, which was after it was written here.
    info_.safe_until = std::max(info_.safe_until, sent + duration(info_.timeout));
}

// State --------------------------------------------------------------------------------------------------------------------

void session::set_state(session_state s) {
    if (info_.state == s) return;
    info_.state = s;
    ++info_.version;
}

void session::expire(const error_code& why) {
    ++metrics_.expiries;
    info_.id = 0;
    info_.password.fill(0);
    info_.safe_until = {};
    info_.last_error = why;
    last_zxid_ = 0;
    set_state(session_state::expired);
    fail(queued_, client_errc::session_expired);
    watches_.end(client_errc::session_expired);
    if (closing_) finish({});
}

void session::finish(const error_code& result) {
    phase_ = phase::finished;
    close_result_ = result;
    fail(written_, client_errc::connection_lost);
    fail(queued_, client_errc::closed);
    watches_.end(client_errc::closed);
    info_.safe_until = {};
    set_state(session_state::closed);
}

}    // namespace muster::zk::proto
