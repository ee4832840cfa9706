// Part of muster. Boost Software License 1.0, see LICENSE.
#include "balance/channel.hpp"

#include "balance/hash.hpp"

#include <algorithm>
#include <utility>

namespace muster::balance {

plan_ptr channel::publish(plan_ptr p) {
    const std::lock_guard lock(mutex_);
    plan_.swap(p);
    version_.store(version_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
    return p;    // it may hold the last of its nodes, which are freed without the lock
}

std::pair<plan_ptr, std::uint64_t> channel::current() const {
    const std::lock_guard lock(mutex_);
    return {plan_, version_.load(std::memory_order_relaxed)};
}

hot_picker::hot_picker(channel_ptr c) : hot_picker(std::move(c), no_stripe) {}

hot_picker::hot_picker(channel_ptr c, std::uint32_t stripe) : channel_(std::move(c)), state_(channel_->draw_seed()) {
    state_.stripe = stripe;
}

hot_picker::hot_picker(const hot_picker& o) : hot_picker(o.channel_) {}

hot_picker& hot_picker::operator=(const hot_picker& o) {
    if (this != &o) *this = hot_picker(o);
    return *this;
}

// A stripe is drawn with the first pick, not with the picker: who copies pickers to and fro would leave stripes to copies that
// never pick.
void hot_picker::reload() noexcept {
    if (state_.stripe == no_stripe) state_.stripe = channel_->draw_stripe();
    std::tie(plan_, version_) = channel_->current();
    table_ = plan_->first();
    shortcut_ = table_->in_short();
}

lease hot_picker::choose(std::string_view key, const tried_set* tried, error_code& ec) noexcept {
    if (channel_->version() != version_) reload();
    ec = {};
    node* n = table_->pick(state_, key, ec);
    if (!n) return {};
    const bool passed_over = tried && tried->contains(n->id);
    if (passed_over || n->state->standing.load(std::memory_order_relaxed) != standing::fine) [[unlikely]]
        return lend_another(*n, key, tried, ec);
    return node::lend(*n, state_.loan, state_.stripe);
}

lease hot_picker::choose_ahead(std::string_view key, error_code& ec) noexcept {
    return pass_on(*shortcut_.pick(state_), key, ec);
}

lease hot_picker::lend_another(node& first, std::string_view key, const tried_set* tried, error_code& ec) noexcept {
    node* const n = choose_another(first, key, tried, ec);
    if (!n) return {};
    std::uint64_t how = state_.loan;
    if (tried && tried->contains(n->id)) how |= loan::last_chance;
    if (n->state->standing.load(std::memory_order_relaxed) == standing::trial)
        how |= loan::of_trial(n->state->health.trial.load(std::memory_order_relaxed));
    return node::lend(*n, how, state_.stripe);
}

namespace {

/// Allows who was not tried.
class anybody_new final : public eligibility {
public:
    explicit anybody_new(const tried_set& tried) noexcept : tried_(tried) {}
    bool operator()(node& n) noexcept override { return !tried_.contains(n.id); }

private:
    const tried_set& tried_;
};

/// Allows who is healthy and was not tried.
class healthy_and_new final : public eligibility {
public:
    /// `hash`: of the key that alone decides; null if none does. `panic`: where so many are ejected that it is more likely not
    /// their fault, they are allowed as well.
    healthy_and_new(const table& t, pick_state& s, std::int64_t now, const std::uint64_t* hash, const tried_set* tried,
                    bool panic) noexcept
        : table_(t), state_(&s), now_(now), tried_(tried), panic_(panic) {
        draws_.of_pick = draw_from(s.random());
        draws_.of_key = hash ? draw_from(*hash * 0x9e3779b97f4a7c15) : draws_.of_pick;
    }

    bool operator()(node& n) noexcept override {
        if (tried_ && tried_->contains(n.id)) return false;
        const standing before = n.state->standing.load(std::memory_order_relaxed);
        if (before == standing::fine || !n.state->shared) return true;
        if (before == standing::starting && spares_nobody_) return true;
        const double own = state_->own == 0 ? table_.share_of(n) : state_->own;
        const auto v = n.state->shared->health.admits(*n.state, now_, draws_for(n), panic_, own);
        refused_ |= v == health::verdict::refuse;
        spared_ |= v == health::verdict::no && before == standing::starting;
        return v == health::verdict::yes;
    }

    /// The state that the table picks with.
    void of(const pick_state& s) noexcept { state_ = &s; }

    /// True if a pick is to be refused, rather than to go elsewhere.
    bool refused() const noexcept { return refused_; }

    /// True if somebody was not allowed for its slow start only. Where nobody else is there, that is no reason: from now on it
    /// is allowed.
    bool spares() noexcept { return !std::exchange(spares_nobody_, true) && spared_; }

private:
    // Where all are looked at for the best, each has a chance of its own: together they have no more than all picks. With one for
    // all, those that start together would have the share of one.
    health::draws draws_for(const node& n) const noexcept {
        if (state_->own != 0) return draws_;
        health::draws d = draws_;
        d.of_pick = d.of_key = draw_from(pick_state::scrambled(d.of_pick ^ n.id));
        return d;
    }

    static std::uint32_t draw_from(std::uint64_t bits) noexcept { return static_cast<std::uint32_t>(bits >> 32); }

    const table& table_;
    const pick_state* state_;
    std::int64_t now_;
    // The same for all that are looked at: where all are on trial, many draws would let nearly every pick through to one of
    // them. By key where one starts, so that its keys come to it one by one. Not on trial: a key that is not drawn would never
    // find out that its instance is well again.
    health::draws draws_;
    const tried_set* tried_;
    bool panic_;
    bool refused_ = false;
    bool spared_ = false;
    bool spares_nobody_ = false;
};

/// True if somebody in `t` is neither ejected nor on trial, as far as can be seen from 256 of them.
bool anybody_well(const table& t, pick_state& s) noexcept {
    const node_list& all = t.nodes();
    std::size_t i = s.random_below(static_cast<std::uint32_t>(all.size()));
    for (std::size_t left = std::min<std::size_t>(all.size(), 256); left > 0; --left, i = i + 1 == all.size() ? 0 : i + 1) {
        const standing now = all[i]->state->standing.load(std::memory_order_relaxed);
        if (now != standing::ejected && now != standing::trial) return true;
    }
    return false;
}

}    // namespace

// Looks for somebody to be had in one table of the plan after the other.
class hot_picker::search {
public:
    search(hot_picker& p, node& first, std::string_view key) noexcept
        : picker_(p),
          first_(first),
          loan_of_first_(p.state_.loan),
          own_of_first_(p.state_.own),
          key_(key),
          shared_(first.state->shared.get()) {
        now_ = shared_ ? shared_->clock->ticks() : 0;
        panic_ = shared_ && shared_->health.in_panic(now_);
        hash_ = key.empty() ? 0 : hash64(key);
    }

    /// The node that was chosen first, after all, on the loan that was meant for it: each table leaves its own.
    node* first() noexcept {
        picker_.state_.loan = loan_of_first_;
        return &first_;
    }

    bool panics() const noexcept { return panic_; }
    bool refused() const noexcept { return refused_; }

    /// Null if there is nobody, or the pick is refused. `everybody`: in a panic those who are ejected will do in any table; else
    /// only in one where somebody is well, so that the next table has its turn before those who are known to fail.
    node* run(const tried_set* tried, bool everybody) noexcept {
        for (const table_ptr& t : picker_.plan_->tables()) {
            const bool allow = everybody || (panic_ && anybody_well(*t, picker_.state_));
            const bool keyed = t->by_key() && !key_.empty();
            healthy_and_new wanted(*t, picker_.state_, now_, keyed ? &hash_ : nullptr, tried, allow);
            node* n = look(*t, wanted);
            if (!n && !wanted.refused() && wanted.spares()) n = look(*t, wanted);
            refused_ |= wanted.refused();
            if (refused_) return nullptr;
            if (n) return n;
        }
        return nullptr;
    }

private:
    node* look(const table& t, healthy_and_new& wanted) noexcept {
        if (&t == picker_.table_) {
            picker_.state_.own = own_of_first_;
            if (wanted(first_)) return first();
            return wanted.refused() ? nullptr : t.pick_if(picker_.state_, key_, wanted);
        }
        // From anywhere: the searches through the tables before would take rotations on by the same number of turns each time.
        pick_state anywhere(picker_.state_.random());
        anywhere.stripe = picker_.state_.stripe;
        wanted.of(anywhere);
        error_code ignored;
        node* n = t.pick(anywhere, key_, ignored);
        if (n && !wanted(*n)) n = wanted.refused() ? nullptr : t.pick_if(anywhere, key_, wanted);
        picker_.state_.loan = anywhere.loan;
        return n;
    }

    hot_picker& picker_;
    node& first_;
    std::uint64_t loan_of_first_;
    double own_of_first_;
    std::string_view key_;
    service_state* shared_;
    std::int64_t now_;
    std::uint64_t hash_;
    bool panic_;
    bool refused_ = false;
};

// Not on the way of a usual pick.
node* hot_picker::choose_another(node& first, std::string_view key, const tried_set* tried, error_code& ec) noexcept {
    search s(*this, first, key);
    const bool only_one = plan_->tables().size() == 1;    // nobody else to turn to
    node* n = s.run(tried, only_one);
    if (!n && !s.refused() && s.panics() && !only_one) n = s.run(tried, true);
    if (!n && !s.refused() && tried) n = s.run(nullptr, only_one);
    if (n) return n;
    if (s.refused()) {
        ec = registry_errc::recovering;
        return nullptr;
    }
    if (first.state->shared && !first.state->shared->health.panics()) {
        ec = registry_errc::all_ejected;
        return nullptr;
    }
    if (!tried || !tried->contains(first.id)) return s.first();
    anybody_new wanted(*tried);
    n = table_->pick_if(state_, key, wanted);
    return n ? n : s.first();
}

publisher::publisher(std::uint64_t seed, subset s) noexcept : seeds_(seed), subset_(s) {}

channel_ptr publisher::get(const selection& s) {
    if (s.plain()) {
        channel_ptr& c = channels_[static_cast<std::size_t>(s.how)][static_cast<std::size_t>(s.where)];
        if (!c) c = std::make_shared<channel>(make(s), seeds_.random());
        return c;
    }
    std::erase_if(specials_, [](const special& each) { return each.channel.expired(); });
    for (const special& each : specials_) {
        if (each.what != s) continue;
        if (auto c = each.channel.lock()) return c;
    }
    auto c = std::make_shared<channel>(make(s), seeds_.random());
    specials_.push_back({s, c});
    return c;
}

std::vector<plan_ptr> publisher::publish(std::shared_ptr<const node_list> all) {
    all_ = std::move(all);
    known_ = true;
    return renew();
}

std::vector<plan_ptr> publisher::divide(subset s) {
    subset_ = s;
    return known_ ? renew() : std::vector<plan_ptr>();
}

std::vector<plan_ptr> publisher::renew() {
    std::vector<plan_ptr> replaced;
    for_each_channel([&](const selection& s, channel& c) {
        const plan_ptr shown = c.current().first;
        // Tables whose nodes are the same are kept, e.g. that of the normals when the master changed.
        if (auto next = make_plan(s, *all_, subset_, *shown)) replaced.push_back(c.publish(std::move(next)));
    });
    return replaced;
}

void publisher::close() {
    all_.reset();
    known_ = false;
    nobody_ = registry_errc::closed;
    for_each_channel([this](const selection& s, channel& c) { c.publish(make(s)); });
}

plan_ptr publisher::make(const selection& s) const {
    return known_ ? make_plan(s, *all_, subset_) : std::make_shared<const plan>(build_empty_table(nobody_));
}

template <class Function>
void publisher::for_each_channel(Function f) {
    for (std::size_t p = 0; p < channels_.size(); ++p) {
        for (std::size_t q = 0; q < channels_[p].size(); ++q) {
            if (channels_[p][q]) f(selection{static_cast<policy>(p), static_cast<pool>(q)}, *channels_[p][q]);
        }
    }
    for (const special& each : specials_) {
        if (const channel_ptr c = each.channel.lock()) f(each.what, *c);
    }
}

}    // namespace muster::balance
