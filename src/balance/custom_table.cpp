// Part of muster. Boost Software License 1.0, see LICENSE.
//
// Policies of the user's own.
#include "balance/hash.hpp"
#include "balance/policies.hpp"

#include <muster/custom_policy.hpp>

#include <algorithm>
#include <chrono>
#include <memory>
#include <utility>

namespace muster {
namespace balance {

class custom_table final : public table {
public:
    custom_table(node_list nodes, const custom_policy& p) : table(std::move(nodes)), all_(*this), chooser_(p.build(all_)) {}

    node* pick(pick_state& s, std::string_view key, error_code& ec) const noexcept override { return choose(s, key, 0, ec); }

    // The policy is asked for others first, then whoever stands behind a place: of the key, or a random one.
    node* pick_if(pick_state& s, std::string_view key, eligibility& e) const noexcept override {
        const node* refused = nullptr;
        for (unsigned attempt = 1; attempt <= 8; ++attempt) {
            error_code ec;
            node* const n = choose(s, key, attempt, ec);
            if (!n) return nullptr;    // it has nobody else
            if (n != refused && e(*n)) return n;
            refused = n;
        }
        const auto size = static_cast<std::uint32_t>(nodes().size());
        return first_allowed(key.empty() ? s.random_below(size) : hash64(key) % size, e);
    }

    // Where there is a key.
    bool by_key() const noexcept override { return true; }

private:
    node* choose(pick_state& s, std::string_view key, unsigned attempt, error_code& ec) const noexcept {
        s.loan = 0;
        pick_context context(s, *this, key, attempt);
        std::size_t i = pick_context::nobody;
        try {
            i = chooser_->choose(all_, context);
        } catch (...) {
            context.why_ = {};
        }
        if (i < nodes().size()) [[likely]]
            return nodes()[i].get();
        ec = context.why_ ? context.why_ : registry_errc::policy_failed;
        return nullptr;
    }

    const candidates all_;
    const std::shared_ptr<const detail::any_chooser> chooser_;
};

table_ptr make_custom(node_list nodes, const custom_policy& p) {
    try {
        return std::make_shared<custom_table>(std::move(nodes), p);
    } catch (...) {    // whatever the user's code throws
        return build_empty_table(registry_errc::policy_failed);
    }
}

}    // namespace balance

namespace {

constexpr auto relaxed = std::memory_order_relaxed;

const balance::node& node_of(const balance::table& t, std::size_t i) noexcept { return *t.nodes()[i]; }

balance::time_source* clock_of(const balance::table& t) noexcept {
    const balance::service_state* const shared = node_of(t, 0).state->shared.get();
    return shared ? shared->clock.get() : nullptr;
}

}    // namespace

std::size_t candidates::size() const noexcept { return table_->nodes().size(); }
const instance& candidates::operator[](std::size_t i) const noexcept { return *node_of(*table_, i).seen.instance; }
std::uint32_t candidates::weight(std::size_t i) const noexcept { return node_of(*table_, i).weight; }
role candidates::role(std::size_t i) const noexcept { return node_of(*table_, i).role; }
std::uint64_t candidates::id(std::size_t i) const noexcept { return node_of(*table_, i).id; }
std::uint32_t candidates::open(std::size_t i) const noexcept { return node_of(*table_, i).open(); }

std::uint32_t candidates::failures_in_row(std::size_t i) const noexcept {
    return node_of(*table_, i).state->strikes.load(relaxed);
}

std::chrono::nanoseconds candidates::latency(std::size_t i) const noexcept {
    return std::chrono::nanoseconds(static_cast<std::int64_t>(node_of(*table_, i).state->latency.load(relaxed)));
}

std::uint64_t pick_context::random() noexcept { return state_->random(); }

std::size_t pick_context::random_below(std::size_t n) noexcept {
    return n == 0 ? 0 : state_->random_below(static_cast<std::uint32_t>(std::min<std::size_t>(n, 0xFFFFFFFF)));
}

// A picker that goes round a cycle of `no_turns` would take its next pick past the table.
std::size_t pick_context::turn(std::size_t n) noexcept {
    constexpr std::size_t longest = balance::shortcut::no_turns - 1;
    return n == 0 ? 0 : state_->turn(static_cast<std::uint32_t>(std::min(n, longest)));
}

std::chrono::steady_clock::time_point pick_context::now() noexcept {
    balance::time_source* const clock = clock_of(*table_);
    return clock ? clock->now() : std::chrono::steady_clock::time_point();
}

void pick_context::time_lease() noexcept {
    if (balance::time_source* const clock = clock_of(*table_)) state_->loan = balance::loan::taken_at(clock->ticks());
}

}    // namespace muster
