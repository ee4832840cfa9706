// Part of muster. Boost Software License 1.0, see LICENSE.
//
// What the ensemble committed, and the replies that wait for it.
#include "embedded/ensemble_impl.hpp"
#include "embedded/server_impl.hpp"
#include "proto_zk/path.hpp"

#include <algorithm>
#include <utility>

namespace muster::embedded {

void server::impl::deliver(std::uint64_t entry, transaction_ptr t, time_point now) {
    if (lag <= std::chrono::milliseconds(0) && backlog_.empty()) return apply(entry, *t);
    // Entries stay in order when the lag shrinks.
    const time_point due = backlog_.empty() ? now + lag : std::max(now + lag, backlog_.back().due);
    backlog_.push_back({due, entry, std::move(t)});
}

void server::impl::catch_up(time_point now) {
    while (!backlog_.empty() && backlog_.front().due <= now) {
        const late next = std::move(backlog_.front());
        backlog_.pop_front();
        apply(next.entry, *next.t);
    }
}

void server::impl::synchronize(const tree& t, std::uint64_t entry) {
    drop_connections();    // they would miss events
    tree_ = t;
    applied_ = entry;
    backlog_.clear();
    stale_ = false;
}

void server::impl::cut_off() {
    backlog_.clear();
    stale_ = true;
}

void server::impl::apply(std::uint64_t entry, const transaction& t) {
    for (const change& c : t.changes) {
        const znode* before = tree_.find(c.path);
        const acl_ptr acls = before != nullptr ? before->acls : c.acls;
        tree_.apply(c, t.zxid, t.time);
        const znode* parent = tree_.find(zk::proto::parent_of(c.path));
        switch (c.what) {
            case change::kind::create:
                watches_.created(c.path, *acls, *parent->acls);
                break;
            case change::kind::erase:
                watches_.deleted(c.path, *acls, *parent->acls);
                break;
            case change::kind::set_data:
                watches_.data_changed(c.path, *acls);
                break;
            case change::kind::set_acl:
                break;
        }
    }
    close_overfull();
    tree_.set_last_zxid(t.zxid);
    applied_ = entry;
    if (t.on_session == transaction::effect::session_closed) {
        tree_.forget_session(t.session);
        // Who closed the session itself gets a reply first.
        if (const auto at = by_session_.find(t.session); at != by_session_.end())
            if (connection* c = find(at->second); c != nullptr && c->at != stage::leaving) close(*c);
    }
    if (waits_.empty()) return;
    for (const connection_id id : std::exchange(waits_, {})) {
        connection* c = find(id);
        if (c == nullptr) continue;
        c->waits = false;
        advance(*c);
    }
}

void server::impl::wait(connection& c, waiting w) {
    c.queued_bytes += w.bytes.size() + sizeof w;
    c.queue.push_back(std::move(w));
    if (c.queued_bytes > ensemble_.config.max_pending) return close(c);
    if (std::exchange(c.waits, true)) return;
    waits_.push_back(c.id);
}

void server::impl::advance(connection& c) {
    if (c.at == stage::opening) {
        if (c.queue.empty() || c.queue.front().entry > applied_) {
            c.waits = true;
            waits_.push_back(c.id);
            return;
        }
        c.queue.clear();
        c.queued_bytes = 0;
        return establish(c);
    }
    while (!c.queue.empty() && c.queue.front().entry <= applied_ && c.at != stage::closed) {
        const waiting w = std::move(c.queue.front());
        c.queue.pop_front();
        c.queued_bytes -= w.bytes.size() + sizeof w;
        if (w.is_request) {
            serve_request(c, w.xid, w.code, w.bytes);
        } else {
            reply(c, w.xid, tree_.last_zxid(), w.code, w.bytes);
            if (c.at == stage::leaving && c.queue.empty()) close(c);
        }
        relieve(c);
    }
    if (c.queue.empty() || c.at == stage::closed || std::exchange(c.waits, true)) return;
    waits_.push_back(c.id);
}

}    // namespace muster::embedded
