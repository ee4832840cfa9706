// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include <muster/detail/stripe.hpp>
#include <muster/error.hpp>
#include <muster/instance.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace muster {

/// In which way a call failed.
///
/// | class | p2c, peakewma, leastconnect | ejection |
/// |---|---|---|
/// | `unreachable`, `failed` | avoid the instance until one of the few picks that still try it succeeds | counts |
/// | `overloaded` | the same | does not count: the instance answers, and knows best |
/// | `cancelled` | nothing is learned | does not count |
///
/// The other policies do not ask how an instance fares; they obey ejections only.
enum class failure_class {
    unreachable,    ///< Not connected: refused, no route, timed out. What is counted apart, since it is not the instance's
                    ///< answer.
    failed,         ///< Connected, and then it broke off, or answered that it cannot.
    overloaded,     ///< It refused the work for lack of capacity.
    cancelled,      ///< The caller gave up for reasons of its own. As `canceled()`.
};

/// The class of an error of the system or of Asio: operation_canceled is `cancelled`; connection_refused, host_unreachable,
/// network_unreachable, network_down, timed_out and what looking up a name gives are `unreachable`; no_buffer_space and
/// resource_unavailable_try_again are `overloaded`; all others, those of other categories too, are `failed`.
failure_class classify(const error_code& ec) noexcept;

/// An instance on loan. Counts as one open request of that instance until it is returned.
///
/// Return it with `success()`, `failure(ec)` or `canceled()`; only the first of these counts, and the call is timed up to it.
/// Destroyed without a word, or assigned over, it is *abandoned*: the load is released and nothing is learned of the instance.
/// \par Thread safety
/// Distinct objects: safe. One object: unsafe.
/// \par Object lifetimes
/// The instance stays valid and unchanged as long as the lease exists, also when the instance, the picker or the balancer is
/// long gone. An empty lease (default constructed or moved from) has no instance.
class lease {
public:
    lease() noexcept = default;
    lease(lease&& o) noexcept : taken_(std::exchange(o.taken_, nullptr)), loan_(std::exchange(o.loan_, 0)) {}
    lease& operator=(lease&& o) noexcept {
        lease t(std::move(o));
        std::swap(taken_, t.taken_);
        std::swap(loan_, t.loan_);
        return *this;
    }
    ~lease() {
        if (!taken_) return;
        if (loan_ & balance::loan::open)
            abandon();
        else if (taken_->give_up(balance::stripe::reference))
            given_up();
    }

    /// True if there is an instance.
    bool valid() const noexcept { return taken_ != nullptr; }
    explicit operator bool() const noexcept { return valid(); }

    /// The instance. Precondition: `valid()`.
    const instance& operator*() const noexcept { return *taken_->shown; }
    const instance* operator->() const noexcept { return &**this; }

    /// What the instance was for its service when it was picked. Precondition: `valid()`.
    muster::role role() const noexcept;

    /// Transaction that created the znode it was picked from. For a master this is its fencing token: a later master has a
    /// greater one. Precondition: `valid()`.
    std::int64_t czxid() const noexcept;

    /// True if all instances that the pick had to choose from were in its `tried_set`, and this one is again. Precondition:
    /// `valid()`.
    bool last_chance() const noexcept;

    /// True while the instance is in the view of the balancer that lent it, be it under another znode or with other data; it may
    /// have ended all the same. False from when the balancer saw it go until it comes back, within `balancer_params::remember`;
    /// what comes back later is another instance for this lease. Who is held back counts as registered. Precondition: `valid()`.
    bool still_registered() const noexcept;
    /// True if the instance asks for no more work, with `instance::state` `draining`, or is not registered any more: connections
    /// to it are to be given up as soon as what they carry is done. `balancer::until_draining` waits for that. Precondition:
    /// `valid()`.
    bool draining() const noexcept;

    /// The call to the instance succeeded. Returns the loan; the instance remains readable.
    void success() noexcept {
        // Neither timed nor on trial nor counted for a bound: then there is no more to do, unless the instance has failed.
        if (loan_ != balance::loan::open || taken_->outcomes->failing.load(std::memory_order_relaxed) != 0) return succeed();
        loan_ = 0;
        taken_->give_back_after_success();
    }
    /// The same, and the instance reported how much of its capacity is used: 0 idle, 1 all. `p2c` and `peakewma` count a lease
    /// of an instance that reports u as 1 / (1 - u) leases, until it reports something else.
    void success(double load) noexcept;
    /// The call failed with `ec`, of which the class is guessed by `classify`: not to be called where `ec` is no error, which
    /// would count as a failure. Returns the loan.
    void failure(const error_code& ec) noexcept;
    /// The call failed, and the caller knows in which way. Returns the loan.
    void failure(failure_class why) noexcept;
    /// The caller gave up for reasons of its own. Returns the loan, nothing is learned.
    void canceled() noexcept;

private:
    friend struct balance::node;
    friend class tried_set;
    lease(balance::stripe* s, std::uint64_t loan) noexcept : taken_(s), loan_(loan) {}
    inline bool take_back() noexcept;
    void succeed() noexcept;
    void abandon() noexcept;
    void given_up() noexcept;

    balance::stripe* taken_ = nullptr;    // counts this lease, and holds the instance for it
    std::uint64_t loan_ = 0;              // see balance::loan
};

/// The instances that a request was sent to in vain, so that the next pick takes another. By identity: an instance that is
/// promoted or registers again stays in it. Beyond `capacity` the oldest goes.
class tried_set {
public:
    static constexpr std::size_t capacity = 8;

    /// Adds the instance of `l`; nothing if that is empty.
    void insert(const lease& l) noexcept;
    /// Forgets all.
    void clear() noexcept { size_ = next_ = 0; }
    /// How many there are; never more than `capacity`.
    std::size_t size() const noexcept { return size_; }
    /// True if there are none.
    bool empty() const noexcept { return size_ == 0; }

    /// \private
    bool contains(std::uint64_t id) const noexcept {
        return std::find(ids_.begin(), ids_.begin() + static_cast<std::ptrdiff_t>(size_), id) !=
               ids_.begin() + static_cast<std::ptrdiff_t>(size_);
    }

private:
    std::array<std::uint64_t, capacity> ids_{};
    std::size_t size_ = 0;
    std::size_t next_ = 0;
};

}    // namespace muster
