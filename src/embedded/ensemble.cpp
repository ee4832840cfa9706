// Part of muster. Boost Software License 1.0, see LICENSE.
#include "embedded/ensemble.hpp"

#include "embedded/chance.hpp"
#include "embedded/ensemble_impl.hpp"
#include "embedded/server_impl.hpp"

#include <boost/assert.hpp>

#include <algorithm>
#include <utility>

namespace muster::embedded {
namespace {

using std::chrono::milliseconds;

settings completed(settings s) {
    s.tick = std::max(s.tick, milliseconds(1));
    if (s.min_session_timeout <= milliseconds(0)) s.min_session_timeout = s.tick * 2;
    if (s.max_session_timeout <= milliseconds(0)) s.max_session_timeout = s.tick * 20;
    s.container_check_interval = std::max(s.container_check_interval, milliseconds(1));
    return s;
}

std::uint64_t number_from(std::uint64_t seed) noexcept { return next_random(seed); }

}    // namespace

ensemble::impl::impl(settings s, std::size_t n, std::uint64_t seed, time_point now, std::chrono::system_clock::time_point wall)
    : config(completed(std::move(s))),
      secret(number_from(seed)),
      committed(config.extended_types),
      open_sessions(config.tick, secret),
      leader(0),
      judge_(config, committed),
      start_(now),
      now_(now),
      wall_(std::chrono::floor<milliseconds>(wall.time_since_epoch()).count()),
      epoch_(n > 1 ? 1 : 0),
      zxid_(epoch_ << 32),
      last_check_(now) {
    BOOST_ASSERT(n > 0);
    committed.set_last_zxid(zxid_);
    for (std::size_t i = 0; i < n; ++i) {
        // As Apache's server composes ids: the server, then time, then zeros to count in.
        const std::uint64_t time = (static_cast<std::uint64_t>(wall_) ^ number_from(seed + 1)) << 24 >> 8;
        const std::uint64_t first = static_cast<std::uint64_t>(i + 1) << 56 | (time & 0x00ffffffffff0000U);
        servers.push_back(std::unique_ptr<server>(new server(std::make_unique<server::impl>(*this, i, first))));
        servers.back()->impl_->synchronize(committed, entry_);
    }
}

ensemble::impl::~impl() = default;

transaction ensemble::impl::begin(zk::session_id session) {
    transaction t;
    t.zxid = ++zxid_;
    t.time = wall_ + std::chrono::floor<milliseconds>(now_ - start_).count();
    t.session = session;
    return t;
}

std::uint64_t ensemble::impl::commit(transaction t) {
    committed.set_last_zxid(t.zxid);
    if (on_commit) on_commit(t);
    const auto shared = std::make_shared<const transaction>(std::move(t));
    ++entry_;
    for (const auto& s : servers)
        if (s->impl_->up && !s->impl_->isolated && !s->impl_->is_stale()) s->impl_->deliver(entry_, shared, now_);
    return entry_;
}

ensemble::impl::verdict ensemble::impl::propose(zk::session_id session, zk::proto::opcode type, std::string_view body,
                                                const identities& who) {
    const bool unused_before = next_check().has_value();
    transaction t = begin(session);
    verdict v;
    v.result = judge_.judge(type, body, who, t);
    if (t.on_session == transaction::effect::session_closed) open_sessions.close(session);
    // The checks go on where the last one was due, as if there had always been something to look after.
    if (!unused_before) last_check_ += (now_ - last_check_) / config.container_check_interval * config.container_check_interval;
    v.entry = commit(std::move(t));
    return v;
}

std::uint64_t ensemble::impl::open_session(zk::session_id id, milliseconds timeout, std::size_t server) {
    transaction t = begin(id);
    t.on_session = transaction::effect::session_opened;
    open_sessions.open(id, timeout, server, now_);
    return commit(std::move(t));
}

std::uint64_t ensemble::impl::refuse(zk::session_id session) { return commit(begin(session)); }

bool ensemble::impl::expire(zk::session_id id) {
    // Without a leader nobody can decide that. Who is alone will lead itself, and finds it when it is up to date again.
    if ((!leader && servers.size() > 1) || !open_sessions.knows(id)) return false;
    transaction t = begin(id);
    judge_.close_session(t);
    open_sessions.close(id);
    commit(std::move(t));
    return true;
}

void ensemble::impl::flush() {
    for (const auto& s : servers) s->impl_->flush();
}

bool ensemble::impl::has_majority() const {
    const auto joined =
        std::count_if(servers.begin(), servers.end(), [](const auto& s) { return s->impl_->up && !s->impl_->isolated; });
    return static_cast<std::size_t>(joined) > servers.size() / 2;
}

void ensemble::impl::reconsider(bool elected) {
    const auto joined = [](const server& s) { return s.impl_->up && !s.impl_->isolated; };
    if (leader && (!joined(*servers[*leader]) || !has_majority())) leader.reset();
    for (const auto& s : servers) {
        server::impl& one = *s->impl_;
        if (!one.up) {
            one.serve(service::none, elected);
        } else if (leader && joined(*s)) {
            if (elected || one.is_stale()) one.synchronize(committed, entry_);
            one.serve(one.told_read_only ? service::read_only : service::full, elected);
        } else {
            one.cut_off();
            one.serve(one.told_read_only || config.read_only_mode ? service::read_only : service::none, elected);
        }
    }
}

/// True while the only server is to behave as one that has lost its quorum: whoever led would be elsewhere, and nothing changes.
bool ensemble::impl::stands_still() const noexcept { return servers.size() == 1 && servers.front()->impl_->told_read_only; }

void ensemble::impl::tell_read_only(server::impl& s, bool on) {
    const bool stood_still = stands_still();
    s.told_read_only = on;
    if (stood_still && !stands_still()) {    // as behind an election
        open_sessions.touch_all(now_);
        last_check_ = now_;
    }
    reconsider();
}

void ensemble::impl::elect(std::optional<std::size_t> who) {
    leader = who;
    const bool possible = who && servers[*who]->impl_->up && !servers[*who]->impl_->isolated && has_majority();
    if (possible) {
        zxid_ = ++epoch_ << 32;
        committed.set_last_zxid(zxid_);
        open_sessions.touch_all(now_);
        last_check_ = now_;
    } else {
        leader.reset();
    }
    reconsider(true);
}

std::optional<time_point> ensemble::impl::next_check() const {
    if (!leader || stands_still() || (committed.containers().empty() && committed.ttls().empty())) return std::nullopt;
    return last_check_ + config.container_check_interval;
}

std::optional<time_point> ensemble::impl::deadline() const {
    std::optional<time_point> first = next_check();
    const auto sooner = [&](std::optional<time_point> t) {
        if (t && (!first || *t < *first)) first = t;
    };
    if (leader && !stands_still()) sooner(open_sessions.next_expiry());
    for (const auto& s : servers) sooner(s->impl_->next_due());
    return first;
}

void ensemble::impl::tick() {
    for (const auto& s : servers) s->impl_->tick(now_);
    if (!leader || stands_still()) return;
    for (const zk::session_id id : open_sessions.expired(now_)) expire(id);
    if (const auto check = next_check(); check && *check <= now_) {
        last_check_ += (now_ - last_check_) / config.container_check_interval * config.container_check_interval;
        delete_unused();
    }
}

// Candidates are chosen first and deleted one by one, each in a transaction of its own.
void ensemble::impl::delete_unused() {
    const std::int64_t wall = wall_ + std::chrono::floor<milliseconds>(now_ - start_).count();
    std::vector<std::string> unused;
    for (const auto& path : committed.containers()) {
        const znode& n = *committed.find(path);
        if (!n.children.empty()) continue;
        const bool was_used = n.creations > 0;
        const std::int64_t limit = config.container_never_used.count();
        if (was_used || (limit > 0 && wall - n.mtime > limit)) unused.push_back(path);
    }
    for (const auto& path : committed.ttls()) {
        const znode& n = *committed.find(path);
        if (n.children.empty() && wall - n.mtime > (n.owner & max_ttl)) unused.push_back(path);
    }
    for (const auto& path : unused) {
        transaction t = begin(0);
        judge_.delete_unused(path, t);
        commit(std::move(t));
    }
}

ensemble::ensemble(settings s, std::size_t servers, std::uint64_t seed, time_point now,
                   std::chrono::system_clock::time_point wall)
    : impl_(std::make_unique<impl>(std::move(s), servers, seed, now, wall)) {}

ensemble::~ensemble() = default;

std::size_t ensemble::size() const noexcept { return impl_->servers.size(); }
server& ensemble::at(std::size_t i) { return *impl_->servers.at(i); }
const server& ensemble::at(std::size_t i) const { return *impl_->servers.at(i); }
std::optional<time_point> ensemble::deadline() const { return impl_->deadline(); }

void ensemble::tick(time_point now) {
    impl_->set_time(now);
    impl_->tick();
    impl_->flush();
}

bool ensemble::expire_session(zk::session_id id, time_point now) {
    impl_->set_time(now);
    const bool known = impl_->expire(id);
    impl_->flush();
    return known;
}

std::vector<zk::session_id> ensemble::session_ids() const { return impl_->open_sessions.ids(); }

void ensemble::elect(std::optional<std::size_t> leader, time_point now) {
    impl_->set_time(now);
    impl_->elect(leader);
    impl_->flush();
}

std::optional<std::size_t> ensemble::leader() const noexcept { return impl_->leader; }

void ensemble::isolate(std::size_t i, bool cut_off, time_point now) {
    impl_->set_time(now);
    at(i).impl_->isolated = cut_off;
    impl_->reconsider();
    if (size() == 1 && !cut_off && at(i).impl_->up && !impl_->leader) impl_->elect(0);
    impl_->flush();
}

void ensemble::set_lag(std::size_t i, milliseconds lag) { at(i).impl_->lag = lag; }

void ensemble::crash(std::size_t i, time_point now) {
    impl_->set_time(now);
    at(i).impl_->up = false;
    at(i).impl_->cut_off();
    impl_->reconsider();
    impl_->flush();
}

void ensemble::restart(std::size_t i, time_point now) {
    impl_->set_time(now);
    at(i).impl_->up = true;
    impl_->reconsider();
    if (size() == 1 && !at(i).impl_->isolated && !impl_->leader) {
        // A single server goes on where it was; the sessions it finds get their whole timeouts.
        impl_->leader = 0;
        impl_->open_sessions.touch_all(now);
        impl_->reconsider();
    }
    impl_->flush();
}

const tree& ensemble::leader_tree() const noexcept { return impl_->committed; }

void ensemble::on_commit(std::function<void(const transaction&)> f) { impl_->on_commit = std::move(f); }

}    // namespace muster::embedded
