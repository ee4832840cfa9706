// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include <muster/zk/connect_string.hpp>
#include <muster/zk/log.hpp>
#include <muster/zk/sasl.hpp>
#include <muster/zk/tls.hpp>

#include <chrono>
#include <cstddef>
#include <optional>

namespace muster::zk {

/// What a client does once its session has expired.
enum class session_renewal {
    automatic,    ///< It begins another one and goes on.
    never,        ///< It has ended.
};

/// How a client reaches its ensemble.
struct config {
    connect_string servers{"127.0.0.1:2181"};    ///< Where the ensemble is. One server of it is enough, all are better.

    /// How long the server keeps the session without hearing from us. The server clamps it, usually to 2 to 20 of its ticks.
    /// Legal: 1 ms to 24 days, as for all times here; 0 where it has a meaning.
    std::chrono::milliseconds session_timeout{10'000};

    /// How long a connection attempt, including the handshakes of TLS, ZooKeeper and SASL, may take. 0: a third of the session
    /// timeout, and 100 ms at least.
    std::chrono::milliseconds connect_timeout{0};

    /// Whether a session that has expired is replaced by another one. `never` is for programs that are wrong from then on, since
    /// what they hold by ephemerals and watches is gone, and that begin anew or end. The client ends with its session: the state
    /// `session_state::expired` is told once, with `session_info::ended`, and stays; what waits, watchers included, and all that
    /// is asked later completes with `client_errc::session_expired` at once; no server is connected to any more. `client::close`
    /// completes at once, too: with success where a server said that the session is over, with `client_errc::close_timed_out`
    /// where the client's own clock did, since a server may keep it for longer. Registrars and balancers end with such a client
    /// as with one that is closed. A session that is dropped for one of a server with a quorum (`read_only`) has not expired.
    zk::session_renewal session_renewal = zk::session_renewal::automatic;

    /// Back-off between rounds over all servers: a delay drawn uniformly from 0 to a bound that starts at `backoff_min` and
    /// doubles up to `backoff_max`; while there is a session to save it is a quarter of its timeout at most. Within a round, and
    /// before the first one after a connection that lasted that long, there is no delay: who loses a server is at another one at
    /// once, but thousands that lose theirs together do not come back together again and again. Legal: greater than 0.
    std::chrono::milliseconds backoff_min{1'000};
    std::chrono::milliseconds backoff_max{10'000};

    /// How long `close()` waits for the server to confirm. 0: does not wait; the session expires by itself.
    std::chrono::milliseconds close_timeout{3'000};

    /// Largest request, in bytes: the servers' `jute.maxbuffer`, beyond which they close the connection. A larger one completes
    /// with `client_errc::request_too_large` and is not sent. Legal: 1024 to 2^31 - 1.
    std::size_t max_frame = 1'048'575;

    /// Largest reply, in bytes. Servers do not limit what they send, and the list of many children is easily larger than any
    /// request. What has a larger one completes with `protocol_errc::frame_too_large`; its bytes are passed over as they come,
    /// and nobody else who has the connection notices more than that. One that is larger than 64 MiB costs the connection, and so
    /// does one that several reads share (`batch_reads`), which may be as large as theirs together: they are asked for again one
    /// by one. Legal: as for `max_frame`; 0: the same as that.
    std::size_t max_reply = 0;

    /// How long each operation may take, from the call to its completion; see `client::with_timeout`, which gives single ones
    /// another time. 0: as long as it takes. What registrars and balancers ask for themselves is not bound by it.
    std::chrono::milliseconds operation_timeout{0};

    /// How often a request is sent again that a server has thrown back: any request that an overloaded server has not looked at
    /// (`server_errc::throttled`), and one that changes nothing where the server could not finish it in time
    /// (`server_errc::operation_timeout`, `request_timeout`, or `connection_loss`, which some other than Apache's say). Until
    /// then the client waits: a bound that starts at 100 ms, or at `backoff_min` if that is less, and doubles up to
    /// `backoff_max`, half of it drawn uniformly. No other request is written meanwhile, and what was thrown back goes first, in
    /// its order, few at a time to begin with. Where that order cannot be kept, since the server has served something that was
    /// written behind it, the error is told at once, as it is after the last attempt: `throttled` was not applied, and may be
    /// asked again. Legal: 0 (never) to 2^31 - 1.
    std::size_t max_retries = 8;

    /// How many requests may wait or be under way at a time, and with how many bytes. A request that comes when so many do
    /// completes at once with `client_errc::overloaded`, and is not sent; `client::capacity()` tells when there is room again.
    /// `add_auth`, and what the client sends by itself, is never refused, nor is a request that is alone, however large.
    /// Legal: 1 to 2^31 - 1, and 1024 to 2^31 - 1.
    std::size_t max_requests = 65'536;
    std::size_t max_request_bytes = 64 * 1024 * 1024;

    /// Whether plain reads of data that wait to be written at the same time are asked for in one request (multiRead), which a
    /// server handles many times faster. Each keeps its own result, error and place in the order. While 16 requests of reads are
    /// under way, further reads wait for one of them, or until 64 have come together. Servers before 3.6 drop the connection
    /// over it: the first one of each connection is sent while nothing is under way that must not be sent twice, and a server
    /// that has dropped one is then asked read by read.
    bool batch_reads = true;

    /// Whether a server that has lost its quorum will do, for reads (the servers' `readonlymode.enabled` and
    /// `localSessionsEnabled`); `session_info` tells where it is so. Its data may be old, and writes and `sync` complete with
    /// `server_errc::not_read_only`. While the client is there it asks the servers one after the other, by the word `isro`,
    /// whether one takes writes, every 100 ms at first and ever more seldom down to once a minute, and goes there: requests that
    /// wait and watches go along. A session that was begun before is not given up for it: only when that has expired does the
    /// client begin one at such a server. What registers or elects waits for a server that takes writes.
    bool read_only = false;

    /// TLS for all connections; none: they are plain. The default values trust what the system trusts.
    std::optional<tls_options> tls;

    /// Who the client's user is, proven on each connection; none: nobody in particular.
    std::optional<sasl_options> sasl;

    /// Where the client tells what becomes of its connections and its session; a record per change of state, none per request.
    /// Empty: nowhere. It is called on the client's strand of the executor it was given, in the order of what happened, one
    /// record at a time: whoever blocks there holds the client up. It may call the client, whose `session()` shows what is told
    /// of. It shall not throw: what it throws is swallowed, and the client goes on, and on telling. The last record comes when
    /// the client ends, which may be after its last handle was destroyed.
    log_sink log;

    /// The least level that `log` is called for. What is below costs nothing: it is not put together.
    zk::log_level log_level = zk::log_level::info;

    config() = default;
    /// The default configuration for the servers named by a connect string; throws what `connect_string` throws.
    config(connect_string servers_) : servers(std::move(servers_)) {}
    config(const char* servers_) : servers(servers_) {}
    config(const std::string& servers_) : servers(servers_) {}
};

}    // namespace muster::zk
