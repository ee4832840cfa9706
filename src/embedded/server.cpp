// Part of muster. Boost Software License 1.0, see LICENSE.
//
// Connections, and the frames on them.
#include "embedded/server.hpp"

#include "embedded/ensemble_impl.hpp"
#include "embedded/server_impl.hpp"
#include "proto_zk/records_connect.hpp"
#include "proto_zk/records_watch.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace muster::embedded {
namespace {

// Output of one connection that is given to its sink before the call is over.
constexpr std::size_t much_output = 256 * 1024;

// Memory for output that a connection keeps while it has none.
constexpr std::size_t kept_output = 64 * 1024;

// Input is copied in pieces, so that a large one needs no buffer of its size.
constexpr std::size_t piece_of_input = 64 * 1024;

}    // namespace

server::impl::impl(ensemble::impl& e, std::size_t index, std::uint64_t first_session)
    : ensemble_(e),
      index_(index),
      tree_(e.config.extended_types),
      watches_([this](watcher w, zk::proto::wire_event event, std::string_view path, const acl_list& acls) {
          connection* c = find(w);
          if (c != nullptr && acls.permits(static_cast<std::int32_t>(zk::permission::read), c->who)) send_event(*c, event, path);
      }),
      next_session_(first_session),
      local_sessions_(e.config.tick, e.secret) {}

server::connection_id server::impl::open(connection_sink& sink, std::string address) {
    const connection_id id = ++last_id_;
    connection& c =
        *connections_.emplace(id, std::make_unique<connection>(id, sink, std::move(address), ensemble_.config.max_frame))
             .first->second;
    const std::size_t limit = ensemble_.config.max_connections;
    if (service_ == service::none || (limit > 0 && connections() > limit))
        close(c);
    else
        newcomers_.push_back({ensemble_.now() + ensemble_.config.greeting_timeout, id});
    return id;
}

void server::impl::received(connection_id id, std::string_view bytes) {
    if (connection* c = find(id)) take_in(*c, bytes);
}

void server::impl::closed(connection_id id) {
    connection* c = find(id);
    if (c == nullptr) return;
    close(*c);
    closing_.pop_back();
    connections_.erase(id);
}

void server::impl::tick(time_point now) {
    catch_up(now);
    close_silent(now);
    expire_local(now);
}

std::optional<time_point> server::impl::next_due() const {
    std::optional<time_point> first = local_sessions_.next_expiry();
    const auto sooner = [&first](time_point t) {
        if (!first || t < *first) first = t;
    };
    if (!backlog_.empty()) sooner(backlog_.front().due);
    if (!newcomers_.empty()) sooner(newcomers_.front().until);
    return first;
}

/// The first newcomer is one that has yet to greet, or there is none.
void server::impl::forget_greeted() noexcept {
    const auto greets = [this](const newcomer& n) {
        const connection* c = find(n.id);
        return c != nullptr && c->at == stage::greeting;
    };
    while (!newcomers_.empty() && !greets(newcomers_.front())) newcomers_.pop_front();
}

void server::impl::close_silent(time_point now) {
    for (; !newcomers_.empty() && newcomers_.front().until <= now; newcomers_.pop_front()) {
        connection* c = find(newcomers_.front().id);
        if (c != nullptr && c->at == stage::greeting) close(*c);
    }
}

void server::impl::expire_local(time_point now) {
    for (const zk::session_id over : local_sessions_.expired(now)) end_local(over);
}

bool server::impl::end_local(zk::session_id id) {
    if (!local_sessions_.knows(id)) return false;
    local_sessions_.close(id);
    if (const auto at = by_session_.find(id); at != by_session_.end())
        if (connection* c = find(at->second)) close(*c);
    return true;
}

void server::impl::drop_connections() {
    std::vector<connection_id> ids;
    for (const auto& [id, c] : connections_) ids.push_back(id);
    std::sort(ids.begin(), ids.end());    // always the same order
    for (const connection_id id : ids)
        if (connection* c = find(id)) close(*c);
}

void server::impl::serve(service s, bool elected) {
    if (s == service_ && !elected) return;
    const bool was_read_only = service_ == service::read_only;
    service_ = s;
    drop_connections();
    if (was_read_only && s != service::read_only) local_sessions_ = sessions(ensemble_.config.tick, ensemble_.secret);
}

connection* server::impl::find(connection_id id) noexcept {
    const auto at = connections_.find(id);
    return at != connections_.end() && at->second->at != stage::closed ? at->second.get() : nullptr;
}

void server::impl::close(connection& c) {
    if (c.at == stage::closed) return;
    c.at = stage::closed;
    closing_.push_back(c.id);
    watches_.forget(c.id);
    if (const auto at = by_session_.find(c.session); at != by_session_.end() && at->second == c.id) by_session_.erase(at);
    c.queue.clear();
    c.held.clear();
}

std::optional<std::size_t> server::impl::watched_paths(zk::session_id id) const {
    const auto at = by_session_.find(id);
    return at != by_session_.end() ? std::optional(watches_.paths_of(at->second)) : std::nullopt;
}

void server::impl::touch_output(connection& c) {
    if (c.has_output) return;
    c.has_output = true;
    has_output_.push_back(c.id);
}

void server::impl::relieve(connection& c) {
    if (c.out.size() < much_output) return;
    c.sink->send(c.out);
    c.out.clear();
    emptied(c);
}

/// Its output holds no events any more.
void server::impl::emptied(connection& c) noexcept { events_ -= std::exchange(c.events, 0); }

/// After events were sent: not within, since whoever sends them goes through the watches, or serves this very client.
void server::impl::close_overfull() {
    for (const connection_id id : std::exchange(overfull_, {}))
        if (connection* c = find(id)) close(*c);
}

void server::impl::flush() {
    for (const connection_id id : has_output_) {
        const auto at = connections_.find(id);
        if (at == connections_.end()) continue;
        connection& c = *at->second;
        c.has_output = false;
        if (!c.out.empty()) c.sink->send(c.out);
        emptied(c);
        if (c.out.capacity() > kept_output)
            c.out = std::string();
        else
            c.out.clear();
    }
    has_output_.clear();
    for (const connection_id id : closing_) {
        const auto forgotten = connections_.extract(id);
        forgotten.mapped()->sink->close();
    }
    closing_.clear();
    forget_greeted();    // next_due() looks at the first only
}

void server::impl::take_in(connection& c, std::string_view bytes) {
    while (!bytes.empty() && c.at != stage::closed) {
        if (c.at == stage::opening) {
            if (c.held.size() + bytes.size() > ensemble_.config.max_pending) return close(c);
            c.held += bytes;
            return;
        }
        const auto space = c.in.prepare(std::min(bytes.size(), piece_of_input));
        const std::size_t n = std::min(space.size(), bytes.size());
        std::memcpy(space.data(), bytes.data(), n);
        c.in.commit(n);
        bytes.remove_prefix(n);
        take_frames(c);
    }
}

void server::impl::take_frames(connection& c) {
    error_code ec;
    while (c.at != stage::closed && c.at != stage::opening) {
        if (c.at == stage::greeting && take_word(c)) return;
        const auto frame = c.in.next(ec);
        if (ec) return close(c);
        if (!frame) return;
        ++packets_received_;
        if (c.at == stage::greeting)
            greet(c, *frame);
        else if (c.at == stage::established)
            take_request(c, *frame);
        // Who closed the session has nothing more to say.
        relieve(c);
    }
}

void server::impl::reply(connection& c, std::int32_t xid, zk::zxid zxid, std::int32_t error, std::string_view body) {
    if (c.at == stage::closed) return;    // by what it has asked for itself
    const auto begun = zk::proto::begin_frame(c.out);
    zk::proto::writer w(c.out);
    zk::proto::reply_header{xid, zxid, error}.write(w);
    c.out += body;
    zk::proto::end_frame(c.out, begun);
    touch_output(c);
    ++packets_sent_;
}

void server::impl::send_event(connection& c, zk::proto::wire_event event, std::string_view path) {
    constexpr zk::zxid unknown = -1;    // events tell their transaction since 3.9.0 only
    if (c.overfull) return;
    const auto begun = zk::proto::begin_frame(c.out);
    zk::proto::writer w(c.out);
    zk::proto::reply_header{zk::proto::xid_event, unknown, 0}.write(w);
    w.i32(static_cast<std::int32_t>(event));
    w.i32(static_cast<std::int32_t>(zk::proto::keeper_state::sync_connected));
    w.string(path);
    zk::proto::end_frame(c.out, begun);
    touch_output(c);
    ++packets_sent_;
    c.events += c.out.size() - begun;
    events_ += c.out.size() - begun;
    if (c.events > ensemble_.config.max_pending) cut_short(c);
    if (events_ <= ensemble_.config.max_events) return;
    connection* most = &c;
    for (const auto& [id, other] : connections_)
        if (other->events > most->events || (other->events == most->events && id < most->id)) most = other.get();
    cut_short(*most);
}

/// It was told too much. The memory is wanted at once, since a request that tells all watchers of many changes is one call.
void server::impl::cut_short(connection& c) {
    emptied(c);
    c.out = std::string();
    c.overfull = true;
    overfull_.push_back(c.id);
}

server::server(std::unique_ptr<impl> i) noexcept : impl_(std::move(i)) {}
server::~server() = default;

namespace {

// Everything that a call causes is given to the sinks when it returns.
template <class Ensemble, class F>
auto perform(Ensemble& e, time_point now, F&& f) {
    e.set_time(now);
    if constexpr (std::is_void_v<decltype(f())>) {
        f();
        e.flush();
    } else {
        auto result = f();
        e.flush();
        return result;
    }
}

}    // namespace

server::connection_id server::open(connection_sink& sink, std::string address, time_point now) {
    return perform(impl_->common(), now, [&] { return impl_->open(sink, std::move(address)); });
}

void server::received(connection_id c, std::string_view bytes, time_point now) {
    perform(impl_->common(), now, [&] { impl_->received(c, bytes); });
}

void server::closed(connection_id c, time_point now) {
    perform(impl_->common(), now, [&] { impl_->closed(c); });
}

void server::drop_connections(time_point now) {
    perform(impl_->common(), now, [&] { impl_->drop_connections(); });
}

void server::lose_next_write(loss when) noexcept { impl_->lose_next_write(when); }

void server::set_read_only(bool on, time_point now) {
    perform(impl_->common(), now, [&] { impl_->common().tell_read_only(*impl_, on); });
}

bool server::expire_local_session(zk::session_id id, time_point now) {
    return perform(impl_->common(), now, [&] { return impl_->end_local(id); });
}

std::size_t server::connections() const noexcept { return impl_->connections(); }
std::size_t server::watch_count() const noexcept { return impl_->watch_count(); }
std::optional<std::size_t> server::watched_paths(zk::session_id id) const { return impl_->watched_paths(id); }
std::vector<zk::session_id> server::local_sessions() const { return impl_->local_sessions(); }
std::uint64_t server::requests() const noexcept { return impl_->requests(); }
const tree& server::data() const noexcept { return impl_->data(); }

}    // namespace muster::embedded
