// Part of muster. Boost Software License 1.0, see LICENSE.
#include "registry/service_view.hpp"

#include <muster/error.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace muster::registry {
namespace {

/// Puts, replaces or removes the element of `key` in a sorted vector. True if that changed anything.
template <class T, class Key>
bool place(std::vector<T>& v, const std::string& key, Key key_of, std::optional<T> value) {
    const auto it = std::lower_bound(v.begin(), v.end(), key, [&](const T& x, const std::string& k) { return key_of(x) < k; });
    const bool there = it != v.end() && key_of(*it) == key;
    if (there && value && *it == *value) return false;
    if (there && value) *it = std::move(*value);
    if (there && !value) v.erase(it);
    if (!there && value) v.insert(it, std::move(*value));
    return there || value.has_value();
}

}    // namespace

service_view::service_view(view_params p, time_point now)
    : layout_(std::move(p.layout)),
      path_(std::move(p.service_path)),
      window_(std::max<std::size_t>(p.read_window, 1)),
      chroot_(p.chroot),
      spread_(std::max(p.spread, std::chrono::milliseconds(0))),
      retry_(p.retry_min, p.retry_max) {
    state_.since = now;
}

bool service_view::take_changed() noexcept { return std::exchange(changed_, false); }

void service_view::changed() noexcept {
    changed_ = true;
    ++state_.version;
}

std::optional<service_view::time_point> service_view::wake_at() const noexcept {
    if (!connected_ || retry_at_) return connected_ ? retry_at_ : std::nullopt;
    return watch_ == watch_state::adding ? std::nullopt : reread_at_;
}

service_view::ask service_view::make(what kind, request::kind r, std::string path, std::string child) {
    ask a;
    a.id = ++last_id_;
    a.what = request(r, std::move(path));
    outstanding o;
    o.kind = kind;
    o.child = std::move(child);
    outstanding_.emplace(a.id, std::move(o));
    return a;
}

std::optional<service_view::ask> service_view::next(time_point now) {
    if (!connected_) return std::nullopt;
    if (retry_at_ && now < *retry_at_) return std::nullopt;
    retry_at_.reset();
    if (recursive_ && watch_ == watch_state::none) {
        watch_ = watch_state::adding;
        return make(what::watch, request::kind::add_watch, path_);
    }
    if (watch_ == watch_state::adding) return std::nullopt;
    if (reread_at_ && now >= *reread_at_) everything_dirty();
    if (outstanding_.size() >= window_) return std::nullopt;
    if (root_ == root_state::owed) {
        root_ = root_state::reading;
        return make(what::root, request::kind::exists, "/");
    }
    if (list_ == list_state::dirty) {
        list_ = list_state::reading;
        for (auto& [name, m] : members_) m.created_since_list = false;
        ask a = make(parent_watch_ ? what::parent : what::list, parent_watch_ ? request::kind::exists : request::kind::children,
                     path_);
        a.what.watch = !recursive_;
        return a;
    }
    if (dirty_.empty()) return std::nullopt;
    // In turn, so that those that change all the time do not keep the others from being read.
    auto turn = dirty_.upper_bound(last_read_);
    if (turn == dirty_.end()) turn = dirty_.begin();
    const std::string name = std::move(dirty_.extract(turn).value());
    last_read_ = name;
    member& m = members_[name];
    m.reading = true;
    m.again = false;
    m.outdated = false;
    ++reading_;
    std::string child = path_ + "/" + name;
    ask a = m.oversize ? make(what::size, request::kind::exists, std::move(child), name)
                       : make(what::child, request::kind::get, std::move(child), name);
    a.what.watch = !recursive_;
    return a;
}

void service_view::list_again() {
    if (list_arrival_ == 0) arriving_.insert(list_arrival_ = ++last_arrival_);
    if (list_ == list_state::clean) list_ = list_state::dirty;
    if (list_ == list_state::reading) list_ = list_state::reading_again;
}

void service_view::child_dirty(const std::string& name, bool created) {
    if (layout_->role_of(name) == role::none) {
        const auto [at, arrives] = members_.try_emplace(name);
        member& m = at->second;
        m.created_since_list = m.created_since_list || created;
        if (!arrives) return;
        m.reason = layout_->parse(path_, name, {}, zk::stat{}).error().message;
        return show(name);
    }
    const bool arrives = !members_.contains(name);
    member& m = members_[name];
    if (arrives) arriving_.insert(m.arrival = ++last_arrival_);
    m.created_since_list = m.created_since_list || created;
    m.again = m.reading;
    if (!m.reading) dirty_.insert(name);
}

void service_view::everything_dirty() {
    reread_at_.reset();
    list_again();
    for (const auto& [name, m] : members_) {
        child_dirty(name, false);
        if (layout_->role_of(name) != role::none) owed_.insert(name);
    }
}

/// Changes may have been missed, and other clients are likely to have missed them as well: those of a server that comes back
/// would all read at once. Who has nothing to show does not wait, since somebody may wait for that.
void service_view::read_again(time_point now, std::uint64_t random) {
    if (spread_.count() == 0 || state_.instances.empty()) return everything_dirty();
    const auto bound = static_cast<std::uint64_t>(std::chrono::microseconds(spread_).count());
    if (!reread_at_) reread_at_ = now + std::chrono::microseconds(random % bound);
}

void service_view::refresh() { everything_dirty(); }

void service_view::behind(time_point now) {
    if (state_.stale) return;
    state_.stale = true;
    state_.since = now;
    changed();
}

void service_view::fail(const error_code& ec, time_point now, std::uint64_t random) {
    behind(now);
    if (state_.last_error != ec) {
        state_.last_error = ec;
        changed();
    }
    // Whoever asks again as soon as there is a connection would break that one as well, for all who share it.
    if (ec == zk::protocol_errc::frame_too_large) breaks_connections_ = true;
    // Many reads fail together: that counts as one failure.
    if (!retry_at_) retry_at_ = now + retry_.next(random);
}

void service_view::settle() {
    const bool watched = !recursive_ || watch_ == watch_state::armed;
    // Not "nothing is dirty": an instance that changes all the time would keep everybody from being seen.
    const bool all_read = listed() && root_ == root_state::fine && arriving_.empty() && owed_.empty();
    if (!state_.stale || !connected_ || resync_owed_ || reread_at_ || !watched || !all_read) return;
    retry_.reset();
    breaks_connections_ = false;
    const bool first = !state_.known;
    state_.known = true;
    state_.stale = false;
    state_.last_error = {};
    if (first) {
        for (const auto& [name, m] : members_) show(name);
    }
    changed();
}

void service_view::on_session(zk::session_state s, zk::session_id id, time_point now, std::uint64_t random) {
    if (s == zk::session_state::connected) {
        const bool reconnected = !connected_;
        connected_ = true;
        if (id != session_) {
            session_ = id;
            watch_ = watch_ == watch_state::adding ? watch_state::adding : watch_state::none;
            resync_owed_ = false;
            behind(now);
            read_again(now, random);
        } else if (reconnected && (!recursive_ || resync_owed_)) {
            // Where the watch has told of the reconnection before we heard of the loss, it will not tell again.
            resync_owed_ = false;
            read_again(now, random);
        }
        if (!breaks_connections_) retry_at_.reset();
        return settle();
    }
    if (connected_ && s == zk::session_state::suspended) resync_owed_ = recursive_ && watch_ == watch_state::armed;
    connected_ = false;
    reread_at_.reset();    // whatever brings the connection back draws anew
    if (zk::is_final(s) && !std::exchange(state_.ended, true)) changed();
    behind(now);
}

void service_view::on_watch_end(time_point now, std::uint64_t random) {
    if (!recursive_) return;    // one-shot watches end with their session, which is told apart
    if (watch_ == watch_state::armed) watch_ = watch_state::none;
    resync_owed_ = false;
    behind(now);
    read_again(now, random);
}

void service_view::on_event(zk::event_type type, std::string_view path, time_point now, std::uint64_t random) {
    if (type == zk::event_type::resync) {
        resync_owed_ = false;
        behind(now);
        return read_again(now, random);
    }
    if (path == path_) {
        parent_watch_ = false;
        return list_again();
    }
    if (!path.starts_with(path_) || path[path_.size()] != '/') return;
    const std::string name(path.substr(path_.size() + 1));
    if (name.find('/') != std::string::npos) return;    // below a child
    if (type == zk::event_type::deleted && recursive_) {
        // A list on its way may still name it. Of instances their own read tells then, but odd children are not read.
        if (list_ == list_state::reading && layout_->role_of(name) == role::none) list_again();
        const auto it = members_.find(name);
        if (it == members_.end()) return;
        if (!it->second.reading) return remove(name);
        // The reply on its way may be from before: read once more, and show nothing until then.
        it->second.again = true;
        it->second.outdated = true;
        it->second.good.reset();
        it->second.reason.clear();
        return depart(name);
    }
    child_dirty(name, type == zk::event_type::created);
}

void service_view::on_reply(std::uint64_t id, reply r, time_point now, std::uint64_t random) {
    const auto node = outstanding_.extract(id);
    if (node.empty()) return;
    const outstanding& o = node.mapped();
    switch (o.kind) {
        case what::watch:
            watch_ = r.ec ? watch_state::none : watch_state::armed;
            if (r.ec == zk::server_errc::unimplemented) {
                recursive_ = false;
            } else if (r.ec) {
                fail(r.ec, now, random);
            }
            read_again(now, random);    // what was read before the watch stood may have changed since
            break;
        case what::list:
        case what::parent:
            if (r.ec && r.ec != zk::server_errc::no_node) {
                list_ = list_state::dirty;
                fail(r.ec, now, random);
                arrived(list_arrival_);
                break;
            }
            list_ = list_ == list_state::reading_again ? list_state::dirty : list_state::clean;
            if (chroot_ && (r.ec || (o.kind == what::parent && !r.stat))) root_ = root_state::owed;
            if (o.kind == what::list) {
                // Without the path there is no watch on its children: look for the path itself.
                if (r.ec && !recursive_) list_ = list_state::dirty;
                parent_watch_ = r.ec && !recursive_;
                listed(std::move(r));
            } else {
                parent_watch_ = false;
                if (r.stat) list_ = list_state::dirty;
            }
            if (listed()) arrived(list_arrival_);
            break;
        case what::root:
            root_read(r, now, random);
            break;
        case what::child:
        case what::size:
            child_read(o.child, std::move(r), now, random);
            break;
    }
    settle();
}

void service_view::listed(reply r) {
    std::sort(r.names.begin(), r.names.end());
    for (const std::string& name : r.names) {
        if (!members_.contains(name)) child_dirty(name, false);
    }
    for (auto it = members_.begin(); it != members_.end();) {
        const auto current = it++;
        const auto& [name, m] = *current;
        if (m.created_since_list || std::binary_search(r.names.begin(), r.names.end(), name)) continue;
        if (m.reading) continue;    // its own read will tell
        remove(std::string(name));
    }
}

void service_view::root_read(const reply& r, time_point now, std::uint64_t random) {
    root_ = r.ec ? root_state::owed : root_state::fine;
    if (!r.ec && r.stat) return;
    if (list_ == list_state::clean) list_ = list_state::dirty;    // looks again, in case somebody creates it
    fail(r.ec ? r.ec : error_code(registry_errc::no_chroot), now, random);
}

void service_view::child_read(const std::string& name, reply r, time_point now, std::uint64_t random) {
    --reading_;
    member& m = members_[name];
    m.reading = false;
    const bool gone = r.ec == zk::server_errc::no_node || (!r.ec && !r.stat);
    if (std::exchange(m.again, false)) dirty_.insert(name);
    if (r.ec && !gone && r.ec != zk::server_errc::no_auth) {
        dirty_.insert(name);
        owed_.insert(name);
        fail(r.ec, now, random);
        return arrived(m.arrival);    // or else a child that cannot be read would keep others in the view that went
    }
    if (std::exchange(m.outdated, false)) return;
    if (gone && !dirty_.contains(name)) return remove(name);
    if (gone) return;    // it was created again
    owed_.erase(name);
    if (r.ec) {
        m.good.reset();
        m.reason = fmt::format("data cannot be read ({}), expected a znode that everybody may read", r.ec.message());
        show(name);
    } else {
        parsed(name, m, r);
    }
    arrived(m.arrival);
}

void service_view::parsed(const std::string& name, member& m, const reply& r) {
    const bool was_oversize = m.oversize;
    m.oversize = static_cast<std::size_t>(std::max(r.stat->data_length, 0)) > layout_->max_data();
    if (was_oversize && m.oversize) return;    // rejected before, for the same reason
    if (was_oversize) {
        dirty_.insert(name);
        return;
    }
    if (m.good && m.good->stat == *r.stat) return;
    result<parsed_instance> p = layout_->parse(path_, name, r.data, *r.stat);
    m.good.reset();
    m.reason.clear();
    if (p)
        m.good = std::make_shared<const parsed_instance>(std::move(*p));
    else
        m.reason = p.error().message;
    show(name);
}

void service_view::remove(const std::string& name) {
    dirty_.erase(name);
    owed_.erase(name);
    member gone = std::move(members_.extract(name).mapped());
    arrived(gone.arrival);
    depart(name);
}

/// Shows a removal, but not before all that arrived earlier are shown: an instance that changes its znode, as a normal does that
/// becomes master, must not be missing in between.
void service_view::depart(const std::string& name) {
    if (arriving_.empty()) return show(name);
    departure d;
    d.after = last_arrival_;
    d.name = name;
    departures_.push_back(std::move(d));
}

/// What is known of a newcomer is shown; the departures that waited for it follow.
void service_view::arrived(std::uint64_t& number) {
    if (number == 0) return;
    arriving_.erase(std::exchange(number, 0));
    while (!departures_.empty() && (arriving_.empty() || *arriving_.begin() > departures_.front().after)) {
        const std::string name = std::move(departures_.front().name);
        departures_.pop_front();
        show(name);
    }
}

void service_view::show(const std::string& name) {
    if (!state_.known) return;
    const auto it = members_.find(name);
    std::optional<std::shared_ptr<const parsed_instance>> good;
    std::optional<rejected_child> bad;
    const std::string path = path_ + "/" + name;
    if (it != members_.end() && it->second.good) good = it->second.good;
    if (it != members_.end() && !it->second.reason.empty()) bad = rejected_child{path, it->second.reason};
    const bool a = place(
        state_.instances, name, [](const auto& p) -> const std::string& { return p->name; }, std::move(good));
    const bool b = place(
        state_.rejected, path, [](const auto& c) -> const std::string& { return c.path; }, std::move(bad));
    if (a || b) changed();
}

}    // namespace muster::registry
