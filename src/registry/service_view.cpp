// Part of muster. Boost Software License 1.0, see LICENSE.
#include "registry/service_view.hpp"

#include <muster/error.hpp>

#include <algorithm>
#include <utility>

namespace muster::registry {
namespace {

// A list that is too large is likely to be so again, and each time its bytes come in front of what others have asked for. Nor is
// it likely that we may read at once what we might not.
constexpr std::chrono::milliseconds hopeless_retry_max = std::chrono::minutes(1);

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

using names = std::set<std::string, std::less<>>;

/// The first behind `last`, or of all. `from` is not empty.
names::const_iterator in_turn(const names& from, const std::string& last) {
    const auto next = from.upper_bound(last);
    return next != from.end() ? next : from.begin();
}

}    // namespace

service_view::service_view(view_params p, time_point now)
    : layout_(std::move(p.layout)),
      path_(std::move(p.service_path)),
      window_(std::max<std::size_t>(p.read_window, 1)),
      max_data_(std::min(p.max_data, layout_->max_data())),
      chroot_(p.chroot),
      spread_(std::max(p.spread, std::chrono::milliseconds(0))),
      retry_(p.retry_min, p.retry_max),
      list_retry_(p.retry_min, std::max(p.retry_max, hopeless_retry_max)),
      forbidden_retry_(p.retry_min, std::max(p.retry_max, hopeless_retry_max)) {
    state_.since = now;
}

bool service_view::take_changed() noexcept { return std::exchange(changed_, false); }

void service_view::changed() noexcept {
    changed_ = true;
    ++state_.version;
}

std::optional<service_view::time_point> service_view::wake_at() const noexcept {
    if (!connected_ || watch_ == watch_state::adding || retry_at_) return connected_ ? retry_at_ : std::nullopt;
    const bool asks = outstanding_.size() < window_;    // else a reply comes first
    std::optional<time_point> first = reread_at_;
    for (const auto& at : {list_ == list_state::dirty ? list_retry_at_ : std::nullopt, forbidden_retry_at_}) {
        if (asks && at && (!first || *at < *first)) first = at;
    }
    return first;
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
    if (list_ == list_state::dirty && (!list_retry_at_ || now >= *list_retry_at_)) {
        list_ = list_state::reading;
        for (auto& [name, m] : members_) m.created_since_list = false;
        gone_since_list_.clear();
        ask a = make(parent_watch_ ? what::parent : what::list, parent_watch_ ? request::kind::exists : request::kind::children,
                     path_);
        a.what.watch = !recursive_;
        return a;
    }
    if (forbidden_retry_at_ && now >= *forbidden_retry_at_) ask_forbidden_again();
    if (dirty_.empty()) return std::nullopt;
    // In turn, so that those that change all the time do not keep the others from being read.
    const std::string name = std::move(dirty_.extract(in_turn(dirty_, last_read_)).value());
    last_read_ = name;
    member& m = members_[name];
    m.reading = true;
    m.again = false;
    m.outdated = false;
    std::string child = path_ + "/" + name;
    ask a = m.oversize ? make(what::size, request::kind::exists, std::move(child), name)
                       : make(what::child, request::kind::get, std::move(child), name);
    a.what.watch = !recursive_;
    return a;
}

void service_view::list_again() {
    // One that is put off, being too large, keeps no departure from being shown.
    if (list_arrival_ == 0 && !list_retry_at_) arriving_.insert(list_arrival_ = ++last_arrival_);
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
    const bool known = members_.contains(name);
    member& m = members_[name];
    // Anew: what is known of it ended with its deletion, though the reply to a read from before is still on its way.
    const bool arrives = !known || (created && std::exchange(m.gone, false));
    if (arrives) arriving_.insert(m.arrival = ++last_arrival_);
    m.created_since_list = m.created_since_list || created;
    m.again = m.reading;
    if (!m.reading) dirty_.insert(name);
}

/// As many as may be asked at a time, in turn: somebody may have put many of them there. With the next reply those that are left
/// are put off again.
void service_view::ask_forbidden_again() {
    forbidden_retry_at_.reset();
    for (std::size_t n = std::min(window_, forbidden_.size()); n != 0; --n) {
        last_forbidden_ = *in_turn(forbidden_, last_forbidden_);
        if (!members_.at(last_forbidden_).reading) dirty_.insert(last_forbidden_);
    }
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
    // Drawn without a connection the moment may have passed, for all clients, when there is one again.
    resync_owed_ = !connected_;
    if (resync_owed_) return;
    if (spread_.count() == 0 || state_.instances.empty()) return everything_dirty();
    const auto bound = static_cast<std::uint64_t>(std::chrono::microseconds(spread_).count());
    if (!reread_at_) reread_at_ = now + std::chrono::microseconds(random % bound);
}

void service_view::behind(time_point now) {
    if (state_.stale) return;
    state_.stale = true;
    state_.since = now;
    changed();
}

void service_view::fail(const error_code& ec, time_point now, std::uint64_t random) {
    report(ec, now);
    // Many reads fail together: that counts as one failure.
    if (!retry_at_) retry_at_ = now + retry_.next(random);
}

void service_view::report(const error_code& ec, time_point now) {
    behind(now);
    if (state_.last_error == ec) return;
    state_.last_error = ec;
    changed();
}

void service_view::settle() {
    const bool watched = !recursive_ || watch_ == watch_state::armed;
    // Not "nothing is dirty": an instance that changes all the time would keep everybody from being seen.
    const bool read = root_ == root_state::fine && arriving_.empty() && owed_.empty();
    if (!state_.stale || !connected_ || reread_at_ || !watched || !read) return;
    if (listed() || list_retry_at_) retry_.reset();
    if (!listed()) return;
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
            behind(now);
            read_again(now, random);
        } else if (reconnected && (!recursive_ || resync_owed_)) {
            // Where the watch has told of the reconnection before we heard of the loss, it will not tell again.
            read_again(now, random);
        }
        retry_at_.reset();
        return settle();
    }
    if (connected_ && s == zk::session_state::suspended) resync_owed_ = recursive_ && watch_ == watch_state::armed;
    connected_ = false;
    reread_at_.reset();             // whatever brings the connection back draws anew,
    forbidden_retry_at_.reset();    // and reads these, too
    if (zk::is_final(s) && !std::exchange(state_.ended, true)) changed();
    behind(now);
}

void service_view::on_watch_end(time_point now, std::uint64_t random) {
    if (!recursive_) return;    // one-shot watches end with their session, which is told apart
    if (watch_ == watch_state::armed) watch_ = watch_state::none;
    behind(now);
    read_again(now, random);
}

void service_view::on_event(zk::event_type type, std::string_view path, time_point now, std::uint64_t random) {
    if (type == zk::event_type::resync) {
        behind(now);
        return read_again(now, random);
    }
    if (path == path_) {
        // Its data is nothing to us. Who asks for the list each time that somebody writes there may never get it in peace.
        if (type == zk::event_type::data_changed && !parent_watch_) return;
        parent_watch_ = false;
        return list_again();
    }
    if (!path.starts_with(path_) || path[path_.size()] != '/') return;
    const std::string name(path.substr(path_.size() + 1));
    if (name.find('/') != std::string::npos) return;    // below a child
    if (type == zk::event_type::deleted && recursive_) {
        // A list on its way may still name it. Of instances their own read tells then, but odd children are not read.
        if (layout_->role_of(name) == role::none && (list_ == list_state::reading || list_ == list_state::reading_again))
            gone_since_list_.insert(name);
        const auto it = members_.find(name);
        if (it == members_.end()) return;
        if (it->second.reading) {
            // The reply on its way may be from before: read once more, and show nothing until then.
            it->second.again = true;
            it->second.outdated = true;
            it->second.gone = true;
            it->second.good.reset();
            it->second.reason.clear();
            depart(name);
            // Who comes and goes all the time must not keep others in the view that went, nor the view stale: what was owed of it
            // is answered.
            owed_.erase(name);
            arrived(it->second.arrival);
        } else {
            remove(name);
        }
        return settle();
    }
    child_dirty(name, type == zk::event_type::created);
}

void service_view::remove(const std::string& name) {
    dirty_.erase(name);
    owed_.erase(name);
    no_longer_forbidden(name, false);
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
