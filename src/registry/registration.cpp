// Part of muster. Boost Software License 1.0, see LICENSE.
//
// What to do next, and how sessions, watches and the user change what is known. Replies are in registration_replies.cpp.
#include "registry/registration.hpp"

#include <muster/error.hpp>

#include <algorithm>
#include <utility>

namespace muster::registry {
namespace {

constexpr std::size_t sessions_remembered = 16;

/// A znode begins with version 0, and few are written to this often between two requests of ours.
constexpr int mark_writes = 16;

std::string identity_of(const layout& l, const std::string& service_path, const std::string& data) {
    // Read back rather than taken from the instance: what others will see is what was encoded.
    const auto parsed = l.parse(service_path, "master", data, zk::stat{});
    return parsed ? parsed->identity : std::string();
}

}    // namespace

registration::registration(registration_params p, const instance& i)
    : p_(std::move(p)), master_path_(p_.layout->master_path(p_.service_path)), retry_(p_.retry_min, p_.retry_max) {
    update(i);
}

void registration::update(const instance& i) {
    data_ = p_.layout->encode(i);
    identity_ = identity_of(*p_.layout, p_.service_path, data_);
    if (std::find(identities_.begin(), identities_.end(), identity_) == identities_.end()) identities_.push_back(identity_);
}

/// Whose it is where the session does not tell.
bool registration::says_us(const std::string& path, const reply& r) const {
    const auto parsed = p_.layout->parse(p_.service_path, std::string_view(path).substr(path.rfind('/') + 1), r.data, *r.stat);
    return parsed && std::find(identities_.begin(), identities_.end(), parsed->identity) != identities_.end();
}

bool registration::former(zk::session_id owner) const noexcept {
    return std::find(former_.begin(), former_.end(), owner) != former_.end();
}

void registration::on_watch(watch w) {
    if (w == watch::own && own_) own_->verified = false;
    if (w == watch::master) master_ = master_state::unknown;
}

void registration::on_session(zk::session_state state, zk::session_id id) {
    switch (state) {
        case zk::session_state::connected:
            // Nothing is asked again on a reconnect: the watches stand, and what they missed they tell.
            if (id != session_)
                change_session(id);
            else if (connected_)
                missed();    // a suspension was not told of
            connected_ = true;
            break;
        case zk::session_state::connecting:
        case zk::session_state::suspended:
            connected_ = false;
            missed();
            break;
        case zk::session_state::expired:
            connected_ = false;
            change_session(0);
            break;
        case zk::session_state::closed:
        case zk::session_state::auth_failed:
            connected_ = false;
            if (id != 0 && id != session_) change_session(id);    // of which nothing else was heard
            left_behind_ = may_stand();
            gone_ = true;
            own_.reset();
            break;
    }
}

/// Events may have been missed. Nothing is asked again for that alone. But where something is to be written, a version proves
/// nothing any more: another's znode at the same path can have the same.
void registration::missed() {
    if (own_) own_->current = false;
    if (!own_ && master_ == master_state::present) master_ = master_state::taken;
    uncheck_strays();
}

void registration::change_session(zk::session_id id) {
    const auto leave = [this](zk::session_id s) {
        if (s == 0 || former(s)) return;
        former_.push_front(s);
        if (former_.size() > sessions_remembered) former_.pop_back();
    };
    leave(session_);
    session_ = id;
    // A create can complete in a session that we hear of only now: its znode stays ours.
    if (own_ && own_->owner != id && (id != 0 || own_->owner == 0 || former(own_->owner))) {
        leave(own_->owner);
        lose(true);
    }
    if (own_) own_->verified = false;
    master_ = master_state::unknown;
    promotion_ = {};
    uncheck_strays();
    if (search_) start_search(search_->normals);
    retry_at_ = {};
    retry_.reset();
}

registration::step registration::wait(time_point at) {
    step s;
    s.what = step::kind::wait;
    s.at = at;
    return s;
}

registration::step registration::ask(purpose p, request r, watch arms) {
    outstanding_ = p;
    asked_in_ = session_;
    sent_path_ = r.path;
    step s;
    s.what = step::kind::ask;
    r.watch = arms != watch::none;
    s.ask = std::move(r);
    s.arms = arms;
    return s;
}

/// Looks whether a znode is ours; whose data it has matters only where the session does not tell.
registration::step registration::look(purpose p, std::string path) {
    return ask(p, request(p_.shared ? request::kind::get : request::kind::exists, std::move(path)));
}

registration::step registration::next(time_point now) {
    if (closing_ != removal::none) return next_close(now);
    if (gone_ || !connected_) return {};
    if (now < retry_at_) return wait(retry_at_);
    if (search_) return next_search();
    if (!strays_ready()) return next_stray();
    if (!own_) return next_register(now);
    // The master first: where a promotion's outcome is unknown, it tells.
    const bool normal = own_->role == role::normal;
    if (normal && (master_ == master_state::unknown || master_ == master_state::taken)) return read_master();
    const bool differs = own_->data != data_;
    if (!own_->verified || (differs && !own_->current)) {
        return ask(purpose::read_own, request(request::kind::get, own_->path), watch::own);
    }
    if (!strays_.empty()) return next_stray();

    if (differs && now >= fight_until_) {
        request r(request::kind::set, own_->path);
        r.data = sent_data_ = data_;
        r.version = own_->version;
        if (own_->path == master_path_) {
            blind_write_ = data_;
            blind_czxid_ = own_->czxid;
        }
        return ask(purpose::set_data, std::move(r));
    }
    step s;
    if (normal && master_ == master_state::absent) s = next_promotion(now);
    if (differs && s.what == step::kind::idle) return wait(fight_until_);
    if (differs && s.what == step::kind::wait) s.at = std::min(s.at, fight_until_);
    if (s.what == step::kind::idle) {    // all is as it should be
        retry_.reset();
        last_error_ = {};
    }
    return s;
}

registration::step registration::next_close(time_point now) {
    const bool all = closing_ == removal::all;
    if (all && own_) {
        if (own_->owner == 0) own_->owner = session_;
        lose(true);
    }
    std::erase_if(strays_, [](const stray& s) { return s.other_start; });    // it was to be replaced, not to be removed
    if (gone_ || !(all ? search_ || !strays_.empty() : former_left())) {
        step s;
        s.what = step::kind::done;
        return s;
    }
    if (!connected_) return {};
    if (now < retry_at_) return wait(retry_at_);
    return search_ ? next_search() : next_stray();
}

registration::step registration::next_stray() {
    for (stray& s : strays_) {
        if (s.checked) continue;
        if (!strays_synced_) return ask(purpose::sync_strays, request(request::kind::sync, p_.service_path));
        return look(purpose::check_stray, s.path);
    }
    for (stray& s : strays_) {
        if (!s.ready()) return mark(s);
    }
    request r(request::kind::remove, strays_.front().path);
    r.version = strays_.front().version;
    return ask(purpose::remove_stray, std::move(r));
}

/// What has no owner that is ours goes when its session ends, and another's znode can take its place on the way of a request:
/// with the same version, since every znode begins with 0. ZooKeeper has no condition on the czxid, but a write tells it: so
/// the version is raised first, to where no other stands, and the znode is deleted only if it was this one that was raised.
registration::step registration::mark(stray& s) {
    request r(request::kind::multi, s.path);
    auto version = static_cast<std::uint32_t>(s.version);    // wraps, as ZooKeeper's does
    for (int left = mark_writes; left != 0; --left) {
        r.ops.set(s.path, left == 1 ? data_ : std::string(), static_cast<std::int32_t>(version++));
    }
    blind_write_ = data_;
    blind_czxid_ = s.czxid;
    return ask(purpose::mark_stray, std::move(r));
}

registration::step registration::next_search() {
    switch (search_->at) {
        // The server that answers now may be behind the one that applied the request.
        case search::stage::sync:
            return ask(purpose::search_sync, request(request::kind::sync, p_.service_path));
        case search::stage::list:
            return ask(purpose::search_list, request(request::kind::children, p_.service_path));
        case search::stage::probe:
            break;
    }
    return look(purpose::search_probe, search_->paths.back());
}

registration::step registration::next_register(time_point now) {
    if (!parents_.empty()) return ask(purpose::create_parent, request(request::kind::create, parents_.front()));
    const auto at_master = [this](const stray& s) { return s.path == master_path_; };
    if (std::any_of(strays_.begin(), strays_.end(), at_master)) return create(purpose::create_master);
    switch (master_) {
        case master_state::unknown:
        case master_state::absent:
            return create(purpose::create_master);
        case master_state::taken:
            return read_master();
        case master_state::present:
            break;
    }
    const bool ghost = former(master_owner_);
    if (!ghost && !master_is_me_) return create(purpose::create_normal);
    // Our start before this one left it, or another process has our identity. The latter takes it back: then slow down.
    if (!ghost && now < fight_until_) return wait(fight_until_);
    add_stray(master_path_, master_czxid_, master_owner_).other_start = !ghost;
    return next_stray();
}

registration::step registration::create(purpose p) {
    const bool master = p == purpose::create_master;
    const std::string path = master ? master_path_ : p_.layout->normal_prefix(p_.service_path);
    const auto mode = master ? zk::create_mode::ephemeral : zk::create_mode::ephemeral_sequential;
    sent_data_ = data_;
    request r(request::kind::create, path);
    if (strays_.empty()) {
        r.data = data_;
        r.mode = mode;
        return ask(p, std::move(r));
    }
    // Whoever watches sees these in order. What we leave goes after we have come, so that nobody misses us in between; only what
    // is in our place has to go first.
    r.what = request::kind::multi;
    for (stray& s : strays_) {
        s.in_flight = true;
        if (s.path == path) r.ops.remove(s.path, s.version);
    }
    create_at_ = r.ops.operations().size();
    r.ops.create(path, data_, mode);
    for (const stray& s : strays_) {
        if (s.path != path) r.ops.remove(s.path, s.version);
    }
    return ask(p, std::move(r));
}

registration::step registration::read_master() {
    return ask(purpose::read_master, request(request::kind::get, master_path_), watch::master);
}

registration::step registration::next_promotion(time_point now) {
    if (!promotion_.ranked && drawn_rank_) rank_is(static_cast<std::int64_t>(*drawn_rank_), now);
    if (!promotion_.ranked) return ask(purpose::rank, request(request::kind::children, p_.service_path));
    if (now < promotion_.at) return wait(promotion_.at);
    if (!promotion_.rechecked) return read_master();
    request r(request::kind::multi, master_path_);
    sent_data_ = data_;
    r.ops.create(master_path_, data_, zk::create_mode::ephemeral).remove(own_->path, own_->version);
    return ask(purpose::promote, std::move(r));
}

void registration::lose(bool stray_left) {
    if (stray_left) add_stray(own_->path, own_->czxid, own_->owner);
    own_.reset();
    promotion_ = {};
}

registration::stray& registration::add_stray(std::string path, zk::zxid czxid, zk::session_id owner) {
    strays_synced_ = false;
    std::erase_if(strays_, [&path](const stray& s) { return s.path == path; });
    stray& s = strays_.emplace_back();
    s.path = std::move(path);
    s.czxid = czxid;
    s.owner = owner;
    return s;
}

bool registration::creating() const noexcept {
    return outstanding_ == purpose::create_master || outstanding_ == purpose::create_normal || outstanding_ == purpose::promote;
}

/// Whether there may be a znode that `close` would remove.
bool registration::may_stand() const noexcept {
    return own_ || search_ || creating() ||
           std::any_of(strays_.begin(), strays_.end(), [](const stray& s) { return !s.other_start; });
}

bool registration::former_left() const noexcept {
    if ((creating() && asked_in_ != session_) || (search_ && search_->former)) return true;
    const auto of_former = [this](const stray& s) { return !s.other_start && s.owner != session_; };
    return std::any_of(strays_.begin(), strays_.end(), of_former);
}

bool registration::strays_ready() const noexcept {
    return std::all_of(strays_.begin(), strays_.end(), [](const stray& s) { return s.ready(); });
}

void registration::uncheck_strays() {
    for (stray& s : strays_) s.checked = false;
    strays_synced_ = false;
}

void registration::start_search(bool normals) {
    const bool both = normals || (search_ && search_->normals);
    const bool former = asked_in_ != session_ || (search_ && search_->former);
    search_.emplace();
    search_->normals = both;
    search_->former = former;
}

void registration::fail(const error_code& ec, time_point now, std::uint64_t random) {
    last_error_ = ec;
    ++failures_;
    uncheck_strays();
    retry_at_ = now + retry_.next(random);
}

void registration::fight(time_point now, std::uint64_t random) {
    // Once is an accident and repaired at once. The other one waits as long as we do: a longer peace is the end of it.
    if (fights_ > 0 && now - fought_at_ >= std::max(4 * fight_bound_, p_.retry_max)) {
        fights_ = 0;
        fight_bound_ = {};
    }
    fought_at_ = now;
    if (fights_++ == 0) return;
    constexpr unsigned doublings = 6;    // beyond `retry_max`, so that two processes with one identity calm down
    fight_bound_ = std::clamp(fight_bound_ * 2, p_.retry_min, p_.retry_max * (1 << doublings));
    const auto bound = static_cast<std::uint64_t>(std::chrono::microseconds(fight_bound_).count());
    fight_until_ = now + std::chrono::microseconds(bound / 2 + random % (bound / 2 + 1));
    last_error_ = registry_errc::conflict;
}

}    // namespace muster::registry
