// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include <muster/error.hpp>
#include <muster/instance.hpp>

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace muster {

namespace balance {
class custom_table;
class pick_state;
class table;
}    // namespace balance

/// The instances that a policy of the user's chooses from, by index: what is published of them, and how they fare now.
///
/// They are those of one group, sorted by identity, and stay the same for as long as the chooser that sees them. A group is of a
/// pool (the normals and the master are two groups of `pool::normals_then_master`) and a filter, or of the client's subset of it
/// (`balancer_params::subset`); who drains or starts is in groups apart.
/// \par Thread safety
/// Distinct objects: safe. Same object: safe. What changes is read without a lock: each number stands for itself.
/// \par Object lifetimes
/// Valid during the call that it is passed to, and what it refers to as long as the chooser that was made for it.
/// Precondition of all members that take one: the index is less than `size()`.
class candidates {
public:
    /// How many there are; never 0.
    std::size_t size() const noexcept;

    // What does not change.
    const muster::instance& operator[](std::size_t i) const noexcept;
    std::uint32_t weight(std::size_t i) const noexcept;    ///< 1 to `max_weight`; `instance::weight` is as it was published.
    muster::role role(std::size_t i) const noexcept;
    std::uint64_t id(std::size_t i) const noexcept;    ///< A hash of the identity, the same on every client; for hash policies.

    // What does.
    std::uint32_t open(std::size_t i) const noexcept;               ///< Leases that are out.
    std::uint32_t failures_in_row(std::size_t i) const noexcept;    ///< Since the last success.
    /// What a call takes, peaks first: see `policy::peakewma`. 0: unknown. Learned from leases that were timed, which are those
    /// of `peakewma`, some of `p2c`, and those for which a policy called `pick_context::time_lease`.
    std::chrono::nanoseconds latency(std::size_t i) const noexcept;

private:
    friend class balance::custom_table;
    explicit candidates(const balance::table& t) noexcept : table_(&t) {}

    const balance::table* table_;
};

/// One pick: what it was asked with, and what a policy needs besides the candidates. Nothing of it allocates or locks.
class pick_context {
public:
    /// What no index is: nobody is picked.
    static constexpr std::size_t nobody = std::numeric_limits<std::size_t>::max();

    /// `pick_options::key`; may be empty.
    std::string_view key() const noexcept { return key_; }

    /// 0; then 1, 2 ... within the same pick when the instance that was chosen before is not to be had: ejected, or tried in vain
    /// before. A policy that decides by the key alone gives the next one for it; one that draws or rotates need not look at this.
    unsigned attempt() const noexcept { return attempt_; }

    /// 64 random bits, from the picker's own generator.
    std::uint64_t random() noexcept;
    /// Uniform in [0, n), n up to 2^32 - 1, for which greater ones are taken; 0 if `n` is 0.
    std::size_t random_below(std::size_t n) noexcept;
    /// The position of this picker in a cycle of `n`, which then moves on by one. It starts anywhere and is kept in proportion
    /// when `n` changes, as `policy::roundrobin`'s. `n` goes up to 2^32 - 2, for which greater ones are taken. 0 if `n` is 0.
    std::size_t turn(std::size_t n) noexcept;

    /// Monotonic time. Reads the clock, which costs more than most picks: some 25 ns.
    std::chrono::steady_clock::time_point now() noexcept;
    /// Has the lease timed, so that `candidates::latency` learns from it. Reads the clock, now and when the lease is returned.
    void time_lease() noexcept;

    /// Picks nobody, and gives the caller `why`: `return pick.refuse(registry_errc::key_required);`. Of the error codes only
    /// `registry_errc::{no_instances, no_master, unknown_service}` make `co_await pick` wait for a change of the service.
    std::size_t refuse(error_code why) noexcept {
        why_ = why;
        return nobody;
    }

private:
    friend class balance::custom_table;
    pick_context(balance::pick_state& s, const balance::table& t, std::string_view key, unsigned attempt) noexcept
        : state_(&s), table_(&t), key_(key), attempt_(attempt) {}

    balance::pick_state* state_;
    const balance::table* table_;
    std::string_view key_;
    unsigned attempt_;
    error_code why_;
};

/// Chooses: gives the index of an instance.
///
/// It is called for each pick, by any thread and by several at once, so it must not write to itself without atomics; per-picker
/// state is `pick_context::turn` and `random`. To keep what picks cost it should neither allocate nor lock, and must not use the
/// balancer, the picker or a lease.
///
/// An index out of range, `pick_context::nobody` without `refuse`, or an exception picks nobody: the pick gives
/// `registry_errc::policy_failed`.
template <class T>
concept chooser = std::move_constructible<T> && requires(const T& t, const candidates& all, pick_context& pick) {
    { t(all, pick) } -> std::convertible_to<std::size_t>;
};

/// Prepares a chooser for one list of instances: tables, sums of weights, whatever a pick should not compute again.
///
/// It is called once for each list: for each service and pool that it is used for, and each group there (see `candidates`), and
/// anew for a group to which instances come, which instances leave or where they are updated, also since
/// `balancer::set_subset_client` was called; never for ejections. The chooser is destroyed when the last picker has moved on to a
/// later list. It runs on the balancer's strand, in the call that first uses the policy for a service, or in that of
/// `set_subset_client`, with a lock of that service held: it must not use the balancer; picks from other services go on. If it
/// throws, picks give `registry_errc::policy_failed` until the list changes.
template <class T>
concept chooser_builder = std::move_constructible<T> && requires(const T& t, const candidates& all) {
    { t(all) } -> chooser;
};

namespace detail {

struct any_chooser {
    virtual ~any_chooser() = default;
    virtual std::size_t choose(const candidates& all, pick_context& pick) const = 0;
};

template <chooser T>
struct chooser_of final : any_chooser {
    explicit chooser_of(T t) : call(std::move(t)) {}
    std::size_t choose(const candidates& all, pick_context& pick) const override {
        return static_cast<std::size_t>(call(all, pick));
    }
    T call;
};

struct any_policy {
    explicit any_policy(std::string n) : name(std::move(n)) {}
    virtual ~any_policy() = default;
    virtual std::shared_ptr<const any_chooser> build(const candidates& all) const = 0;
    const std::string name;
};

/// One chooser for all lists.
template <chooser T>
struct policy_of_chooser final : any_policy {
    policy_of_chooser(std::string n, T t) : any_policy(std::move(n)), one(std::make_shared<const chooser_of<T>>(std::move(t))) {}
    std::shared_ptr<const any_chooser> build(const candidates&) const override { return one; }
    std::shared_ptr<const any_chooser> one;
};

template <chooser_builder T>
struct policy_of_builder final : any_policy {
    policy_of_builder(std::string n, T t) : any_policy(std::move(n)), builder(std::move(t)) {}
    std::shared_ptr<const any_chooser> build(const candidates& all) const override {
        return std::make_shared<const chooser_of<decltype(builder(all))>>(builder(all));
    }
    T builder;
};

}    // namespace detail

/// A policy of the user's own: a chooser, or a builder of choosers, under a name. It takes the place of a `policy` in
/// `pick_options::custom` and `balancer_params::custom`; pools, `tried_set`, ejections and leases work as with any policy.
///
///     muster::custom_policy freest("freest", [](const muster::candidates& all, muster::pick_context&) {
///         std::size_t best = 0;
///         for (std::size_t i = 1; i < all.size(); ++i)
///             if (all.open(i) < all.open(best)) best = i;
///         return best;
///     });
///
/// Keep it and use it again: copies are the same policy, and one that is made anew for each pick is prepared anew each time.
/// \par Thread safety
/// Distinct objects: safe, copies included. Same object: safe for all but assignment.
/// \par Object lifetimes
/// Balancers and pickers that use it keep what was passed to the constructor. Empty, it is no policy.
class custom_policy {
public:
    custom_policy() noexcept = default;

    /// What is both is taken for a chooser. `name` appears in messages.
    template <class T>
    requires(chooser<T> || chooser_builder<T>) custom_policy(std::string name, T how) {
        if constexpr (chooser<T>) {
            policy_ = std::make_shared<const detail::policy_of_chooser<T>>(std::move(name), std::move(how));
        } else {
            policy_ = std::make_shared<const detail::policy_of_builder<T>>(std::move(name), std::move(how));
        }
    }

    /// False if it is empty.
    explicit operator bool() const noexcept { return policy_ != nullptr; }
    /// The name it was given; of an empty one, empty.
    std::string_view name() const noexcept { return policy_ ? std::string_view(policy_->name) : std::string_view(); }

    /// True for copies of the same one.
    friend bool operator==(const custom_policy&, const custom_policy&) = default;

    /// \private
    std::shared_ptr<const detail::any_chooser> build(const candidates& all) const { return policy_->build(all); }

private:
    std::shared_ptr<const detail::any_policy> policy_;
};

}    // namespace muster
