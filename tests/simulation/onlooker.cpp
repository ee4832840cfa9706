// Part of muster. Boost Software License 1.0, see LICENSE.
#include "simulation/onlooker.hpp"

#include "proto_zk/path.hpp"
#include "simulation/worker.hpp"

#include <boost/asio/error.hpp>

#include <algorithm>
#include <array>
#include <set>
#include <string_view>
#include <utility>

namespace muster::sim {

using namespace std::chrono_literals;

namespace {

constexpr std::size_t most_watches = 12;
constexpr std::size_t paths_to_keep = 2;

constexpr auto created = zk::event_type::created;
constexpr auto deleted = zk::event_type::deleted;
constexpr auto data_changed = zk::event_type::data_changed;
constexpr auto children_changed = zk::event_type::children_changed;

}    // namespace

onlooker::onlooker(environment& env, std::string name, std::vector<std::string> paths)
    : actor(env, std::move(name)), paths_(std::move(paths)) {
    for (std::size_t i = 0; i != paths_to_keep; ++i) {
        std::string path = paths_[chance_.below(paths_.size())];
        // A recursive one with something below it, mostly: a worker's znodes, or those of all workers.
        while (i == 1 && path != worker::root && (path == kept_paths_.front() || chance_.percent(60)))
            path = std::string(zk::proto::parent_of(path));
        // A server that arms a one-shot watch again tells what it missed, and the client cannot know that it tells that one only.
        std::erase_if(paths_, [&](const std::string& x) { return x == path || (i == 1 && is_below(x, path)); });
        kept_paths_.push_back(std::move(path));
    }
}

// Life ---------------------------------------------------------------------------------------------------------------------

void onlooker::start() {
    if (!absent()) return;
    appear();
    newest_ = 0;
    newest_in_ = 0;
    for (std::size_t i = 0; i != paths_to_keep; ++i) {
        const auto mode = i == 0 ? zk::add_watch_mode::persistent : zk::add_watch_mode::persistent_recursive;
        keep(life_, kept_.emplace_back(kept_paths_[i], mode, env_.cluster.history()));
    }
}

void onlooker::stop() {
    if (!awake()) return;
    stopping();
    close();
}

void onlooker::forget() {
    watches_.clear();
    kept_.clear();
    asked_to_remove_.clear();
    removed_.clear();
    paused_ = false;
    vanish();
}

// One-shot watches ---------------------------------------------------------------------------------------------------------

void onlooker::act() {
    if (!awake()) return;
    if (!paths_.empty() && watches_.size() < most_watches) watch_once();
    glance();
    if (chance_.percent(10) && !watches_.empty()) watches_.pop_front();
    if (chance_.percent(5))
        remove_watches(paths_.empty() || chance_.percent(50) ? chance_.pick(kept_paths_) : chance_.pick(paths_));
    if (chance_.percent(5) && !kept_.empty()) ask_whether_watched(chance_.percent(50) ? kept_.front() : kept_.back());
}

void onlooker::watch_once() {
    const std::string path = paths_[chance_.below(paths_.size())];
    const auto life = life_;
    const auto expect = [&](auto f) { return env_.operations.expect(*home_, name_ + " watches " + path, std::move(f)); };
    const auto what = std::array{kind::exists, kind::data, kind::children}[chance_.below(3)];
    const auto session = client_->session();
    const request r{path, what, session.generation, session.connection, newest(), removals_};
    switch (what) {
        case kind::exists:
            client_->exists_and_watch(path,
                                      expect([this, life, r](error_code ec, const std::optional<zk::stat>& s, zk::watcher w) {
                                          if (life == life_) armed(r, ec, s, std::move(w));
                                      }));
            return;
        case kind::data:
            client_->get_and_watch(path, expect([this, life, r](error_code ec, const zk::get_result& got, zk::watcher w) {
                                       if (life == life_) armed(r, ec, got.stat, std::move(w));
                                   }));
            return;
        case kind::children:
            client_->children_and_watch(path,
                                        expect([this, life, r](error_code ec, const zk::children_result& got, zk::watcher w) {
                                            if (life == life_) armed(r, ec, got.stat, std::move(w));
                                        }));
            return;
    }
}

void onlooker::armed(const request& r, const error_code& ec, std::optional<zk::stat> s, zk::watcher w) {
    if (ec && w) env_.time.fail("{}: reading {} failed, and gave a watch", name_, r.path);
    if (!ec && !w) env_.time.fail("{}: {} was read without a watch", name_, r.path);
    if (ec || !running()) return;
    learn(s, r.generation);
    request asked = r;
    if (asked.generation != client_->session().generation) asked.known = 0;    // it was sent in a later session
    watches_.push_back(one_shot{std::move(asked), std::move(w), s, env_.cluster.history().size(), false, ++last_number_});
    listen(life_, std::prev(watches_.end()));
}

bool onlooker::still_connected(const one_shot& w) const { return client_->session().connection == w.asked.connection; }

/// What is wrong with the event of a one-shot watch.
std::string onlooker::judge(const one_shot& w, const zk::watch_event& e) const {
    const auto& history = env_.cluster.history();
    const bool children = w.asked.what == kind::children;
    const zk::zxid known = !w.read ? w.asked.known : children ? w.read->pzxid : std::max(w.read->czxid, w.read->mzxid);
    const std::size_t from = history.after(known);
    if (e.path != w.asked.path) return "it is of " + e.path;
    const bool fits = children ? e.type == children_changed || e.type == deleted
                      : w.read ? e.type == data_changed || e.type == deleted
                               : e.type == created;
    if (!fits) return "it has another kind of watch";
    // Who arms it again on another connection compares what is there only: created anew can pass for changed.
    const bool happened = still_connected(w) ? history.has(from, e.path, {e.type})
                          : children         ? history.has(from, e.path, {created, deleted, children_changed})
                                             : history.has(from, e.path, {created, deleted, data_changed});
    return happened ? "" : "nothing like that has happened";
}

void onlooker::listen(std::uint64_t life, std::list<one_shot>::iterator w) {
    w->watcher.next(env_.operations.await(
        *home_, name_ + " next of " + w->asked.path,
        [this, life, w, number = w->number](error_code ec, const zk::watch_event& e) {
            if (life != life_) return;
            if (std::none_of(watches_.begin(), watches_.end(), [number](const auto& x) { return x.number == number; })) return;
            if (ec == asio::error::operation_aborted) return listen(life, w);
            if (ec) {
                const bool asked = asked_to_remove_[w->asked.path] > w->asked.removals;
                if (ec == zk::client_errc::watch_ended && !w->fired && !asked) env_.time.fail("{}: a watch ended unasked", name_);
                watches_.erase(w);
                return;
            }
            ++events_;
            env_.time.note("{} sees {} {}", name_, e.path, zk::to_string(e.type));
            if (std::exchange(w->fired, true)) env_.time.fail("{}: a one-shot watch fired twice", name_);
            if (const std::string wrong = judge(*w, e); !wrong.empty())
                env_.time.fail("{}: the watch of {} told {}: {}", name_, w->asked.path, zk::to_string(e.type), wrong);
            listen(life, w);
        }));
}

/// A persistent watch that nobody keeps, of a path that is never watched again: were it not removed at the server, they would
/// become more and more.
void onlooker::glance() {
    const std::string path = "/glances/" + std::to_string(++glances_);
    const auto mode = chance_.percent(50) ? zk::add_watch_mode::persistent : zk::add_watch_mode::persistent_recursive;
    client_->add_watch(path, mode, env_.operations.expect(*home_, name_ + " glances", [](error_code, const zk::watcher&) {}));
}

// What it has read ---------------------------------------------------------------------------------------------------------

/// `generation`: of the session when the request was made. What is no more that of the same one is not learned.
void onlooker::learn(const std::optional<zk::stat>& s, std::uint64_t generation) {
    if (!s || generation != client_->session().generation) return;
    if (std::exchange(newest_in_, generation) != generation) newest_ = 0;
    newest_ = std::max({newest_, s->czxid, s->mzxid, s->pzxid});
}

/// The server of the session has applied that at least. A new session knows of nothing: it may begin at a server that is behind,
/// such as one that serves reads only.
zk::zxid onlooker::newest() const { return client_->session().generation == newest_in_ ? newest_ : 0; }

// What it knows ------------------------------------------------------------------------------------------------------------

std::string onlooker::complaint() const {
    if (!running()) return {};
    for (const auto& w : watches_) {
        if (const std::string wrong = w.fired ? "" : complaint(w); !wrong.empty()) return wrong;
        if (was_removed(w.asked.path, w.asked.removals))
            return fmt::format("{}: the watches of {} were removed, and one is left", name_, w.asked.path);
    }
    for (const auto& k : kept_) {
        const auto s = stat_of(k.path);
        if (!k.watcher || k.dirty || k.reading || k.unread) return fmt::format("{} reads {}", name_, k.path);
        if (was_removed(k.path, k.removals))
            return fmt::format("{}: the watches of {} were removed, and a persistent one is left", name_, k.path);
        // The last child that came or went is told of by both modes: by that of the path, or by its own.
        const bool same = s.has_value() == k.read.has_value() &&
                          (!s || (s->czxid == k.read->czxid && s->mzxid == k.read->mzxid && s->pzxid == k.read->pzxid));
        if (!same) {
            return fmt::format("{}: {} changed, and a persistent watch of it has not told", name_, k.path);
        }
        if (const std::string missing = k.told.missing(); !missing.empty())
            return fmt::format("{}: by the persistent watch of {} {}", name_, k.path, missing);
    }
    return {};
}

/// Whether one of a path that was asked for behind so many removals has to be gone: a later one has succeeded.
bool onlooker::was_removed(const std::string& path, std::uint64_t removals) const {
    const auto it = removed_.find(path);
    return it != removed_.end() && it->second > removals;
}

/// As the leader has it.
std::optional<zk::stat> onlooker::stat_of(const std::string& path) const {
    const auto& tree = env_.cluster.tree();
    const auto* n = tree.find(path);
    return n ? std::optional(tree.stat_of(*n)) : std::nullopt;
}

std::string onlooker::complaint(const one_shot& w) const {
    const auto s = stat_of(w.asked.path);
    const bool children = w.asked.what == kind::children;
    const bool same = s.has_value() == w.read.has_value() &&
                      (!s || (s->czxid == w.read->czxid && (children ? s->pzxid == w.read->pzxid : s->mzxid == w.read->mzxid)));
    const auto& history = env_.cluster.history();
    const bool missed = still_connected(w) && (children ? history.has(w.since, w.asked.path, {deleted, children_changed})
                                                        : history.has(w.since, w.asked.path, {created, deleted, data_changed}));
    return same && !missed ? "" : fmt::format("{}: {} changed, and a watch of it has not fired", name_, w.asked.path);
}

std::size_t onlooker::watched_paths() const {
    std::set<std::string_view> paths;
    for (const auto& w : watches_)
        if (!w.fired) paths.insert(w.asked.path);
    for (const auto& k : kept_) paths.insert(k.path);
    return paths.size();
}

void onlooker::settled() {
    if (!running()) return;
    for (auto& k : kept_) {
        k.told.caught_up();
        k.late.reset();
    }
}

}    // namespace muster::sim
