// Part of muster. Boost Software License 1.0, see LICENSE.
//
// What a session reads and writes on a connection.
#include "proto_zk/session.hpp"

#include "proto_zk/jute.hpp"
#include "proto_zk/opcodes.hpp"
#include "proto_zk/read_size.hpp"
#include "proto_zk/records_connect.hpp"
#include "proto_zk/records_watch.hpp"

#include <boost/endian/conversion.hpp>

#include <limits>
#include <utility>

namespace muster::zk::proto {
namespace {

void patch_xid(std::string& frame, std::int32_t xid) {
    boost::endian::endian_store<std::int32_t, 4, boost::endian::order::big>(reinterpret_cast<unsigned char*>(frame.data() + 4),
                                                                            xid);
}

// Where a larger reply is announced, a new connection is there sooner than its end: this takes half a second at 1 Gbit/s.
constexpr std::size_t most_skipped = 64 * 1024 * 1024;

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

std::span<char> session::read_buffer(std::size_t n) {
    allow_frame();
    if (n <= read_size::least) frames_.shrink(n);    // nothing happens here; large replies may have come before
    return frames_.prepare(n);
}

/// What may be asked for read by read may be asked for at once: a batch's reply may have as many bytes as those of its reads.
void session::allow_frame() noexcept {
    frames_.set_max_frame(settings_.max_frame * (written_.empty() ? 1 : written_.front()->batch_));
}

error_code session::received(std::size_t n, time_point now) {
    if (phase_ == phase::idle || phase_ == phase::connecting || phase_ == phase::finished) return protocol_errc::unexpected_reply;
    // Any byte proves that the server lives, also one in the middle of a reply that takes long. But only the end of the
    // handshake proves that it knows the session.
    if (phase_ == phase::attached) last_received_ = now;
    spoken_to_ = true;
    metrics_.bytes_received += n;
    frames_.commit(n);
    error_code ec;
    for (;;) {
        allow_frame();
        const auto frame = frames_.next(ec);
        if (ec == protocol_errc::frame_too_large && phase_ == phase::attached) {
            // Its first bytes tell whose reply it is.
            if (frames_.oversize() <= most_skipped && frames_.oversize_content().size() < reply_header::bytes) {
                ec.clear();
                break;
            }
            ec = on_oversize();
        } else if (frame) {
            ec = on_frame(*frame, now);
        } else {
            break;
        }
        if (ec || phase_ == phase::finished) return ec;
    }
    if (holding_) await_resumption(now);
    return ec ? ec : move_if_idle();
}

/// A reply is too large. Sent again, its request would have the same reply again: it fails alone. A new connection would cost all
/// others theirs, so the reply is passed over, unless it is larger still.
error_code session::on_oversize() {
    const error_code too_large = protocol_errc::frame_too_large;
    if (written_.empty()) return too_large;
    // Of reads that shared it nobody knows which was too large, and what was written behind them must not overtake them:
    // expecting it of all, they are asked for one by one on the next connection.
    if (const auto reads = written_.front()->batch_; reads > 1) {
        batching_.answered(reads);
        batching_.replied(settings_.max_frame);
        return too_large;
    }
    const std::string_view content = frames_.oversize_content();
    if (frames_.oversize() > most_skipped) {
        const auto r = std::move(written_.front());
        written_.pop_front();
        if (r->batchable) batching_.replied(settings_.max_frame);
        if (!r->abandoned_) (void)r->complete(too_large, {});
        return too_large;
    }
    frames_.skip();
    return on_reply(content, too_large);
}

error_code session::on_frame(std::string_view frame, time_point now) {
    if (phase_ == phase::handshaking) return on_handshake(frame, now);
    if (phase_ == phase::authenticating) return on_token(frame, now);

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
            unsettled_ = !leftovers_.empty();
            return {};
        }
        case xid_ping:
            if (!pings_.empty()) {    // an unsolicited one is ignored (ZOOKEEPER-2253)
                prove(pings_.front().sent);
                pings_.pop_front();
            }
            return {};
        case xid_auth:
            return on_auth(header);
        default:
            return on_reply(frame);
    }
}

/// `ec`: what keeps the reply from being read, but for its header.
error_code session::on_reply(std::string_view frame, error_code ec) {
    reader in(frame);
    reply_header header;
    header.read(in);

    if (written_.empty()) return protocol_errc::unexpected_reply;
    const request& oldest = *written_.front();
    if (oldest.xid_ != header.xid) return refuse_write(header);

    if (header.err != 0) ec = error_code(header.err, server_category());
    if (ec == server_errc::session_expired) {    // the leader's word, while this server may go on answering reads and pings
        denied_ = true;
        info_.safe_until = {};
    }
    // To be asked for again where the session is now.
    const std::size_t reads = oldest.batch_;
    if (ec == server_errc::session_moved && oldest.repeatable && (reads > 1 || !oldest.abandoned_)) {
        batching_.withdrawn();
        return ec;
    }
    if (reads > 1 && batching_.refuses(ec)) return ec;
    prove(oldest.sent_);
    if (header.zxid > last_zxid_) last_zxid_ = header.zxid;
    if (header.zxid > newest_seen()) newest_seen_.store(header.zxid, std::memory_order_relaxed);
    if (oldest.batchable && reads == 1) batching_.answered(1);

    const auto body = ec ? std::string_view{} : in.rest();
    const auto undecodable =
        reads > 1 && !ec ? answer_batch(reads, body, header.zxid) : answer_each(reads, ec, body, header.zxid);
    if (ec == server_errc::session_closed_require_sasl_auth) return give_up(ec);
    if (undecodable) {
        if (reads > 1) batching_.refused();
        return undecodable;
    }
    if (reads > 1) ec == server_errc::throttled ? batching_.withdrawn() : batching_.answered(reads);

    if (close_sent_ && written_.empty() && queued_.empty()) {
        finish({});
        return {};
    }
    return ec == server_errc::session_moved ? ec : error_code{};
}

error_code session::answer_each(std::size_t requests, const error_code& ec, std::string_view body, zxid at) {
    error_code undecodable;
    for (; requests != 0 && !undecodable; --requests) undecodable = answer_oldest(ec, body, at);
    return undecodable;
}

error_code session::answer_batch(std::size_t reads, std::string_view reply, zxid at) {
    read_batch_reader in(reply);
    for (; reads != 0; --reads) {
        error_code ec;
        std::string_view body;
        if (const auto malformed = in.next(ec, body)) return malformed;
        if (const auto undecodable = answer_oldest(ec, body, at)) return undecodable;
    }
    return in.end();
}

error_code session::answer_oldest(const error_code& ec, std::string_view body, zxid at) {
    auto r = std::move(written_.front());
    written_.pop_front();
    return answer(std::move(r), ec, body, at);
}

error_code session::answer(std::unique_ptr<request> r, const error_code& ec, std::string_view body, zxid at) {
    ++metrics_.replies_received;
    latency_.add(last_received_ - r->sent_);
    if (!r->repeatable && !r->own_) --unrepeatable_;
    if (r->type_ == to_wire(opcode::remove_watches)) note_removal(*r, ec);
    refused_ = ec == server_errc::unimplemented ? r->type_ : 0;
    refused_at_ = last_received_;
    if (ec && closing_ && r->own_) return {};    // nobody needs it any more
    if (thrown_back(*r, ec)) {
        hold(std::move(r), ec);
        return {};
    }
    if (r->batchable) batching_.replied(ec == protocol_errc::frame_too_large ? settings_.max_frame : body.size());
    // One that was given up, and not applied, has overtaken nobody.
    if (!r->own_ && !(r->abandoned_ && ec == server_errc::throttled)) overtake_held();
    const auto undecodable = r->abandoned_ ? error_code{} : r->complete(ec, body);
    if (!undecodable) note_reply(*r, ec, at);
    return undecodable;
}

bool session::wants_write() const noexcept {
    if (phase_ == phase::handshaking) return connect_request_due_;
    if (phase_ == phase::authenticating) return sasl_.token.has_value();
    if (phase_ != phase::attached) return false;
    return ping_due_ || unsettled_ || next_frame() != 0 || close_due();
}

void session::fill(std::string& out, std::size_t limit, time_point now) {
    const std::size_t before = out.size();
    delivery_.buffer = delivery_.written - before;
    if (phase_ == phase::handshaking && connect_request_due_) {
        // Nothing else may follow before the response: a server that refuses would reset the connection over unread input,
        // and the refusal would be lost.
        connect_request_due_ = false;
        connect_request request;
        request.last_zxid_seen = last_zxid_;
        request.timeout_ms = static_cast<std::int32_t>(settings_.timeout.count());
        request.session_id = info_.id;
        request.read_only = settings_.read_only;
        request.password.assign(info_.password.begin(), info_.password.end());
        const auto at = begin_frame(out);
        writer w(out);
        request.write(w);
        end_frame(out, at);
        connect_sent_ = now;
    } else if (phase_ == phase::authenticating && sasl_.token) {
        append_token(out);
    } else if (phase_ == phase::attached) {
        // Ahead of everything queued, so that a session lives while much is sent.
        if (std::exchange(ping_due_, false) || large_after_silence(now)) {
            out += header_only(xid_ping, opcode::ping);
            ++metrics_.pings_sent;
            pings_.push_back({now, delivery_.buffer + out.size()});
        }
        expire_requests(now);    // what is late is not written any more
        if (unsettled_) settle_watches();
        while (out.size() - before < limit) {
            const auto requests = next_frame();
            if (requests == 0) break;
            append_frame(out, requests, now);
        }
        if (close_due()) {
            close_sent_ = true;
            auto r = std::make_unique<housekeeping_request>(false);
            r->frame = header_only(0, opcode::close_session);
            queued_.push_back(std::move(r));
            append_frame(out, 1, now);
        }
    }
    if (out.size() != before) {
        last_sent_ = now;
        ++metrics_.writes;
        metrics_.bytes_sent += out.size() - before;
        delivery_.written += out.size() - before;
    }
}

/// How many of the requests that wait the next frame takes: several reads may share one. None if they should wait.
std::size_t session::next_frame() const noexcept {
    if (queued_.empty() || holding_ || written_.size() >= window_ || (moving_ && !closing_)) return 0;
    const request& first = *queued_.front();
    // What relies on watches waits for them where they may be thrown back. Credentials come before them.
    const bool relies = !first.own_ && first.type() != to_wire(opcode::auth);
    if (relies && rearming_ != 0 && window_ != unlimited && !closing_) return 0;
    if (!first.repeatable && batching_.trying()) return 0;
    const std::size_t limit = first.batchable ? batching_.limit() : 1;
    if (limit == 1) return 1;
    const bool hold = batching_.saturated() && !closing_;
    if (batching_.trying()) return hold ? 0 : 1;
    if (batching_.on_trial() && unrepeatable_ != 0) return 1;
    std::size_t reads = 1;
    std::size_t bytes = first.frame.size();
    while (reads != limit && reads != queued_.size()) {
        const request& r = *queued_[reads];
        bytes += r.frame.size();
        if (!r.batchable || bytes > batching_.byte_limit()) return reads;
        ++reads;
    }
    return reads != limit && hold ? 0 : reads;
}

/// Writes the next frame, with so many requests of those that wait.
void session::append_frame(std::string& out, std::size_t requests, time_point now) {
    if (requests == 1) {
        auto r = std::move(queued_.front());
        queued_.pop_front();
        return append_request(out, std::move(r), now);
    }
    const auto xid = next_xid();
    read_batch_writer batch(out, xid);
    for (std::size_t i = 0; i != requests; ++i) {
        auto r = std::move(queued_.front());
        queued_.pop_front();
        r->type_ = to_wire(opcode::multi_read);
        r->batch_ = static_cast<std::uint32_t>(requests);
        r->xid_ = xid;
        r->sent_ = now;
        r->under_way_ = true;
        batch.add(r->frame);
        written_.push_back(std::move(r));
    }
    batch.end();
    for (auto r = written_.end() - static_cast<std::ptrdiff_t>(requests); r != written_.end(); ++r) {
        (*r)->ends_ = delivery_.buffer + out.size();
    }
    batching_.sent(requests);
    metrics_.requests_sent += requests;
    metrics_.reads_batched += requests;
}

void session::append_request(std::string& out, std::unique_ptr<request> r, time_point now) {
    r->type_ = r->type();
    // Without its watches and credentials a connection is of no use: rather than left out they are refused once more.
    if (!is_vital(*r) && host_ && capabilities_.missing(*host_, r->type_, now)) {
        (void)r->complete(server_errc::unimplemented, {});
        return;
    }
    const bool auth = r->type_ == to_wire(opcode::auth);
    r->batch_ = 1;
    r->xid_ = auth ? xid_auth : next_xid();
    r->sent_ = now;
    r->under_way_ = true;
    patch_xid(r->frame, r->xid_);
    if (!r->arms.empty() && !r->own_) flag_watch(*r);
    out += r->frame;
    r->ends_ = delivery_.buffer + out.size();
    if (!r->repeatable && settings_.max_retries == 0) std::string().swap(r->frame);
    if (is_lasting(r->arms_kind) && !r->arms.empty()) ++lasting_in_flight_;
    if (r->batchable) batching_.sent(1);
    if (!auth && !r->repeatable && !r->own_) ++unrepeatable_;
    ++metrics_.requests_sent;
    (auth ? auths_ : written_).push_back(std::move(r));
}

/// What a reply tells beside its result.
void session::note_reply(const request& r, const error_code& ec, zxid at) {
    if (r.own_) {
        note_armed(r);
    } else if (!r.arms.empty()) {
        note_watch(r, ec, at);
    }
    if (!leftovers_.empty()) unsettled_ = true;
}

std::unique_ptr<request> session::housekeeping(std::string payload) {
    return own(std::make_unique<housekeeping_request>(true), payload);
}

std::unique_ptr<request> session::own(std::unique_ptr<request> r, std::string_view payload) {
    r->own_ = true;
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

}    // namespace muster::zk::proto
