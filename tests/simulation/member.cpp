// Part of muster. Boost Software License 1.0, see LICENSE.
#include "simulation/member.hpp"

#include <algorithm>
#include <utility>

namespace muster::sim {

using namespace std::chrono_literals;

member::member(environment& env, std::string service, std::size_t number)
    : env_(env),
      chance_(env.time.chance(service + "/member" + std::to_string(number))),
      service_(std::move(service)),
      name_(service_ + "." + std::to_string(number)) {
    instance_ = instance("10.5." + service_.substr(service_.size() - 1) + "." + std::to_string(number + 1),
                         static_cast<std::uint16_t>(1'000 + number));
    instance_.weight = static_cast<std::uint32_t>(1 + chance_.below(5));
    if (chance_.percent(50)) instance_.unique_code = "code-of-" + name_;
}

void member::start(std::shared_ptr<shared_session> on) {
    registration r(service_, instance_);
    r.prefix = environment::prefix;
    // Short, so that those who fight calm down in time to be checked.
    r.retry_max = 1s;
    shared_ = std::move(on);
    if (shared_) {
        home_ = shared_->home;
        registrar_ = std::make_unique<registrar>(shared_->client, std::move(r));
        client_ = shared_->client;
    } else {
        home_ = env_.make_process(name_);
        client_ = env_.make_client(home_);
        registrar_ = std::make_unique<registrar>(detail::make_registrar(*client_, std::move(r), true));
    }
    phase_ = phase::running;
    told_ = {};
    env_.time.note("{} starts{}", name_, shared_ ? " on a shared session" : "");
    const auto life = ++life_;
    const auto since = env_.cluster.history().size();
    registrar_->start(env_.operations.expect(*home_, name_ + " start", [this, life, since](error_code ec) {
        if (life != life_) return;
        env_.time.note("{} started: {}", name_, ec.message());
        if (!ec) started(since);
    }));
    follow(life, 0);
}

void member::follow(std::uint64_t life, std::uint64_t seen) {
    registrar_->status_change(
        seen, env_.operations.await(*home_, name_ + " status_change", [this, life, seen](error_code ec, registration_status s) {
            if (life != life_) return;
            if (ec) return follow(life, seen);    // cancelled
            if (s.version <= seen && !s.closed) env_.time.fail("{}: status {} after {}", name_, s.version, seen);
            if (s.role != told_.role || s.path != told_.path || s.session.state != told_.session.state) {
                env_.time.note("{} is {} at '{}', session {:x} {}", name_, to_string(s.role), s.path,
                               static_cast<std::uint64_t>(s.session.id), zk::to_string(s.session.state));
            }
            told_ = s;
            if (!s.closed) follow(life, s.version);
        }));
}

void member::update() {
    if (!running() || home_->frozen()) return;
    const auto since = env_.cluster.history().size();
    auto done = [this, life = life_, number = ++updates_, since](error_code ec) {
        if (life == life_ && !ec) updated(number, since);
    };
    // What it says already is not written again, so that what a stranger writes meanwhile would pass for that.
    if (instance_.state != "draining" && chance_.percent(10)) {
        instance_.state = "draining";
        env_.time.note("{} drains", name_);
        return registrar_->drain(env_.operations.expect(*home_, name_ + " drain", std::move(done)));
    }
    instance_.weight = static_cast<std::uint32_t>(1 + chance_.below(5));
    instance_.state = chance_.percent(20) ? "draining" : "";
    instance_.metadata["release"] = std::to_string(chance_.below(1'000'000));
    env_.time.note("{} updates", name_);
    registrar_->update(instance_, env_.operations.expect(*home_, name_ + " update", std::move(done)));
}

/// Its znode stands, unless somebody has done something to it since.
void member::started(std::size_t since) const {
    const auto& history = env_.cluster.history();
    const auto all = env_.znodes_of(service_);
    const std::string root = env_.layout->service_path(environment::prefix, service_);
    const bool stands = std::any_of(all.begin(), all.end(), [this](const auto& z) { return z.identity == instance_.identity(); });
    if (stands || history.count(since, root, zk::event_type::deleted) != 0) return;
    if (history.count(since, root, zk::event_type::data_changed) != 0) return;
    env_.time.fail("{} has started, and has no znode", name_);
}

/// Its znode has what was published last, unless somebody has written to it since.
void member::updated(std::uint64_t number, std::size_t since) const {
    if (number != updates_) return;
    const auto& history = env_.cluster.history();
    const zk::zxid own = status().czxid;    // another znode may be left from a former life
    for (const auto& z : env_.znodes_of(service_)) {
        if (z.czxid != own || z.data == env_.layout->encode(instance_)) continue;
        // It may have been created with that data: then what was written since is somebody else's.
        const auto happened =
            history.count(since, z.path, zk::event_type::data_changed) + history.count(since, z.path, zk::event_type::created);
        if (happened > 1) continue;
        env_.time.fail("{} has updated its data, and {} has '{}'", name_, z.path, z.data);
    }
}

void member::stop() {
    if (!running() || home_->frozen()) return;
    env_.time.note("{} stops", name_);
    phase_ = phase::stopping;
    const auto life = life_;
    const auto registrar = [this, life] { return life == life_ ? registrar_.get() : nullptr; };
    env_.operations.close(*home_, name_ + " close", registrar, [this, life](const error_code& ec) {
        if (life == life_) stopped(ec, told_.session.id);
    });
}

void member::stopped(const error_code& ec, zk::session_id session) {
    env_.time.note("{} stopped: {}", name_, ec.message());
    const auto life = life_;
    if (ec && shared_) shared_->given_up = true;
    // Its znode is gone when close() completes: nothing that its session owns is left. On a shared one, nothing of its own.
    if (!ec && !shared_) {
        const auto alive = env_.cluster.sessions();
        if (std::binary_search(alive.begin(), alive.end(), session)) {
            env_.time.fail("{} has closed its session {:x}, which lives", name_, static_cast<std::uint64_t>(session));
        }
    }
    if (!ec && shared_) {
        for (const auto& z : env_.znodes_of(service_)) {
            if (z.identity != instance_.identity() || z.owner != shared_->client.session().id) continue;
            env_.time.fail("{} has deregistered, and {} stands", name_, z.path);
        }
    }
    // Not from within its own handler.
    env_.time.after(0ns, [this, life] {
        if (life == life_) forget();
    });
}

void member::crash() {
    if (phase_ == phase::absent) return;
    if (!shared_) {
        env_.faults.count(fault::process_crashed);
        env_.kill(*home_);
    }
    forget();
}

void member::forget() {
    ++life_;
    phase_ = phase::absent;
    registrar_.reset();
    client_.reset();
    told_ = {};
    if (!shared_) env_.expect_nothing_left(home_);
    home_.reset();
    shared_.reset();
}

bool member::believes_master() const { return !absent() && told_.role == role::master && registrar_->may_act_as_master(); }

std::string member::complaint() const {
    if (!running()) return {};
    const auto s = status();
    if (s.role == role::none) return fmt::format("{} is not registered: {}", name_, s.last_error.message());
    std::size_t mine = 0;
    for (const auto& z : env_.znodes_of(service_)) {
        if (z.identity != instance_.identity()) continue;
        ++mine;
        if (z.path != s.path || z.role != s.role || z.czxid != s.czxid) {
            return fmt::format("{} believes that it is at {} ({:x}), but {} ({:x}) is there", name_, s.path, s.czxid, z.path,
                               z.czxid);
        }
        if (z.owner != s.session.id) {
            return fmt::format("{} has session {:x}, but its znode {} belongs to {:x}", name_,
                               static_cast<std::uint64_t>(s.session.id), z.path, static_cast<std::uint64_t>(z.owner));
        }
        if (z.data != env_.layout->encode(instance_)) return fmt::format("{} publishes {}, not what it should", name_, z.data);
    }
    if (mine != 1) return fmt::format("{} has {} znodes", name_, mine);
    if (s.version != told_.version) return fmt::format("{} was told of status {}, and it is {}", name_, told_.version, s.version);
    return {};
}

}    // namespace muster::sim
