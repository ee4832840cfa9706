// Part of muster. Boost Software License 1.0, see LICENSE.
#include "simulation/observer.hpp"

#include <boost/asio/error.hpp>

#include <algorithm>
#include <array>
#include <iterator>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace muster::sim {

using namespace std::chrono_literals;

// Replay -------------------------------------------------------------------------------------------------------------------

std::string replay::apply(const change& c) {
    using kind = change::kind;
    const std::string identity = c.instance.identity();
    const auto it = instances_.find(identity);
    const shown now{c.instance, c.role, c.path};
    switch (c.what) {
        case kind::added:
            if (it != instances_.end()) return identity + " was added twice";
            instances_.emplace(identity, now);
            return {};
        case kind::removed:
            if (it == instances_.end()) return identity + " was removed, and is not there";
            instances_.erase(it);
            return {};
        case kind::updated:
        case kind::role:
            if (it == instances_.end()) return identity + " changed, and is not there";
            if (c.what == kind::role && it->second.role == c.role) return identity + " got the role that it had";
            it->second = now;
            return {};
        case kind::stale:
        case kind::fresh:
            if (stale_ == (c.what == kind::stale)) return std::string(to_string(c.what)) + " was told twice";
            stale_ = !stale_;
            return {};
        case kind::rejected:
            return {};
    }
    return {};
}

// Life ---------------------------------------------------------------------------------------------------------------------

namespace {

constexpr std::array all_pools{pool::normals_then_master, pool::normals, pool::all, pool::master};

}    // namespace

// Each change of a service makes new tables for the hash policies and pools that were asked for: all of them would take nine
// tenths of the time of a run. So few observers have any, and these have one.
observer::observer(environment& env, std::string name, std::vector<std::string> services)
    : actor(env, std::move(name)), names_(std::move(services)) {
    auto own = env.time.chance("hash policy of " + name_);
    if (!own.percent(8)) return;
    std::vector<policy> some;
    std::copy_if(all_policies().begin(), all_policies().end(), std::back_inserter(some), needs_key);
    by_key_ = some[own.below(some.size())];
    by_key_from_ = all_pools[own.below(all_pools.size())];
}

void observer::start() {
    if (!absent()) return;
    appear();
    balancer_params p;
    p.prefix = environment::prefix;
    p.read_window = 1 + chance_.below(4);
    p.coalesce = std::chrono::milliseconds(chance_.percent(30) ? 0 : chance_.number(1, 50));
    p.remember = 5s;
    p.threads = 1 + chance_.below(4);
    if (chance_.percent(50)) p.hold_back_percentage = 0;
    balancer_ = std::make_unique<balancer>(*client_, p);
    paused_ = false;
    for (const auto& name : names_) {
        auto& f = services_.emplace_back();
        f.name = name;
        f.prompt = std::move(balancer_->changes(name)).value();
        f.slow = std::move(balancer_->changes(name)).value();
        f.picker_options = options();
        f.picker.emplace(balancer_->picker(name, f.picker_options).value());
    }
    for (std::size_t i = 0; i != services_.size(); ++i) {
        follow(life_, i);
        follow_slowly(life_, i);
    }
}

void observer::follow(std::uint64_t life, std::size_t service) {
    auto next = [this, life, service](error_code ec, const change& c) {
        if (life != life_) return;
        if (ec == asio::error::operation_aborted) return follow(life, service);
        if (ec) return;
        followed& f = services_[service];
        env_.time.note("{} sees {} {} in {}, {} at {}", name_, to_string(c.what), c.instance.identity(), f.name,
                       to_string(c.role), c.path);
        const std::string wrong = f.seen_promptly.apply(c);
        if (!wrong.empty()) env_.time.fail("{}: {} in {}", name_, wrong, f.name);
        if (c.what == change::kind::removed) f.left[c.instance.identity()] = env_.time.now();
        follow(life, service);
    };
    services_[service].prompt.next(env_.operations.await(*home_, name_ + " next", std::move(next)));
}

void observer::follow_slowly(std::uint64_t life, std::size_t service) {
    followed& f = services_[service];
    if (paused_ || std::exchange(f.slow_reads, true)) return;
    f.slow.next(env_.operations.await(*home_, name_ + " slow next", [this, life, service](error_code ec, const change& c) {
        if (life != life_) return;
        followed& s = services_[service];
        s.slow_reads = false;
        if (ec == asio::error::operation_aborted) return follow_slowly(life, service);
        if (ec) return;
        const std::string wrong = s.seen_slowly.apply(c);
        if (!wrong.empty()) env_.time.fail("{}: {} in {}, read late", name_, wrong, s.name);
        follow_slowly(life, service);
    }));
}

void observer::pause() {
    if (!running() || paused_) return;
    env_.faults.count(fault::slow_subscriber);
    paused_ = true;
}

void observer::resume() {
    if (!running() || !std::exchange(paused_, false)) return;
    for (std::size_t i = 0; i != services_.size(); ++i) follow_slowly(life_, i);
}

void observer::stop() {
    if (!awake()) return;
    stopping();
    const auto balancer = [this, life = life_] { return life == life_ ? balancer_.get() : nullptr; };
    env_.operations.close(*home_, name_ + " close of its balancer", balancer, [this, life = life_](const error_code&) {
        if (life == life_) close();
    });
}

void observer::forget() {
    services_.clear();
    balancer_.reset();
    client_.reset();
    leases_.clear();    // they may outlive the balancer
    vanish();
}

// Picks --------------------------------------------------------------------------------------------------------------------

pick_options observer::options() {
    pick_options o;
    do {
        o.policy = all_policies()[chance_.below(all_policies().size())];
    } while (needs_key(*o.policy) && *o.policy != by_key_);
    o.pool = needs_key(*o.policy) ? by_key_from_ : all_pools[chance_.below(all_pools.size())];
    o.key = "10.7.0." + std::to_string(chance_.below(100));
    return o;
}

void observer::act() {
    if (!awake()) return;
    for (auto& f : services_) {
        pick_now(f);
        if (chance_.percent(10)) pick_patiently(life_, f);
    }
    while (leases_.size() > 8 || (!leases_.empty() && chance_.percent(30))) {
        switch (chance_.below(4)) {
            case 0:
                leases_.front().success();
                break;
            case 1:
                leases_.front().failure(asio::error::timed_out);
                break;
            case 2:
                leases_.front().canceled();
                break;
            default:
                break;
        }
        leases_.pop_front();
    }
}

void observer::give_back() { leases_.clear(); }

void observer::pick_now(followed& f) {
    const pick_options o = options();
    error_code ec;
    lease l;
    if (chance_.percent(50)) {
        auto r = balancer_->try_pick(f.name, o);
        if (r) {
            l = std::move(*r);
        } else {
            ec = r.error().code;
        }
        check_pick(f, l, ec, o);
    } else {
        l = f.picker->try_pick(ec, o.key);
        check_pick(f, l, ec, f.picker_options);
    }
    if (l) borrow(std::move(l));
}

/// Between two events everything that was shown has been read: the prompt subscriber knows what picks know.
void observer::check_pick(const followed& f, const lease& l, const error_code& ec, const pick_options& o) {
    ++picks_;
    const auto& known = f.seen_promptly.instances();
    if (l) {
        const auto it = known.find(l->identity());
        if (it == known.end()) env_.time.fail("{} picked {} of {}, which is gone", name_, l->identity(), f.name);
        if (it->second.role != l.role() || it->second.instance != *l) {
            env_.time.fail("{} picked {} of {} as it was before", name_, l->identity(), f.name);
        }
        return check_role(f, l, o);
    }
    const auto is = [&](role r) {
        return std::any_of(known.begin(), known.end(), [r](const auto& i) { return i.second.role == r; });
    };
    const bool there = *o.pool == pool::normals ? is(role::normal) : *o.pool == pool::master ? is(role::master) : !known.empty();
    if (there) env_.time.fail("{} picked none of {} instances of {}: {}", name_, known.size(), f.name, ec.message());
}

void observer::check_role(const followed& f, const lease& l, const pick_options& o) {
    const bool fits = *o.pool == pool::normals ? l.role() == role::normal : *o.pool != pool::master || l.role() == role::master;
    if (!fits) env_.time.fail("{} picked {} of {}, a {}, from another pool", name_, l->identity(), f.name, to_string(l.role()));
}

void observer::pick_patiently(std::uint64_t life, followed& f) {
    const bool by_picker = chance_.percent(50);
    pick_options o = options();
    std::string key = o.key;
    if (by_picker) o = f.picker_options;
    o.wait = std::chrono::milliseconds(chance_.number(0, 3'000));
    auto picked = [this, life, &f, o](error_code ec, lease l) {
        if (ec && l) env_.time.fail("{}: a pick failed, and gave a lease", name_);
        if (!ec && !l) env_.time.fail("{}: a pick succeeded without a lease", name_);
        if (life != life_ || !l) return;
        // What has come at this very moment may have been picked before the subscriber reads of it, and what goes now is picked
        // before its handler runs.
        const std::string identity = l->identity();
        const auto shown = balancer_->view(f.name).value().instances;
        const auto gone = f.left.find(identity);
        const bool known =
            f.seen_promptly.instances().contains(identity) || (gone != f.left.end() && gone->second == env_.time.now()) ||
            std::any_of(shown.begin(), shown.end(), [&](const auto& i) { return i.instance.identity() == identity; });
        if (!known) env_.time.fail("{} waited for a pick of {}, and got {}, which had gone before", name_, f.name, identity);
        check_role(f, l, o);
        borrow(std::move(l));
    };
    auto done = env_.operations.expect(*home_, name_ + " pick", std::move(picked));
    if (by_picker)
        f.picker->pick(std::move(key), std::move(done));
    else
        balancer_->pick(f.name, o, std::move(done));
}

void observer::borrow(lease l) {
    if (chance_.percent(5)) {
        auto told = [this, life = life_](error_code ec) {
            if (life == life_ && ec && ec != asio::error::operation_aborted && ec != registry_errc::closed)
                env_.time.fail("{} waited for an instance to drain: {}", name_, ec.message());
        };
        balancer_->until_draining(l, env_.operations.await(*home_, name_ + " until_draining", std::move(told)));
    }
    leases_.push_back(std::move(l));
}

// What it knows ------------------------------------------------------------------------------------------------------------

std::string observer::complaint() const {
    if (!running()) return {};
    std::map<std::string, std::size_t> lent;
    for (const auto& l : leases_) ++lent[l->identity()];
    std::set<std::string> working;
    for (const auto& f : services_) {
        const service_view v = balancer_->view(f.name).value();
        if (!v.known || v.stale) return fmt::format("{} does not know {}, or its view is stale", name_, f.name);
        std::map<std::string, replay::shown> in_view;
        for (const auto& i : v.instances) {
            in_view.emplace(i.instance.identity(), replay::shown{i.instance, i.role, i.path});
            if (i.instance.state != "draining") working.insert(i.instance.identity());
            if (i.open != lent[i.instance.identity()]) {
                return fmt::format("{} counts {} leases of {}, and {} are out", name_, i.open, i.instance.identity(),
                                   lent[i.instance.identity()]);
            }
        }
        std::map<std::string, replay::shown> in_tree;
        const std::string parent = env_.layout->service_path(environment::prefix, f.name);
        for (const auto& z : env_.znodes_of(f.name)) {
            const auto parsed = env_.layout->parse(parent, z.path.substr(parent.size() + 1), z.data, zk::stat{});
            if (parsed) in_tree.emplace(parsed->identity, replay::shown{parsed->instance, parsed->role, parsed->path});
        }
        if (in_view != in_tree) return fmt::format("{}'s view of {} is not the tree", name_, f.name);
        if (f.seen_promptly.instances() != in_view || f.seen_promptly.stale()) {
            return fmt::format("{}'s changes of {} do not lead to its view", name_, f.name);
        }
        if (!paused_ && (f.seen_slowly.instances() != in_view || f.seen_slowly.stale())) {
            return fmt::format("{}'s changes of {}, read late, do not lead to its view", name_, f.name);
        }
    }
    for (const auto& l : leases_) {
        // Who was away for longer than it is remembered is another instance for the lease.
        if (!l.draining() && !working.contains(l->identity()))
            return fmt::format("{}'s lease of {} does not tell that it drains", name_, l->identity());
    }
    return {};
}

}    // namespace muster::sim
