// Part of muster. Boost Software License 1.0, see LICENSE.
//
// How tables reach those who pick: one writer publishes, each reader compares one number.
#pragma once

#include <muster/lease.hpp>

#include "balance/plan.hpp"

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

namespace muster::balance {

/// The current plan of one selection of one service. All members may be called from any thread.
class channel {
public:
    /// `seed`: pickers get their random numbers from it.
    channel(plan_ptr first, std::uint64_t seed) noexcept : plan_(std::move(first)), seeds_(seed) {}

    /// Gives the plan that was shown before.
    plan_ptr publish(plan_ptr p);

    /// Changes with each `publish`.
    std::uint64_t version() const noexcept { return version_.load(std::memory_order_acquire); }

    /// The current plan, and its version.
    std::pair<plan_ptr, std::uint64_t> current() const;

    /// A seed; another one each time.
    std::uint64_t draw_seed() noexcept {
        return pick_state::scrambled(seeds_.fetch_add(pick_state::step, std::memory_order_relaxed));
    }

    /// A number for `pick_state::stripe`; the next one each time.
    std::uint32_t draw_stripe() noexcept { return stripes_.fetch_add(1, std::memory_order_relaxed); }

private:
    mutable std::mutex mutex_;
    plan_ptr plan_;
    std::atomic<std::uint64_t> version_{1};
    std::atomic<std::uint64_t> seeds_;
    std::atomic<std::uint32_t> stripes_{0};
};

using channel_ptr = std::shared_ptr<channel>;

/// Picks from a channel. One per thread; a copy stands somewhere else and draws other random numbers.
class hot_picker {
public:
    explicit hot_picker(channel_ptr c);
    /// One that counts in that stripe, and draws none: it picks once or twice, and those who pick all the time need them.
    hot_picker(channel_ptr c, std::uint32_t stripe);
    hot_picker(const hot_picker& o);
    hot_picker& operator=(const hot_picker& o);
    hot_picker(hot_picker&&) noexcept = default;
    hot_picker& operator=(hot_picker&&) noexcept = default;
    ~hot_picker() = default;

    /// Picks now. An empty lease, and `ec` set, if there is nobody: unknown_service, no_instances, no_master, key_required,
    /// all_ejected, recovering, closed, or what a custom policy gives. `ec` is cleared otherwise.
    lease pick(std::string_view key, error_code& ec) noexcept {
        // With a shortcut there is nothing to call, and so nothing to be kept over a call.
        if (channel_->version() != version_) return choose(key, nullptr, ec);
        if (state_.goes_round(shortcut_.length)) return pass_on(shortcut_.at_turn(state_.next_of(shortcut_.length)), key, ec);
        if (shortcut_.draws != 0) return pass_on(*shortcut_.nodes[state_.random_below(shortcut_.draws)], key, ec);
        if (shortcut_.ahead) return choose_ahead(key, ec);
        return choose(key, nullptr, ec);
    }

    /// The same, one that is not in `tried`; if there is none, one that is, and the lease says so.
    ///
    /// Where nobody of the plan's first table is to be had, the next ones are tried in turn.
    lease pick(std::string_view key, const tried_set& tried, error_code& ec) noexcept { return choose(key, &tried, ec); }

    /// The channel it picks from.
    const channel_ptr& source() const noexcept { return channel_; }

private:
    static constexpr std::uint32_t no_stripe = 0xFFFFFFFF;

    void reload() noexcept;
    lease choose(std::string_view key, const tried_set* tried, error_code& ec) noexcept;
    lease choose_ahead(std::string_view key, error_code& ec) noexcept;
    lease pass_on(node& n, std::string_view key, error_code& ec) noexcept {
        ec = {};
        if (n.state->standing.load(std::memory_order_relaxed) != standing::fine) [[unlikely]]
            return lend_another(n, key, nullptr, ec);
        return node::lend(n, 0, state_.stripe);
    }
    lease lend_another(node& first, std::string_view key, const tried_set* tried, error_code& ec) noexcept;
    node* choose_another(node& first, std::string_view key, const tried_set* tried, error_code& ec) noexcept;

    class search;

    channel_ptr channel_;
    plan_ptr plan_;                   // null before the first pick
    const table* table_ = nullptr;    // the plan's first
    shortcut shortcut_;               // of that
    std::uint64_t version_ = 0;       // of the plan; no channel has 0
    pick_state state_;
};

/// All channels of one service, for its writer. A selection that nobody asked for costs nothing, nor does a custom one that
/// nobody uses any more.
class publisher {
public:
    /// Until the first `publish`, picks give `unknown_service`.
    explicit publisher(std::uint64_t seed, subset s = {}) noexcept;

    /// The channel of `s`; builds its tables when it is asked for first.
    channel_ptr get(const selection& s);
    channel_ptr get(policy p, pool q) { return get(selection{p, q}); }

    /// Rebuilds the tables whose nodes changed. `all` is what `membership::nodes()` gives, shared with others who hold it, since
    /// to copy a list touches all of its nodes. Gives the plans that were shown before, for the same reason: they are best
    /// destroyed when everybody has been told.
    std::vector<plan_ptr> publish(std::shared_ptr<const node_list> all);

    /// From now on another part of the service is used. Gives what `publish` gives.
    std::vector<plan_ptr> divide(subset s);

    /// From now on picks give `closed`.
    void close();

private:
    static constexpr std::size_t pools = 4;

    plan_ptr make(const selection& s) const;
    std::vector<plan_ptr> renew();
    template <class Function>
    void for_each_channel(Function f);

    pick_state seeds_;
    subset subset_;
    registry_errc nobody_ = registry_errc::unknown_service;    // why, while known_ is false
    bool known_ = false;
    std::shared_ptr<const node_list> all_;                                 // while known_
    std::array<std::array<channel_ptr, pools>, policy_count> channels_;    // of plain selections

    struct special {
        selection what;
        std::weak_ptr<balance::channel> channel;
    };
    std::vector<special> specials_;
};

}    // namespace muster::balance
