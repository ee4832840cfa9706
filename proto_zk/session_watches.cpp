// Part of muster. Boost Software License 1.0, see LICENSE.
//
// How the watches of a server are kept to those that somebody waits for.
//
// Servers before 3.9 keep one watch per connection and path in each of two tables, for data and for children, and the mode that
// was asked for last replaces the one before (ZOOKEEPER-4466):
//
//     read with watch      its table: one-shot            removeWatches children   out of the table for children
//     addWatch             both: persistent or recursive  removeWatches data       out of the table for data
//                                                         removeWatches any        out of both, whatever it was (ZOOKEEPER-1910)
//
// So where a lasting watch of ours stands, reads do not ask for another one: its events fire the one-shot watches here. And
// nothing is removed in which somebody else has a share. Later servers keep the modes apart; to them the same is right, too.
#include "proto_zk/session.hpp"

#include "proto_zk/jute.hpp"
#include "proto_zk/opcodes.hpp"
#include "proto_zk/records_connect.hpp"
#include "proto_zk/records_watch.hpp"

#include <algorithm>
#include <set>
#include <utility>

namespace muster::zk::proto {
namespace {

constexpr std::size_t before_record = 12;    // in a frame: its length, the xid, the type

// Servers accept frames of 1 MiB by default; the field's clients keep setWatches far below (ZOOKEEPER-706).
// Where servers accept less, the settings say so.
constexpr std::size_t rearm_bytes = 128 * 1024 - 256;

constexpr unsigned bit(watch_kind k) noexcept { return 1U << static_cast<unsigned>(k); }

constexpr unsigned of_data = bit(watch_kind::data) | bit(watch_kind::exist);
constexpr unsigned of_children = bit(watch_kind::child);
constexpr unsigned lasting = bit(watch_kind::persistent) | bit(watch_kind::recursive);

/// Which of the server's watches an event of `kind` would come from, if there is a lasting one.
constexpr bool covers(watch_kind lasting_kind, watch_kind kind) noexcept {
    return lasting_kind == watch_kind::persistent || kind != watch_kind::child;    // a recursive one tells nothing of children
}

}    // namespace

/// Removes at the server what is of no use any more: `left` of what was armed there.
struct session::removal_request final : request {
    removal_request(std::string p, unsigned l) : path(std::move(p)), left(l) {}
    error_code complete(const error_code&, std::string_view) override { return {}; }    // whatever is answered is fine

    const std::string path;
    const unsigned left;
};

void session::unwatch(watch_kind kind, const std::string& path) {
    if (phase_ != phase::attached || closing_) return;
    leftovers_[path] |= bit(kind);
    unsettled_ = true;
}

void session::forget_leftovers() {
    leftovers_.clear();
    unsettled_ = false;
    lasting_in_flight_ = 0;
}

/// Removes at the server what is of no use any more. What cannot be removed yet waits for the next event or reply.
void session::settle_watches() {
    unsettled_ = false;
    if (closing_) return leftovers_.clear();
    // What is being armed just now may be what is to be removed. Its reply will tell.
    std::set<std::string_view> arming;
    for (const queue* q : {&queued_, &held_, &written_}) {
        for (const auto& r : *q) {
            if (!r->arms.empty() && !r->abandoned_ && !r->own_) arming.insert(r->arms);
        }
    }
    for (auto it = leftovers_.begin(); it != leftovers_.end();) {
        const bool done = arming.find(it->first) == arming.end() && settle(it->first, it->second);
        it = done ? leftovers_.erase(it) : std::next(it);
    }
}

/// True if nothing is left to be done for the path.
bool session::settle(const std::string& path, unsigned& left) {
    unsigned used = 0;
    for (const auto k : {watch_kind::data, watch_kind::exist, watch_kind::child, watch_kind::persistent, watch_kind::recursive}) {
        if (watches_.watched(k, path)) used |= bit(k);
    }
    if (used == 0) {
        remove_watches(path, watcher_type::any, left);
        return true;
    }
    if ((used & lasting) != 0) return true;     // everything goes when that goes
    if ((left & lasting) != 0) return false;    // the one-shot watches live on it
    if ((left & of_data) != 0 && (used & of_data) == 0) remove_watches(path, watcher_type::data, left & of_data);
    if ((left & of_children) != 0 && (used & of_children) == 0) remove_watches(path, watcher_type::children, left & of_children);
    return true;
}

void session::remove_watches(const std::string& path, watcher_type type, unsigned left) {
    std::string payload;
    writer w(payload);
    request_header{0, to_wire(opcode::remove_watches)}.write(w);
    // Of lasting watches servers before 3.9 know no type (ZOOKEEPER-4472).
    remove_watches_request{path, static_cast<std::int32_t>(type)}.write(w);
    queued_.push_back(own(std::make_unique<removal_request>(path, left), payload));
}

/// True if a lasting watch of ours that stands, or will when the server comes to what is written now, tells what a one-shot
/// watch would.
bool session::covered(watch_kind kind, std::string_view path) const {
    const auto left = leftovers_.find(path);
    for (const auto k : {watch_kind::persistent, watch_kind::recursive}) {
        if (!covers(k, kind)) continue;
        if (watches_.watched(k, path)) return true;
        if (left != leftovers_.end() && (left->second & bit(k)) != 0) return true;
    }
    if (lasting_in_flight_ == 0) return false;
    return std::any_of(written_.begin(), written_.end(), [&](const std::unique_ptr<request>& r) {
        return is_lasting(r->arms_kind) && covers(r->arms_kind, kind) && r->arms == path;
    });
}

/// A request that arms a watch is about to be written.
void session::flag_watch(request& r) const {
    if (is_lasting(r.arms_kind)) return;
    r.flagged_ = !covered(r.arms_kind, r.arms);
    r.frame.back() = r.flagged_ ? '\1' : '\0';
}

/// A request that arms a watch was answered, and its subscriber is in the table.
void session::note_watch(const request& r, const error_code& ec, zxid at) {
    if (is_lasting(r.arms_kind)) --lasting_in_flight_;
    const bool unread = ec == protocol_errc::frame_too_large;    // it stands, and its caller has been told an error
    if (ec && !unread && !(ec == server_errc::no_node && r.arms_kind == watch_kind::exist)) return;
    // It has taken the place of the child watch, also if its caller gave up meanwhile.
    if (r.arms_kind == watch_kind::recursive && watches_.watched(watch_kind::child, r.arms)) arm(watch_kind::child, r.arms, at);
    if (r.abandoned_ || unread) return unwatch(r.arms_kind, r.arms);
    if (!is_lasting(r.arms_kind) && !r.flagged_ && !covered(r.arms_kind, r.arms)) {
        arm(r.arms_kind == watch_kind::exist && !ec ? watch_kind::data : r.arms_kind, r.arms,
            at);    // what was to cover it is gone
    }
}

/// A request that removes all watches of a path was answered. They are gone at the server, whether its caller waits or not.
void session::note_removal(const request& r, const error_code& ec) {
    if (!r.repeatable || (ec && ec != server_errc::no_watcher)) return;    // the session's own remove what nobody waits for
    reader in(std::string_view(r.frame).substr(before_record));
    remove_watches_request removed;
    removed.read(in);
    if (!in.ok() || removed.type != static_cast<std::int32_t>(watcher_type::any)) return;
    leftovers_.erase(removed.path);
    // What the session arms just then comes behind the removal, for nobody.
    for (const queue* q : {&queued_, &held_, &written_}) {
        for (const auto& armed : *q) {
            if (armed->own_ && armed->arms == removed.path) unwatch(armed->arms_kind, removed.path);
        }
    }
    watches_.end(removed.path, client_errc::watch_ended);
}

/// A removal of the session's own is not asked for again as it is: what it would remove may be wanted by now. Nor is it known any
/// more that a lasting watch is there, which a one-shot one that was asked for behind the removal may have replaced.
void session::take_back_removal(const request& r) {
    const auto& given_up = static_cast<const removal_request&>(r);
    leftovers_[given_up.path] |= given_up.left & ~lasting;
    unsettled_ = true;
}

/// Arms a one-shot watch without a read. What has changed since `since` fires it at once.
void session::arm(watch_kind kind, const std::string& path, zxid since) {
    if (close_sent_) return;    // nothing may follow, and no event is told any more
    set_watches_request record;
    record.relative_zxid = since;
    (kind == watch_kind::child ? record.child : kind == watch_kind::exist ? record.exist : record.data).push_back(path);
    std::string payload;
    writer w(payload);
    request_header{0, to_wire(opcode::set_watches)}.write(w);
    record.write(w);
    auto r = housekeeping(std::move(payload));
    r->arms = path;
    r->arms_kind = kind;
    r->since_ = since;
    queued_.push_front(std::move(r));
    unarmed_.emplace(path, kind, since);
}

/// Arms all watches on a new connection, before anything else: what the user asks next may rely on them. Those that the last
/// connection has not armed are still as old as they were then, whatever was seen since.
void session::rearm_watches() {
    const zxid since = unarmed_since_.value_or(last_zxid_);
    auto batches = watches_.rearm(since, std::min(rearm_bytes, settings_.max_request), unarmed_);
    for (auto it = batches.rbegin(); it != batches.rend(); ++it) queued_.push_front(housekeeping(std::move(*it)));
    if (batches.empty()) return forget_unarmed();
    unarmed_since_ = since;
    rearming_ = batches.size();
    metrics_.watches_rearmed += watches_.size();
    tell(log_event::watches_rearmed, {}, {}, watches_.size());
}

/// A request of the session's own has succeeded. Until the last one of `rearm_watches` has, no watch is added: all are as old as
/// they were, and those that a server has armed since have told what happened meanwhile.
void session::note_armed(const request& r) {
    if (r.type_ == to_wire(opcode::remove_watches)) return;
    if (r.arms.empty()) {
        if (--rearming_ == 0) forget_unarmed();
    } else if (const auto it = unarmed_.find({r.arms, r.arms_kind, r.since_}); it != unarmed_.end()) {
        unarmed_.erase(it);
    }
}

void session::forget_unarmed() {
    unarmed_since_.reset();
    unarmed_.clear();
    rearming_ = 0;
}

}    // namespace muster::zk::proto
