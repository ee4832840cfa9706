// Part of muster. Boost Software License 1.0, see LICENSE.
#include "balance/service.hpp"

#include "balance/balancer_impl.hpp"
#include "registry/layout.hpp"

#include <boost/asio/bind_executor.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>

#include <algorithm>
#include <optional>
#include <utility>

namespace muster::balance {
namespace {

constexpr auto longest_pause = std::chrono::seconds(1);    // between two lists that are shown, if building them takes long

registry::view_params params_of(const environment& env, const std::string& name) {
    registry::view_params p;
    p.service_path = p.layout->service_path(env.params.prefix, name);
    p.read_window = env.params.read_window;
    p.spread = env.params.spread;
    return p;
}

using instance_list = std::vector<std::shared_ptr<const registry::parsed_instance>>;

sighting sighting_of(const std::shared_ptr<const registry::parsed_instance>& i) {
    return {std::shared_ptr<const instance>(i, &i->instance), i->identity, i->path, i->stat.czxid, i->role};
}

/// Makes `was` the same as `now`, both sorted by name, and tells what was different. Who is in both is known by its pointer, and
/// not looked at.
view_difference follow(instance_list& was, const instance_list& now) {
    view_difference d;
    instance_list next;
    next.reserve(now.size());
    auto old = was.begin();
    for (const auto& i : now) {
        while (old != was.end() && *old != i && (*old)->name <= i->name) d.gone.push_back(sighting_of(*old++));
        if (old != was.end() && *old == i) {
            next.push_back(std::move(*old++));
        } else {
            d.come.push_back(sighting_of(i));
            next.push_back(i);
        }
    }
    for (; old != was.end(); ++old) d.gone.push_back(sighting_of(*old));
    was = std::move(next);
    return d;
}

subset subset_of(const environment& env) {
    if (env.params.subset_client) return subset::of_client(env.params.subset, *env.params.subset_client);
    return {env.params.subset, env.params.subset > 0 ? env.world->random() : 0};
}

/// The world's time, for leases: they may outlive everything else.
class world_clock final : public time_source {
public:
    explicit world_clock(std::shared_ptr<runtime::world> w) noexcept : world_(std::move(w)) {}
    time_point now() noexcept override { return world_->now(); }

private:
    std::shared_ptr<runtime::world> world_;
};

}    // namespace

service::service(std::shared_ptr<const environment> env, std::string name)
    : env_(std::move(env)),
      name_(std::move(name)),
      state_(
          std::make_shared<service_state>(std::make_shared<world_clock>(env_->world), env_->params.health, env_->params.threads)),
      hold_back_(env_->params.hold_back_percentage),
      members_(runtime::bounded(env_->params.remember), state_),
      timer_(env_->world->make_timer(env_->strand)),
      publisher_(env_->world->random(), subset_of(*env_)),
      exhibit_(std::make_shared<const exhibit>()) {}

// On any thread ------------------------------------------------------------------------------------------------------------

channel_ptr service::channel(const selection& what) {
    const std::lock_guard lock(mutex_);
    return publisher_.get(what);
}

exhibit_ptr service::current() const {
    const std::lock_guard lock(mutex_);
    return exhibit_;
}

void service::subscribe(std::shared_ptr<detail::change_queue> q) {
    const std::lock_guard lock(mutex_);
    std::erase_if(queues_, [](const auto& weak) { return weak.expired(); });
    if (closed_) {
        q->close();
        return;
    }
    q->show(exhibit_);
    queues_.push_back(std::move(q));
}

template <class Done>
std::uint64_t service::number(Done& done, void (service::*cancels)(std::uint64_t)) {
    std::uint64_t id = 0;
    {
        const std::lock_guard lock(mutex_);
        id = next_id_++;
    }
    if (auto slot = done.slot(); slot.is_connected()) {
        slot.assign([weak = weak_from_this(), id, cancels](asio::cancellation_type) {
            const auto self = weak.lock();
            if (self) asio::post(self->env_->strand, [self, id, cancels] { (*self.*cancels)(id); });
        });
    }
    return id;
}

void service::until_draining(boost::intrusive_ptr<node_state> of, drain_waiters::done done) {
    const auto id = number(done, &service::cancel_drain);
    asio::post(env_->strand, [self = shared_from_this(), id, of = std::move(of), done = std::move(done)]() mutable {
        if (self->stopped_ || self->ended()) return done.post(error_code(registry_errc::closed));
        self->drains_.add(id, std::move(of), std::move(done));
    });
}

void service::divide(const subset& s) {
    std::vector<plan_ptr> replaced;    // destroyed without the lock
    const std::lock_guard lock(mutex_);
    replaced = publisher_.divide(s);
}

void service::wait(pick_request r, pick_done done) {
    const auto id = number(done, &service::cancel);
    const auto deadline = env_->world->now() + runtime::bounded(r.wait);
    waiter w{hot_picker(channel(r.what), 0), std::move(r.key), r.exclude, deadline, std::move(done)};
    asio::post(env_->strand, [self = shared_from_this(), id, w = std::move(w)]() mutable {
        if (self->serve(w)) return;
        self->deadlines_.emplace(w.deadline, id);
        self->waiters_.emplace(id, std::move(w));
        self->arm();
    });
}

void service::discard() noexcept {
    std::map<std::uint64_t, waiter> waiters;
    waiters.swap(waiters_);
    deadlines_.clear();
    drains_.discard();
    stopped_ = true;
    // What belongs to the context must not outlive it.
    timer_.reset();
    driver_.reset();
    const std::lock_guard lock(mutex_);
    closed_ = true;
    publisher_.close();
}

// On the strand ------------------------------------------------------------------------------------------------------------

void service::start() {
    if (stopped_ || driver_) return;
    driver_ = std::make_unique<registry::view_driver>(env_->strand, env_->client, params_of(*env_, name_), weak_from_this());
    look_at_session();
    driver_->start();
}

void service::stop() {
    if (std::exchange(stopped_, true)) return;
    // Not only stopped: a picker may keep this service for longer than the context lives.
    driver_.reset();
    timer_.reset();
    std::vector<std::weak_ptr<detail::change_queue>> queues;
    {
        const std::lock_guard lock(mutex_);
        closed_ = true;
        publisher_.close();
        queues.swap(queues_);
    }
    for (const auto& weak : queues) {
        if (const auto q = weak.lock()) q->close();
    }
    drains_.end(registry_errc::closed);
    serve_waiters();
}

void service::on_view(const registry::view_state& s) {
    if (stopped_) return;
    to_show_ = true;
    if (s.ended || env_->world->now() >= show_at_) {
        show();
    } else {
        arm();
    }
}

void service::on_session(const zk::session_info& s) {
    if (stopped_) return;
    hold_back_.on_session(s, env_->world->now());
    arm();
}

/// Who is held back from now on, and who is not any more.
void service::tell_health(const exhibit& before, const exhibit& now) {
    const auto ticks = state_->clock->ticks();
    const auto tell = [&](const std::string& identity, bool held) {
        if (const node* n = members_.find(identity)) state_->health.hold(*n->state, held, ticks);
    };
    for (const std::string& identity : before.held_back)
        if (!now.holds_back(identity)) tell(identity, false);
    for (const std::string& identity : now.held_back) tell(identity, true);
}

void service::show() {
    to_show_ = false;
    const auto now = env_->world->now();
    look_at_session();

    const registry::view_state& latest = driver_->state();
    auto next = std::make_shared<exhibit>();
    next->known = latest.known;
    next->stale = latest.stale;
    next->since = latest.since;
    next->last_error = latest.last_error;
    bool nodes_changed = false;
    std::vector<difference> changes;
    if (latest.known) {
        view_difference d = follow(applied_, latest.instances);
        hold_back_.sift(d, members_, !latest.stale, now);
        changes = members_.apply(std::move(d.gone), std::move(d.come), now);
        nodes_changed = !changes.empty() || !current()->known;
        next->nodes = copy_of(members_.nodes());
        for (const auto& n : members_.succeeding()) append_with_predecessors(next->predecessors, n);
        next->held_back = hold_back_.all();
        tell_health(*current(), *next);
        for (const auto& r : latest.rejected) {
            auto& shown = next->rejected.emplace_back();
            shown.path = r.path;
            shown.reason = r.reason;
        }
    }

    std::vector<std::shared_ptr<detail::change_queue>> queues;
    exhibit_ptr shown = next;          // then what was shown before: it goes without the lock, when all have been told
    std::vector<plan_ptr> replaced;    // the same
    {
        const std::lock_guard lock(mutex_);
        exhibit_.swap(shown);
        if (nodes_changed) replaced = publisher_.publish(std::shared_ptr<const node_list>(next, &next->nodes));
        for (const auto& weak : queues_) {
            if (auto q = weak.lock()) queues.push_back(std::move(q));
        }
    }
    for (const auto& q : queues) q->show(next);
    for (const difference& c : changes) drains_.look_at(*c.node->state);
    if (latest.ended) drains_.end(registry_errc::closed);
    // Large tables take longer than that to build: others on this executor have their turn in between. But who was frozen
    // meanwhile has most to catch up on.
    const auto done = env_->world->now();
    const auto took = std::min<runtime::duration>(done - now, longest_pause);
    show_at_ = done + std::max<runtime::duration>(runtime::bounded(env_->params.coalesce), took);
    arm();
    if (nodes_changed || latest.ended) serve_waiters();
}

/// Completes a waiting pick, unless it is to wait on.
bool service::serve(waiter& w) {
    error_code ec;
    lease l = w.picker.pick(w.key, w.exclude, ec);
    const bool hopeless = !detail::worth_waiting(ec);
    if (!l && !hopeless && !ended() && env_->world->now() < w.deadline) return false;
    if (!l && !hopeless) ec = why_not(ec);
    w.done.post(ec, std::move(l));
    return true;
}

// Only what is shown gives a waiting pick somebody: between two changes there is no reason to try all of them.
void service::serve_waiters() {
    for (auto it = waiters_.begin(); it != waiters_.end();) {
        if (!serve(it->second)) {
            ++it;
            continue;
        }
        deadlines_.erase({it->second.deadline, it->first});
        it = waiters_.erase(it);
    }
}

void service::serve_overdue() {
    const auto now = env_->world->now();
    while (!deadlines_.empty() && deadlines_.begin()->first <= now) {
        auto overdue = waiters_.extract(deadlines_.begin()->second);
        deadlines_.erase(deadlines_.begin());
        serve(overdue.mapped());
    }
}

/// The error of a pick that waited in vain.
error_code service::why_not(const error_code& pick_error) const {
    if (driver_ && driver_->state().last_error == registry_errc::no_chroot) return registry_errc::no_chroot;
    if (pick_error != registry_errc::unknown_service) return pick_error;
    const bool reached = env_->client.session().state == zk::session_state::connected;
    // The servers have answered, and what they say is why there is nothing to pick from.
    if (driver_) {
        const error_code& e = driver_->state().last_error;
        if (e == zk::protocol_errc::frame_too_large || (reached && e.category() == zk::server_category())) return e;
    }
    return reached ? registry_errc::timed_out : registry_errc::registry_unavailable;
}

void service::cancel(std::uint64_t id) {
    auto canceled = waiters_.extract(id);
    if (canceled.empty()) return;
    waiter& w = canceled.mapped();
    deadlines_.erase({w.deadline, id});
    w.done.post(error_code(asio::error::operation_aborted), lease());
}

void service::arm() {
    auto due = to_show_ ? show_at_ : hold_back_.due();
    if (!deadlines_.empty()) due = std::min(due, deadlines_.begin()->first);
    if (due >= armed_ || stopped_) return;    // a wait that ends too early is renewed
    armed_ = due;
    timer_->expires_at(due);
    timer_->async_wait(asio::bind_executor(env_->strand, [self = shared_from_this(), number = ++wait_number_](error_code) {
        if (number != self->wait_number_ || self->stopped_) return;
        self->armed_ = time_point::max();
        self->on_timer();
    }));
}

void service::on_timer() {
    const auto now = env_->world->now();
    if (hold_back_.due() <= now) to_show_ = true;
    if (to_show_ && now >= show_at_) show();
    serve_overdue();
    arm();
}

}    // namespace muster::balance
