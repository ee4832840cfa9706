// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include <muster/zk/error.hpp>
#include <muster/zk/session_info.hpp>
#include <muster/zk/types.hpp>

#include "proto_zk/capabilities.hpp"
#include "proto_zk/deadlines.hpp"
#include "proto_zk/frame.hpp"
#include "proto_zk/host_cycle.hpp"
#include "proto_zk/latency_recorder.hpp"
#include "proto_zk/notes.hpp"
#include "proto_zk/opcodes.hpp"
#include "proto_zk/read_batch.hpp"
#include "proto_zk/records_connect.hpp"
#include "proto_zk/request.hpp"
#include "proto_zk/watch_table.hpp"
#include "proto_zk/writable_search.hpp"

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace muster::zk::proto {

/// The settings of a session; see `zk::config` for their meaning.
struct session_settings {
    std::chrono::milliseconds timeout{10'000};
    std::chrono::milliseconds connect_timeout{3'333};
    std::chrono::milliseconds close_timeout{3'000};
    std::chrono::milliseconds backoff_min{1'000};
    std::chrono::milliseconds backoff_max{10'000};
    std::size_t hosts = 1;
    std::size_t max_frame = 1'048'575;      // of what is read
    std::size_t max_request = 1'048'575;    // of what is written
    std::int32_t first_xid = 1;
    std::size_t max_retries = 0;    // of a request that was thrown back
    bool batch_reads = false;
    bool sasl = false;                 // the user is to be proven on each connection
    bool renew = true;                 // a session that has expired is replaced by another
    bool read_only = false;            // a server without a quorum will do
    log_level log = log_level::off;    // the least that is noted
};

/// Why an attempt failed or a connection ended.
struct failure {
    error_code why;
    std::string message;     // what people should know beside it
    bool untried = false;    // the server has other addresses, which were not tried since it was `blameless`

    failure(const error_code& why_) : why(why_) {}
    failure(const error_code& why_, std::string message_, bool untried_ = false)
        : why(why_), message(std::move(message_)), untried(untried_) {}
};

/// What a client decides: the life of its session, the order of its requests, and its watches. It performs nothing: a driver
/// connects, reads and writes, tells what happened and when, and does what it is told.
///
/// Flow, without a connection: `next` says wait, connect or finished. For an attempt: `connecting`; then `connected` once the
/// transport stands, or `disconnected`. On a connection: bytes read go into `read_buffer` and `received`; whenever
/// `wants_write`, `fill` gives what to write; at `deadline`, `tick`. An error from `received` or `tick` is the reason to drop
/// the connection, which `disconnected` confirms.
///
///   submit --> queued --fill--> written --received--> complete
///                 ^               |  |
///                 |               |  +-- thrown back: held until nothing is under way, then queued    (session_hold.cpp)
///                 +--- reads -----+-- others: connection_lost      (disconnected)
class session {
public:
    using clock = std::chrono::steady_clock;
    using time_point = clock::time_point;
    using duration = clock::duration;

    /// `seed` determines the order of the hosts.
    session(const session_settings& settings, std::uint64_t seed);

    // Requests -------------------------------------------------------------------------------------------------------------

    /// Takes a request. It is completed at once if the session is closed.
    void submit(std::unique_ptr<request> r);

    /// Completes the request with `ec`, if it is still under way. Withdraws it if it was not written; else its reply is
    /// consumed unseen later. Nothing happens if it is completed already.
    void cancel(std::uint64_t id, const error_code& ec);

    /// Begins to close. What was submitted before is served first, and needs a session to be.
    void close(time_point now);

    /// Ends everything at once, without a word to the server.
    void abandon();

    /// Destroys all requests without completing them: the context that their handlers would run on is going away.
    void discard();

    watch_table& watches() noexcept { return watches_; }

    /// The last subscriber of this kind on `path` is gone: the server is told before anything else is written, unless its watch
    /// serves somebody else by then.
    void unwatch(watch_kind kind, const std::string& path);

    // Life of connections --------------------------------------------------------------------------------------------------

    struct step {
        enum class kind { wait, connect, finished };
        kind what = kind::finished;
        time_point until{};      // for wait
        std::size_t host = 0;    // for connect
    };

    /// What to do while there is no connection.
    step next(time_point now);

    /// An attempt begins.
    void connecting(time_point now);

    /// The transport stands; `fill` gives the connect request.
    void connected(time_point now);

    /// False if the last attempt at this server ended because one side does not trust the other, or without a word of the
    /// server. Addresses that were tried then, and in such attempts before, come last in the next one: see `failure::untried`.
    bool blameless(std::size_t host) const noexcept { return refusals_[host] == extent::none && silent_[host] == extent::none; }

    /// The attempt failed or the connection ended, for the reason given. It may have been the last one: see `tls_options`.
    void disconnected(const failure& f, time_point now, std::uint64_t random);

    /// The servers are others now: server i of them was server `former[i]` of those before, if any. An error is the reason to
    /// drop the attempt or the connection; where requests wait for their replies it comes from `received`, behind the last.
    error_code replace_hosts(std::span<const std::optional<std::size_t>> former, std::uint64_t random);

    // On a connection ------------------------------------------------------------------------------------------------------

    /// Room for at least `n` bytes that are read next.
    std::span<char> read_buffer(std::size_t n);

    /// `n` bytes were read into it. Completes requests and dispatches events, in the order of the stream.
    error_code received(std::size_t n, time_point now);

    bool wants_write() const noexcept;

    /// True while requests wait for their replies on this connection.
    bool awaits_replies() const noexcept { return !written_.empty() || !auths_.empty(); }

    /// Appends what is to be written now: at most `limit` bytes and what completes the last request.
    void fill(std::string& out, std::size_t limit, time_point now);

    /// So many of the bytes that `fill` gave have not arrived at the server's machine yet, as far as anybody can tell. To be told
    /// before `tick`, or a request that takes long to get there costs the connection.
    void undelivered(std::size_t bytes, time_point now);

    // SASL, if set: between the handshake and everything else ----------------------------------------------------------------

    /// What the server said, for the mechanism to answer with `respond`; given once. Empty at first, as it says nothing then.
    std::optional<std::string> take_challenge();

    /// The mechanism's answer: what to send, if anything, and whether it is content with what the server has said.
    void respond(std::optional<std::string> token, bool complete, time_point now);

    bool authenticating() const noexcept { return phase_ == phase::authenticating; }

    // While the server takes no writes ------------------------------------------------------------------------------------------

    /// The server to be asked now whether it takes writes, by its place on the list; given once, at `deadline`. A question that
    /// is not answered yet is to be forgotten then.
    std::optional<std::size_t> take_question(time_point now);

    /// What that server answered; no if it was not reached. An error is the reason to drop the connection.
    error_code answered_question(std::size_t host, bool writable, time_point now, std::uint64_t random);

    // Time -----------------------------------------------------------------------------------------------------------------

    /// When `tick` or `take_question` is due; it never moves to an earlier time but by a call of `submit`, `connecting`,
    /// `connected`, `received`, `undelivered`, `respond`, `answered_question`, `replace_hosts`, or `close`.
    time_point deadline() const noexcept;

    /// Lets time act: pings, time-outs, expiry, deadlines of requests. An error is the reason to drop the connection.
    error_code tick(time_point now);

    // State ----------------------------------------------------------------------------------------------------------------

    const session_info& info() const noexcept { return info_; }
    /// The expiry of a session in whose place a server has given the next one, so that nobody could see it; once.
    std::optional<session_info> take_unseen_expiry() noexcept { return std::exchange(unseen_expiry_, std::nullopt); }
    const client_metrics& metrics() const noexcept { return metrics_; }
    /// How long replies took; may be read on any thread.
    const latency_recorder& latency() const noexcept { return latency_; }
    /// The newest zxid that a reply has named, in this session or in one before; may be read on any thread. It is there before
    /// the reply's handler is called: whatever a caller knows from this client was created by then.
    zxid newest_seen() const noexcept { return newest_seen_.load(std::memory_order_relaxed); }
    /// What there is to be told since it was asked for the last time.
    notes& told() noexcept { return notes_; }
    bool closing() const noexcept { return closing_; }
    bool finished() const noexcept { return phase_ == phase::finished; }
    /// How closing ended. Precondition: `finished()`.
    const error_code& close_result() const noexcept { return close_result_; }

private:
    enum class phase {
        idle,              // no connection, no attempt
        connecting,        // the transport is being established
        handshaking,       // the connect request is to be written or was written, the response has not come
        authenticating,    // the server knows the session; its user is being proven
        attached,          // the session is connected to a server
        finished,          // closed for good
    };

    /// Of how many of a server's addresses something is known since the last attempts at it.
    enum class extent { none, some, all };

    using queue = std::deque<std::unique_ptr<request>>;

    error_code on_frame(std::string_view frame, time_point now);
    error_code on_handshake(std::string_view frame, time_point now);
    error_code on_reply(std::string_view frame, error_code ec = {});
    error_code on_oversize();
    error_code on_auth(const reply_header& header);
    error_code on_token(std::string_view frame, time_point now);
    error_code answer_batch(std::size_t reads, std::string_view reply, zxid at);
    error_code answer_each(std::size_t requests, const error_code& ec, std::string_view body, zxid at);
    error_code refuse_write(const reply_header& header);
    error_code answer(std::unique_ptr<request> r, const error_code& ec, std::string_view body, zxid at);
    bool thrown_back(const request& r, const error_code& ec) const noexcept;
    void hold(std::unique_ptr<request> r, const error_code& ec);
    void overtake_held();
    void take_back_removal(const request& r);
    void drop_own_held();
    void await_resumption(time_point now);
    void resume() noexcept;
    void leave_held();
    void queue_held();
    /// Of the session's own requests: without it a connection is of no use.
    static bool is_vital(const request& r) noexcept { return r.own_ && r.type_ != to_wire(opcode::remove_watches); }
    error_code answer_oldest(const error_code& ec, std::string_view body, zxid at);
    void begin_sasl(connect_response granted, time_point now);
    void append_token(std::string& out);
    void attach(const connect_response& granted, time_point now);
    void expire(const error_code& why);
    error_code give_up(const error_code& why);
    void finish(const error_code& result, session_state last = session_state::closed,
                const error_code& why = client_errc::closed);
    error_code end_without_session() const noexcept;
    void set_state(session_state s);
    void prove(time_point sent) noexcept;
    void fail(queue& q, const error_code& ec);
    void allow_frame() noexcept;
    bool too_late(const request& r) const noexcept;
    std::size_t next_frame() const noexcept;
    bool close_due() const noexcept { return closing_ && !close_sent_ && queued_.empty() && held_.empty(); }
    void append_frame(std::string& out, std::size_t requests, time_point now);
    void append_request(std::string& out, std::unique_ptr<request> r, time_point now);
    error_code move_if_idle() const noexcept;
    void note_reply(const request& r, const error_code& ec, zxid at);
    void reclaim_credentials();
    void present_credentials();
    void leave_read_only();
    time_point question_due() const noexcept;
    void note_refusal(const failure& f);
    void note_silence(const failure& f, bool silent);
    time_point silence_ends() const noexcept;
    time_point look_due() const noexcept;
    std::uint64_t awaited() const noexcept;
    bool large_after_silence(time_point now) const noexcept;
    void pass_over_old_servers(time_point now);
    bool refused_everywhere() const noexcept;
    std::int32_t next_xid() noexcept;
    void expire_requests(time_point now);
    void tell(log_event e, const error_code& ec = {}, std::optional<duration> took = {}, std::optional<std::uint64_t> count = {});
    void settle_watches();
    bool settle(const std::string& path, unsigned& left);
    void flag_watch(request& r) const;
    bool covered(watch_kind kind, std::string_view path) const;
    void note_watch(const request& r, const error_code& ec, zxid at);
    void note_removal(const request& r, const error_code& ec);
    void arm(watch_kind kind, const std::string& path, zxid since);
    void rearm_watches();
    void note_armed(const request& r);
    void forget_unarmed();
    void remove_watches(const std::string& path, watcher_type type, unsigned left);
    void forget_leftovers();
    std::unique_ptr<request> housekeeping(std::string payload);
    static std::unique_ptr<request> own(std::unique_ptr<request> r, std::string_view payload);
    duration fraction_of_timeout(int numerator, int denominator) const noexcept;
    time_point expiry() const noexcept;

    class housekeeping_request;
    struct removal_request;

    /// A ping that is not answered.
    struct ping {
        time_point sent;
        std::uint64_t ends;    // as `request::ends_`
    };

    /// How what is written on a connection gets to the server.
    struct delivery {
        std::uint64_t written = 0;
        std::uint64_t buffer = 0;     // where what is being filled begins
        std::uint64_t arrived = 0;    // of what was written, when it was looked at
        time_point looked_at{};       // when that was
        time_point progress{};        // some of a request arrived after that
        bool under_way = false;       // then, some had not arrived
    };
    static constexpr int closing_rounds = 8;    // who closes has little time: no pause is longer than an eighth of it
    static constexpr std::size_t unlimited = std::numeric_limits<std::size_t>::max();

    /// A user's proof that is under way.
    struct proof {
        connect_response granted;                // what the server said of the session
        std::optional<std::string> challenge;    // for the mechanism
        std::optional<std::string> token;        // to be written
        std::int32_t xid = 0;                    // of the one that was written and not answered, else 0
        bool complete = false;                   // the mechanism has nothing more to say
    };

    session_settings settings_;
    host_cycle hosts_;
    frame_reader frames_;
    read_batching batching_;
    writable_search search_;
    watch_table watches_;
    session_info info_;
    std::optional<session_info> unseen_expiry_;
    client_metrics metrics_;
    latency_recorder latency_;
    notes notes_;

    // What the server may still watch for nobody, by path: bits of watch kinds.
    std::map<std::string, unsigned, std::less<>> leftovers_;
    bool unsettled_ = false;               // something happened since they were looked at
    std::size_t lasting_in_flight_ = 0;    // addWatch requests that wait for their replies

    phase phase_ = phase::idle;
    std::optional<std::size_t> host_;    // of the last attempt; none if it is not on the list any more
    bool closing_ = false;
    bool close_sent_ = false;
    bool given_up_ = false;    // the last session ended by the own clock: a server may still keep it
    bool denied_ = false;      // this connection's server has called the session expired
    bool moving_ = false;      // to another server, once nothing is under way: until then nothing is sent
    bool renew_ = false;       // the session was found expired: the next one is asked for at once
    bool connect_request_due_ = false;
    bool spoken_to_ = false;    // this connection's server has said something
    bool ping_due_ = false;
    error_code close_result_;
    error_code finished_with_;    // what requests complete with that come too late

    deadlines deadlines_;             // before what holds requests
    queue queued_;                    // not written yet
    queue written_;                   // waiting for their replies, oldest first
    std::size_t unrepeatable_ = 0;    // of those, the ones that must not be sent twice
    queue held_;                      // thrown back while others are under way, oldest first
    queue auths_;                     // credentials waiting for their replies, oldest first
    std::deque<ping> pings_;          // the unanswered ones, oldest first
    delivery delivery_;
    proof sasl_;
    std::vector<std::string> credentials_;    // records that a server has accepted
    std::vector<extent> refusals_;            // by server: one side does not trust the other
    std::vector<extent> silent_;              // by server: it has closed without a word
    capabilities capabilities_;
    std::int32_t refused_ = 0;    // type of the request that the last reply called unimplemented
    time_point refused_at_{};
    std::int32_t xid_;
    zxid last_zxid_ = 0;    // of replies only: an event's may be ahead of what the session has seen (ZOOKEEPER-1412)
    std::atomic<zxid> newest_seen_{0};    // the same, but that no expiry ends it

    // Replies raise `last_zxid_` also while a server has not armed all watches again, whose events were told up to these only.
    std::optional<zxid> unarmed_since_;    // of all; none if they are armed
    std::size_t rearming_ = 0;             // requests for them that have not succeeded on this connection
    unarmed_watches unarmed_;              // of those that are older still, or that the session arms by themselves

    bool holding_ = false;     // nothing is written: there are some that were thrown back, and others or some time are awaited
    duration hold_bound_{};    // of the next time; 0: of the first
    std::minstd_rand hold_draws_;
    std::size_t window_ = unlimited;    // how many requests may be under way, while a server recovers
    time_point resume_at_ = time_point::max();

    time_point retry_at_{};
    time_point attempted_at_{};
    time_point attempt_deadline_{};
    time_point close_deadline_ = time_point::max();
    time_point connect_sent_{};
    time_point attached_at_{};
    time_point last_received_{};
    time_point last_sent_{};
};

}    // namespace muster::zk::proto
