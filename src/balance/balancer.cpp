// Part of muster. Boost Software License 1.0, see LICENSE.
#include <muster/balancer.hpp>

#include "balance/balancer_impl.hpp"
#include "balance/picker_impl.hpp"
#include "balance/service_description.hpp"
#include "zk/client_impl.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

namespace muster {
namespace detail {
namespace {

std::shared_ptr<balance::environment> environment_of(zk::client client, balancer_params p) {
    validate_prefix(p.prefix).value();
    auto world = zk::detail::world_of(client);
    auto env = std::make_shared<balance::environment>(std::move(client), std::move(world), std::move(p));
    runtime::notify_shutdown(env->ex, std::weak_ptr<balance::environment>(env));
    return env;
}

/// True if policy and pool do not say it all.
bool is_special(const pick_options& o, const balancer_params& p) noexcept {
    return o.custom || (p.custom && !o.policy) || !o.filters.empty() || !p.filters.empty();
}

}    // namespace

bool worth_waiting(const error_code& ec) noexcept {
    return ec == registry_errc::unknown_service || ec == registry_errc::no_instances || ec == registry_errc::no_master;
}

balancer_impl::balancer_impl(zk::client client, balancer_params p, bool owns)
    : env_(environment_of(std::move(client), std::move(p))), owns_(owns) {}

balancer_impl::entry* balancer_impl::find_locked(std::string_view service, diagnostic& why) {
    if (closed_) {
        why = diagnostic(registry_errc::closed, "the balancer is closed");
        return nullptr;
    }
    if (const auto it = services_.find(service); it != services_.end()) return &it->second;
    if (const auto valid = validate_name(service, "service name"); !valid) {
        why = valid.error();
        return nullptr;
    }
    if (const auto most = env_->params.max_services; services_.size() >= most) {
        why = diagnostic(registry_errc::too_many_services,
                         fmt::format("service '{}' would be one more than the {} that are followed, expected at most "
                                     "balancer_params::max_services of {}",
                                     service, services_.size(), most));
        return nullptr;
    }
    entry& e = services_[std::string(service)];
    e.service = std::make_shared<balance::service>(env_, std::string(service));
    asio::post(env_->strand, [s = e.service] { s->start(); });
    return &e;
}

result<std::shared_ptr<balance::service>> balancer_impl::find(std::string_view service) {
    const std::lock_guard lock(mutex_);
    diagnostic why;
    const auto* e = find_locked(service, why);
    if (!e) return why;
    return e->service;
}

lease balancer_impl::try_pick(std::string_view service, const pick_options& o, error_code& ec, std::string* message) {
    std::unique_lock lock(mutex_);
    const auto it = services_.find(service);
    entry* e = it != services_.end() && !closed_ ? &it->second : nullptr;
    if (!e) {
        diagnostic why;
        e = find_locked(service, why);
        if (!e) {
            ec = why.code;
            if (message) *message = std::move(why.message);
            return {};
        }
    }
    const bool special = is_special(o, env_->params);
    balance::hot_picker* p = special ? known_special(*e, selection_of(o)) : known_plain(*e, o);
    if (!p) [[unlikely]] {
        // Its tables may have to be built, which can take long: meanwhile others pick from other services.
        const auto what = selection_of(o);
        const auto from = e->service;
        lock.unlock();
        const auto channel = from->channel(what);
        lock.lock();
        const auto still = services_.find(service);
        if (still == services_.end()) {    // the context has been shut down
            ec = registry_errc::closed;
            return {};
        }
        p = &keep(still->second, what, channel);
    }
    return o.exclude.empty() ? p->pick(o.key, ec) : p->pick(o.key, o.exclude, ec);
}

std::optional<balance::hot_picker>& balancer_impl::plain_picker(entry& e, policy how, pool where) {
    return e.pickers[static_cast<std::size_t>(how) * pools + static_cast<std::size_t>(where)];
}

balance::hot_picker* balancer_impl::known_plain(entry& e, const pick_options& o) const {
    auto& p = plain_picker(e, o.policy.value_or(env_->params.policy), o.pool.value_or(env_->params.pool));
    return p ? &*p : nullptr;
}

balance::hot_picker* balancer_impl::known_special(entry& e, const balance::selection& what) {
    const auto same = std::find_if(e.specials.begin(), e.specials.end(), [&what](const auto& s) { return s.what == what; });
    if (same == e.specials.end()) return nullptr;
    std::rotate(same, same + 1, e.specials.end());    // the one that was not used for the longest time goes first
    return &e.specials.back().hot;
}

balance::hot_picker& balancer_impl::keep(entry& e, const balance::selection& what, const balance::channel_ptr& c) {
    if (what.plain()) {
        auto& p = plain_picker(e, what.how, what.where);
        return p ? *p : p.emplace(c);    // another thread may have been faster
    }
    if (auto* const p = known_special(e, what)) return *p;
    if (e.specials.size() == max_specials) e.specials.erase(e.specials.begin());
    return e.specials.emplace_back(special_picker{what, balance::hot_picker(c)}).hot;
}

balance::selection balancer_impl::selection_of(const pick_options& o) const {
    balance::selection s;
    s.where = o.pool.value_or(env_->params.pool);
    if (o.custom || !o.policy) s.custom = o.custom ? o.custom : env_->params.custom;
    s.filters = o.filters.empty() ? env_->params.filters : o.filters;
    if (!s.custom) s.how = o.policy.value_or(env_->params.policy);
    return s;
}

void balancer_impl::pick(std::string service, pick_options o, asio::any_completion_handler<void(error_code, lease)> h) {
    balance::service::pick_done done(std::move(h), env_->ex);
    error_code ec;
    lease l = try_pick(service, o, ec);
    const auto wait = wait_of(o);
    if (!l && worth_waiting(ec) && wait.count() > 0) {
        if (const auto found = find(service)) {
            (*found)->wait({selection_of(o), std::move(o.key), wait, o.exclude}, std::move(done));
            return;
        }
        ec = registry_errc::closed;
    }
    done.post(ec, std::move(l));
}

void balancer_impl::until_draining(lent_instance of, asio::any_completion_handler<void(error_code)> h) {
    balance::drain_waiters::done done(std::move(h), env_->ex);
    std::shared_ptr<balance::service> from;
    {
        const std::lock_guard lock(mutex_);
        if (shut_down_) return;
        for (const auto& [name, e] : services_) {
            if (of.state && e.service->has(*of.state)) from = e.service;
        }
    }
    if (!from) return done.post(error_code(zk::client_errc::invalid_argument));
    from->until_draining(std::move(of.state), std::move(done));
}

void balancer_impl::set_subset_client(std::uint64_t number) {
    const std::lock_guard one_at_a_time(subset_mutex_);
    std::vector<std::shared_ptr<balance::service>> all;
    {
        const std::lock_guard lock(mutex_);
        env_->params.subset_client = number;    // which services read as they are made, under this mutex
        for (const auto& [name, e] : services_) all.push_back(e.service);
    }
    for (const auto& s : all) s->divide(balance::subset::of_client(env_->params.subset, number));
}

void balancer_impl::stop_services() {
    std::vector<std::shared_ptr<balance::service>> all;
    {
        const std::lock_guard lock(mutex_);
        closed_ = true;
        for (auto& [name, e] : services_) all.push_back(e.service);
    }
    for (const auto& s : all) s->stop();
}

void balancer_impl::close(asio::any_completion_handler<void(error_code)> h) {
    runtime::completion<void(error_code)> done(std::move(h), env_->ex);
    {
        const std::lock_guard lock(mutex_);
        if (shut_down_) return;
        close_waiters_.add(std::move(done));
    }
    asio::post(env_->strand, [self = shared_from_this()] {
        self->stop_services();
        if (!self->owns_) return self->close_waiters_.complete({});
        auto client = self->env_->client;
        client.close([self](error_code ec) { self->close_waiters_.complete(ec); });
    });
}

void balancer_impl::abandon() noexcept {
    {
        const std::lock_guard lock(mutex_);
        if (shut_down_) return;
    }
    asio::post(env_->strand, [self = shared_from_this()] {
        self->stop_services();
        self->env_->release_client();
    });
}

void balancer_impl::on_context_shutdown() noexcept {
    std::unordered_map<std::string, entry, hash, std::equal_to<>> services;
    {
        const std::lock_guard lock(mutex_);
        closed_ = true;
        shut_down_ = true;
        services.swap(services_);
    }
    for (auto& [name, e] : services) e.service->discard();
    close_waiters_.take();
}

}    // namespace detail

namespace {

/// What a balancer holds: closing it when it goes, while its own operations may keep the state.
struct ownership {
    std::shared_ptr<detail::balancer_impl> impl;
    explicit ownership(std::shared_ptr<detail::balancer_impl> i) noexcept : impl(std::move(i)) {}
    ownership(const ownership&) = delete;
    ownership& operator=(const ownership&) = delete;
    ~ownership() { impl->abandon(); }
};

std::shared_ptr<detail::balancer_impl> own(std::shared_ptr<detail::balancer_impl> impl) {
    runtime::notify_shutdown(impl->get_executor(), std::weak_ptr<detail::balancer_impl>(impl));
    auto owner = std::make_shared<ownership>(std::move(impl));
    auto* raw = owner->impl.get();
    return {std::move(owner), raw};
}

asio::awaitable<lease> wait_for_lease(std::shared_ptr<detail::balancer_impl> impl, std::string service, pick_options o) {
    error_code ec;
    std::string message;
    lease l = impl->try_pick(service, o, ec, &message);
    if (l) co_return l;
    if (message.empty()) message = balance::describe_pick(service, impl->selection_of(o));
    if (!detail::worth_waiting(ec)) throw boost::system::system_error(ec, message);
    auto start = [&impl](asio::any_completion_handler<void(error_code, lease)> h, std::string s, pick_options p) {
        impl->pick(std::move(s), std::move(p), std::move(h));
    };
    using token = asio::as_tuple_t<asio::use_awaitable_t<>>;
    auto [failed, found] = co_await asio::async_initiate<const token, void(error_code, lease)>(
        start, asio::as_tuple(asio::use_awaitable), std::move(service), std::move(o));
    if (failed) throw boost::system::system_error(failed, message);
    co_return std::move(found);
}

// Picks now where it can: a coroutine's frame costs by what it holds, and one that has only the lease costs half of one that
// could wait.
asio::awaitable<lease> pick_or_wait(detail::balancer_impl& impl, std::string_view service, const pick_options& o) {
    error_code ec;
    if (lease l = impl.try_pick(service, o, ec)) return balance::picked(std::move(l));
    // The state, not the ownership: a pick that waits must not keep its balancer open.
    return wait_for_lease(impl.shared_from_this(), std::string(service), o);
}

}    // namespace

balancer::balancer(asio::any_io_executor ex, zk::config cfg, balancer_params p)
    : impl_(own(std::make_shared<detail::balancer_impl>(zk::client(std::move(ex), std::move(cfg)), std::move(p), true))) {}

balancer::balancer(zk::client client, balancer_params p)
    : impl_(own(std::make_shared<detail::balancer_impl>(std::move(client), std::move(p), false))) {}

balancer::balancer(balancer&&) noexcept = default;
balancer& balancer::operator=(balancer&&) noexcept = default;
balancer::~balancer() = default;

balancer::executor_type balancer::get_executor() const noexcept { return impl_->get_executor(); }

result<lease> balancer::try_pick(std::string_view service, const pick_options& o) {
    error_code ec;
    std::string message;
    lease l = impl_->try_pick(service, o, ec, &message);
    if (l) return l;
    if (message.empty()) message = balance::describe_pick(service, impl_->selection_of(o)) + ": " + ec.message();
    return diagnostic(ec, std::move(message));
}

asio::awaitable<lease> balancer::pick(std::string_view service, const pick_options& o) {
    return pick_or_wait(*impl_, service, o);
}

asio::awaitable<lease> balancer::master(std::string_view service) { return master(service, impl_->wait_of({})); }

asio::awaitable<lease> balancer::master(std::string_view service, std::chrono::milliseconds wait) {
    return pick_or_wait(*impl_, service, of_master(wait));
}

pick_options balancer::of_master(std::chrono::milliseconds wait) {
    pick_options o;
    o.policy = policy::roundrobin;
    o.pool = pool::master;
    o.filters = {filter()};    // whoever it is
    o.wait = wait;
    return o;
}

void balancer::start_pick(asio::any_completion_handler<void(error_code, lease)> h, impl_ptr impl, std::string service,
                          pick_options o) {
    impl->pick(std::move(service), std::move(o), std::move(h));
}

void balancer::start_close(asio::any_completion_handler<void(error_code)> h, impl_ptr impl) { impl->close(std::move(h)); }

result<muster::picker> balancer::picker(std::string_view service, pick_options o) {
    const auto found = impl_->find(service);
    if (!found) return found.error();
    return muster::picker(std::make_shared<detail::picker_impl>(*found, impl_->selection_of(o), impl_->wait_of(o)));
}

std::shared_ptr<detail::lent_instance> balancer::lent(const lease& l) {
    auto of = std::make_shared<detail::lent_instance>();
    if (l) of->state = balance::node::of(l).state;
    return of;
}

void balancer::start_until_draining(asio::any_completion_handler<void(error_code)> h, impl_ptr impl,
                                    std::shared_ptr<detail::lent_instance> i) {
    impl->until_draining(*i, std::move(h));    // a copy: an operation may be started again
}

void balancer::set_subset_client(std::uint64_t number) { impl_->set_subset_client(number); }

result<change_stream> balancer::changes(std::string_view service) {
    const auto found = impl_->find(service);
    if (!found) return found.error();
    auto queue = std::make_shared<detail::change_queue>(impl_->get_executor());
    runtime::notify_shutdown(impl_->get_executor(), std::weak_ptr<detail::change_queue>(queue));
    (*found)->subscribe(queue);
    return change_stream(std::move(queue));
}

result<service_view> balancer::view(std::string_view service) {
    const auto found = impl_->find(service);
    if (!found) return found.error();
    const auto shown = (*found)->current();
    service_view v;
    v.known = shown->known;
    v.stale = shown->stale;
    if (shown->stale && shown->since.time_since_epoch().count() != 0) v.age = impl_->env().world->now() - shown->since;
    v.last_error = shown->last_error;
    for (const auto& n : shown->nodes) {
        auto& i = v.instances.emplace_back();
        i.instance = *n->seen.instance;
        i.role = n->role;
        i.path = std::string(n->seen.path);
        i.czxid = n->seen.czxid;
        i.open = n->open();
        i.successes = n->state->successes();
        i.failures = n->state->failures();
        const auto standing = n->state->standing.load(std::memory_order_relaxed);
        i.held_back = shown->holds_back(n->seen.identity);
        i.ejected = standing == balance::standing::ejected || standing == balance::standing::trial;
    }
    v.rejected = shown->rejected;
    return v;
}

result<service_description> balancer::describe(std::string_view service) {
    const auto found = impl_->find(service);
    if (!found) return found.error();
    return balance::describe((*found)->name(), *(*found)->current(), impl_->env().world->now());
}

zk::session_info balancer::session() const { return impl_->env().client.session(); }

}    // namespace muster
