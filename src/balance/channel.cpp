// Part of muster. Boost Software License 1.0, see LICENSE.
#include "balance/channel.hpp"

#include "balance/hash.hpp"

#include <utility>

namespace muster::balance {

void channel::publish(table_ptr t) {
    {
        const std::lock_guard lock(mutex_);
        table_.swap(t);
        version_.store(version_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
    }
    // What t holds now may be the last of its nodes; it is freed without the lock.
}

std::pair<table_ptr, std::uint64_t> channel::current() const {
    const std::lock_guard lock(mutex_);
    return {table_, version_.load(std::memory_order_relaxed)};
}

hot_picker::hot_picker(channel_ptr c) : channel_(std::move(c)), state_(channel_->draw_seed()) {
    std::tie(table_, version_) = channel_->current();
}

hot_picker::hot_picker(const hot_picker& o) : hot_picker(o.channel_) {}

hot_picker& hot_picker::operator=(const hot_picker& o) {
    if (this != &o) *this = hot_picker(o);
    return *this;
}

lease hot_picker::pick(std::string_view key, const tried_set& tried, error_code& ec) noexcept {
    if (channel_->version() != version_) reload();
    ec = {};
    node* n = table_->pick(state_, key, ec);
    if (n && (tried.contains(n->id) || n->state->standing.load(std::memory_order_relaxed) != standing::fine))
        n = choose_another(*n, key, &tried, ec);
    if (!n) return {};
    const std::uint64_t how = tried.contains(n->id) ? loan::last_chance : 0;
    return node::lend(*n, state_.loan | how);
}

namespace {

/// Allows who is healthy and was not tried.
class healthy_and_new final : public eligibility {
public:
    /// `hash`: of the key that alone decides; null if none does.
    healthy_and_new(pick_state& s, std::int64_t now, const std::uint64_t* hash, const tried_set* tried) noexcept
        : state_(s), now_(now), hash_(hash), tried_(tried) {}

    bool operator()(node& n) noexcept override {
        if (tried_ && tried_->contains(n.id)) return false;
        if (n.state->standing.load(std::memory_order_relaxed) == standing::fine || !n.state->shared) return true;
        // By key, so that a key does not flutter between an instance that starts and another.
        const std::uint64_t draw = hash_ ? (*hash_ ^ n.id) * 0x9e3779b97f4a7c15 : state_.random();
        const auto v = n.state->shared->health.admits(*n.state, now_, static_cast<std::uint32_t>(draw >> 48));
        refused_ |= v == health::verdict::refuse;
        return v == health::verdict::yes;
    }

    /// True if a pick is to be refused, rather than to go elsewhere.
    bool refused() const noexcept { return refused_; }

private:
    pick_state& state_;
    std::int64_t now_;
    const std::uint64_t* hash_;
    const tried_set* tried_;
    bool refused_ = false;
};

}    // namespace

// Not on the way of a usual pick.
node* hot_picker::choose_another(node& first, std::string_view key, const tried_set* tried, error_code& ec) noexcept {
    service_state* const shared = first.state->shared.get();
    const std::int64_t now = shared ? shared->clock->ticks() : 0;
    const bool keyed = table_->by_key() && !key.empty();
    const std::uint64_t hash = keyed ? hash64(key) : 0;
    const std::uint64_t* const of_key = keyed ? &hash : nullptr;

    healthy_and_new wanted(state_, now, of_key, tried);
    if (wanted(first)) return &first;
    node* other = wanted.refused() ? nullptr : table_->pick_if(state_, key, wanted);
    if (wanted.refused()) {
        ec = registry_errc::recovering;
        return nullptr;
    }
    if (other) return other;

    healthy_and_new again(state_, now, of_key, nullptr);
    other = again(first) ? &first : table_->pick_if(state_, key, again);
    if (!other) {
        if (shared && !shared->health.panics()) {
            ec = registry_errc::all_ejected;
            return nullptr;
        }
        other = &first;
    }
    return other;
}

void hot_picker::reload() noexcept { std::tie(table_, version_) = channel_->current(); }

publisher::publisher(std::uint64_t seed) noexcept : seeds_(seed) {}

channel_ptr publisher::get(const selection& s) {
    if (s.plain()) {
        channel_ptr& c = channels_[static_cast<std::size_t>(s.how)][static_cast<std::size_t>(s.where)];
        if (!c) c = std::make_shared<channel>(build(s), seeds_.random());
        return c;
    }
    std::erase_if(specials_, [](const special& each) { return each.channel.expired(); });
    for (const special& each : specials_) {
        if (each.what != s) continue;
        if (auto c = each.channel.lock()) return c;
    }
    auto c = std::make_shared<channel>(build(s), seeds_.random());
    specials_.push_back({s, c});
    return c;
}

void publisher::publish(node_list all) {
    all_ = std::move(all);
    known_ = true;
    for_each_channel([this](const selection& s, channel& c) {
        const table_ptr shown = c.current().first;
        // E.g. the normals when the master changed. An empty table does not tell why it is empty: always replaced.
        if (!shown->nodes().empty() && shown->nodes() == select(s.where, all_)) return;
        c.publish(build(s));
    });
}

void publisher::close() {
    all_.clear();
    known_ = false;
    nobody_ = registry_errc::closed;
    for_each_channel([this](const selection& s, channel& c) { c.publish(build(s)); });
}

table_ptr publisher::build(const selection& s) const { return known_ ? build_table(s, all_) : build_empty_table(nobody_); }

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
