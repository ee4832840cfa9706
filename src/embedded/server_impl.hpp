// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include "embedded/access.hpp"
#include "embedded/proposals.hpp"
#include "embedded/server.hpp"
#include "embedded/sessions.hpp"
#include "embedded/watches.hpp"
#include "proto_zk/frame.hpp"

#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace muster::embedded {

/// What a server does for its clients.
enum class service {
    full,
    read_only,    ///< Reads, for those who accept that.
    none,         ///< Nothing: connections are closed.
};

/// Where a connection stands.
enum class stage {
    greeting,       ///< The connect request, or a four letter word, is yet to come.
    opening,        ///< The session is being opened; what the client sends meanwhile is kept.
    established,    ///< Requests are served.
    leaving,        ///< The client closed its session and gets one more reply.
    closed,         ///< About to be forgotten.
};

/// Something that a connection waits for; what is behind it waits as well, so that replies keep the order of requests.
struct waiting {
    std::uint64_t entry = 0;    ///< Ready when the server has applied this entry of the log.
    bool is_request = false;    ///< To be served then; else it is a reply.
    std::int32_t xid = 0;
    std::int32_t code = 0;    ///< The type of the request, or the error of the reply.
    std::string bytes;        ///< The body of either.
};

struct connection {
    connection(server::connection_id i, connection_sink& s, std::string address, std::size_t max_frame)
        : id(i), sink(&s), who(std::move(address)), in(max_frame) {}

    const server::connection_id id;
    connection_sink* sink;
    identities who;
    stage at = stage::greeting;
    zk::session_id session = 0;
    std::chrono::milliseconds timeout{0};
    bool knows_read_only = false;    ///< It sent the flag, so it gets one.
    bool local = false;              ///< Its session is this server's only.
    bool has_output = false;         ///< It is in the list of those to flush.
    bool waits = false;              ///< It is in the list of those that wait.
    bool overfull = false;           ///< It was told too much: it is told no more, and about to be closed.

    zk::proto::frame_reader in;
    std::string held;    ///< What came behind a connect request that is not answered yet.
    std::string out;
    std::size_t events = 0;    ///< Bytes of them in `out`.
    std::deque<waiting> queue;
    std::size_t queued_bytes = 0;
};

/// One server. Its parts: connections and frames (server.cpp), the handshake (server_handshake.cpp), requests
/// (server_requests.cpp, server_reads.cpp), four letter words (server_words.cpp), the log (server_log.cpp).
class server::impl {
public:
    impl(ensemble::impl& e, std::size_t index, std::uint64_t first_session);

    // Of the public class.
    connection_id open(connection_sink& sink, std::string address);
    void received(connection_id id, std::string_view bytes);
    void closed(connection_id id);
    void drop_connections();
    void lose_next_write(loss when) noexcept { lose_next_write_ = when; }
    bool end_local(zk::session_id id);
    std::vector<zk::session_id> local_sessions() const { return local_sessions_.ids(); }

    ensemble::impl& common() noexcept { return ensemble_; }

    // Of the ensemble.

    /// From now on it serves so. Drops the connections where that is a change, or where there was an election. The sessions of
    /// its own end with its being read-only.
    void serve(service s, bool elected);
    service serves() const noexcept { return service_; }

    /// An entry of the log was committed.
    void deliver(std::uint64_t entry, transaction_ptr t, time_point now);

    /// Does what is due, and tells when something is: entries of the log to apply, connections that have not said what they want
    /// for too long, local sessions that were not heard of.
    void tick(time_point now);
    std::optional<time_point> next_due() const;

    /// Takes over a tree that is up to date, with all entries of the log up to one.
    void synchronize(const tree& t, std::uint64_t entry);

    /// Forgets what was committed but not applied; it will be synchronized.
    void cut_off();
    bool is_stale() const noexcept { return stale_; }

    /// Gives the output to the sinks, and forgets the connections that were closed.
    void flush();

    std::chrono::milliseconds lag{0};
    bool up = true;
    bool isolated = false;
    bool told_read_only = false;

    std::size_t connections() const noexcept { return connections_.size() - closing_.size(); }
    std::size_t watch_count() const noexcept { return watches_.size(); }
    std::optional<std::size_t> watched_paths(zk::session_id id) const;
    std::uint64_t requests() const noexcept { return packets_received_; }
    const tree& data() const noexcept { return tree_; }

private:
    struct late {
        time_point due;
        std::uint64_t entry = 0;
        transaction_ptr t;
    };

    connection* find(connection_id id) noexcept;
    void close(connection& c);
    void forget_greeted() noexcept;
    void close_silent(time_point now);
    void catch_up(time_point now);
    void expire_local(time_point now);
    void touch_output(connection& c);
    void relieve(connection& c);
    void emptied(connection& c) noexcept;
    void cut_short(connection& c);
    void close_overfull();

    // Frames and what they contain.
    void take_in(connection& c, std::string_view bytes);
    void take_frames(connection& c);
    bool take_word(connection& c);
    std::string answer_to(std::string_view word) const;

    // The handshake.
    void greet(connection& c, std::string_view frame);
    void open_session(connection& c);
    void resume_session(connection& c, zk::session_id id, const text& password);
    void establish(connection& c);
    void refuse(connection& c);
    void send_handshake(connection& c, bool valid);

    // Requests.
    void take_request(connection& c, std::string_view frame);
    void take_auth(connection& c, std::int32_t xid, std::string_view body);
    void take_sasl(connection& c, std::int32_t xid, std::string_view body);
    void propose(connection& c, std::int32_t xid, std::int32_t type, std::string_view body);
    void leave_local(connection& c, std::int32_t xid);
    void wait(connection& c, waiting w);
    void advance(connection& c);
    void serve_request(connection& c, std::int32_t xid, std::int32_t type, std::string_view body);
    std::int32_t read(connection& c, std::int32_t type, std::string_view body);

    // Reads: they append the reply's body and give 0, or an error.
    std::int32_t exists(connection& c, zk::proto::reader& r);
    std::int32_t get_data(connection& c, const text& path, bool watch);
    std::int32_t get_children(connection& c, const text& path, bool watch, bool with_stat);
    std::int32_t get_acl(connection& c, const text& path);
    std::int32_t get_ephemerals(connection& c, zk::proto::reader& r);
    std::int32_t count_children(connection& c, const text& path);
    std::int32_t multi_read(connection& c, std::string_view body);
    std::int32_t set_watches(connection& c, std::string_view body, bool lasting);
    std::int32_t add_watch(connection& c, zk::proto::reader& r);
    std::int32_t check_watches(connection& c, zk::proto::reader& r, bool remove);
    std::int32_t who_am_i(connection& c);
    std::int32_t readable(const connection& c, const text& path, std::int32_t permissions, const znode*& found) const;

    void reply(connection& c, std::int32_t xid, zk::zxid zxid, std::int32_t error, std::string_view body = {});
    void send_event(connection& c, zk::proto::wire_event event, std::string_view path);

    void apply(std::uint64_t entry, const transaction& t);

    ensemble::impl& ensemble_;
    const std::size_t index_;
    service service_ = service::full;
    loss lose_next_write_ = loss::none;
    tree tree_;
    watches watches_;
    std::uint64_t applied_ = 0;
    std::deque<late> backlog_;
    bool stale_ = false;    // missed entries

    connection_id last_id_ = 0;
    std::unordered_map<connection_id, std::unique_ptr<connection>> connections_;
    std::unordered_map<zk::session_id, connection_id> by_session_;
    std::vector<connection_id> has_output_;
    std::vector<connection_id> closing_;
    std::vector<connection_id> waits_;
    std::vector<connection_id> overfull_;
    std::size_t events_ = 0;    // bytes of them in the output of all

    struct newcomer {
        time_point until;
        connection_id id = 0;
    };
    std::deque<newcomer> newcomers_;    // in the order in which they came; some behind the first may have greeted or gone

    std::uint64_t next_session_;
    sessions local_sessions_;
    std::uint64_t packets_received_ = 0;
    std::uint64_t packets_sent_ = 0;
};

}    // namespace muster::embedded
