// Part of muster. Boost Software License 1.0, see LICENSE.
//
// What a lease points at: one version of an instance as it was published, and the state that its versions share.
#pragma once

#include <muster/instance.hpp>
#include <muster/lease.hpp>

#include "balance/node_state.hpp"
#include "balance/stripe.hpp"

#include <boost/smart_ptr/intrusive_ptr.hpp>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace muster::balance {

struct node;

/// A reference to a node; counted in the node itself.
using node_ref = boost::intrusive_ptr<node>;

/// A list of nodes in canonical order, which is by identity.
using node_list = std::vector<node_ref>;

/// The data of an instance, and where they were found.
struct record {
    std::shared_ptr<const muster::instance> instance;    ///< Keeps alive what the other members view.
    std::string_view identity;                           ///< `instance->identity()`
    std::string_view path;                               ///< Of its znode.
    std::int64_t czxid = 0;                              ///< Transaction that created the znode.
};

/// An instance as it was seen in the registry.
struct sighting : record {
    muster::role role = role::normal;

    /// Shares what `instance_` owns; both views must point into it.
    sighting(std::shared_ptr<const muster::instance> instance_, std::string_view identity_, std::string_view path_,
             std::int64_t czxid_, muster::role role_) noexcept
        : record{std::move(instance_), identity_, path_, czxid_}, role(role_) {}

    sighting(record r, muster::role role_) noexcept : record(std::move(r)), role(role_) {}

    /// Keeps copies.
    sighting(muster::instance instance_, std::string path_, std::int64_t czxid_, muster::role role_);
};

/// One version of an instance. Immutable, but for the counters and the link to its predecessor.
///
/// `stripe::count` holds two numbers, so that each step of a lease's life is one atomic operation:
///
///     63            32 31             0
///     [ references    | open leases    ]      it holds the node until both are 0
///
///     lend               +1                   the lease keeps the node alive and counts as load
///     success, failure   +reference -1        it still keeps the node alive, but is load no longer
///     ~lease             -1 or -reference
///
/// The node is owned by the membership, by tables, and by the version that succeeds it. As long as anybody owns it, every
/// stripe has one reference more, so that none of them lets go of the node between two leases. The stripe within the node counts
/// one reference for each other one that holds the node, and when it has let go, the node is freed.
struct alignas(64) node {
    static constexpr std::uint64_t reference = stripe::reference;

    // The line that every pick touches. With stripes of their own for the threads, no lease writes it.
    stripe own;
    std::atomic<node*> predecessor{nullptr};    ///< Earlier version with leases out; owned. See drop_idle_predecessors.
    const boost::intrusive_ptr<node_state> state;
    stripe_line* const others;    ///< Those of the state if this is the first version, else its own; null if there are none.
    std::atomic<std::uint32_t> owners{0};
    const std::uint16_t weight;        ///< 1 to max_weight.
    const muster::role role;           ///< Here, since it is needed when tables are built, and `seen` is not.
    const stripe_count stripes : 7;    ///< As in `state`.
    const bool ready : 1;              ///< It takes work: it neither starts nor drains.

    // What is read through a lease only.
    alignas(64) const record seen;
    const std::uint64_t id;    ///< Hash of the identity.

    /// A first version.
    node(sighting s, service_state_ptr shared);
    /// The one that follows `previous`: it shares its state and counts its leases.
    node(sighting s, const node_ref& previous);
    node(const node&) = delete;
    node& operator=(const node&) = delete;
    ~node();

    /// A lease on `n`, counted by stripe number `s`; any number will do. The caller owns `n`, if only through the table it picks
    /// from. `loan`: what the policy left in `pick_state::loan`.
    static lease lend(node& n, std::uint64_t loan = 0, std::uint32_t s = 0) noexcept {
        stripe& by = n.stripes == 0 ? n.own : n.others[s & (n.stripes - 1U)];
        fetch_add(by.count, std::uint64_t{1});
        if (loan & loan::counted) n.state->count_bounded(true);
        return lease(&by, loan | loan::open);
    }

    /// As it was seen.
    sighting sighted() const { return {seen, role}; }

    /// What a lease was taken on. Precondition: it is not empty.
    static const node& of(const lease& l) noexcept { return *l.taken_->whose; }

    /// Leases of this version that are out.
    std::uint32_t own_open() const noexcept {
        std::uint32_t n = own.open();
        for (unsigned i = 0; i != stripes; ++i) n += others[i].open();
        return n;
    }

    /// Leases of this instance that are out. The caller owns this node and the predecessors it had when the caller got hold of
    /// it; that is what `append_with_predecessors` collects.
    std::uint32_t open() const noexcept {
        std::uint32_t n = own_open();
        for (const node* p = predecessor.load(std::memory_order_acquire); p; p = p->predecessor.load(std::memory_order_acquire))
            n += p->own_open();
        return n;
    }

    /// True if `own.open()` are all leases of this instance. It stays true: predecessors only go.
    bool counts_in_one_place() const noexcept { return stripes == 0 && !predecessor.load(std::memory_order_relaxed); }

    /// Unlinks predecessors whose leases have all come back. For the writer.
    void drop_idle_predecessors() noexcept;

    /// Gives up `unit` (1 or `reference`) of `s`, and frees the node if nothing else holds it.
    static void release(stripe& s, std::uint64_t unit) noexcept {
        if (s.give_up(unit)) given_up(s);
    }
    /// Frees the node if nothing else holds it, now that `s` does not.
    static void given_up(stripe& s) noexcept {
        if (s.whose->let_go(s)) destroy(s.whose);
    }

    friend void intrusive_ptr_add_ref(node* n) noexcept { fetch_add(n->owners, 1U); }
    friend void intrusive_ptr_release(node* n) noexcept {
        if (fetch_add(n->owners, 0U - 1, std::memory_order_acq_rel) == 1 && n->disown()) destroy(n);
    }

private:
    node(sighting s, const boost::intrusive_ptr<node_state>& of, std::uint64_t id_, node* previous);

    /// Whether nothing holds the node any more, now that `s` does not.
    bool let_go(const stripe& s) noexcept { return &s == &own || drop(own); }
    /// The same, now that nobody owns it.
    bool disown() noexcept;
    static bool drop(stripe& s) noexcept { return s.give_up(stripe::reference); }
    static void destroy(node* n) noexcept;
};

static_assert(sizeof(node) == 128, "two cache lines: what a pick touches, and what is read through a lease");

/// A copy of `nodes`. Those of a large service stand all over the memory, and a reference to each is counted in the node: so they
/// are fetched ahead, which saves most of the time.
node_list copy_of(const node_list& nodes);

/// Appends `n` and its predecessors. Whoever holds these may call `n->open()` from any thread.
void append_with_predecessors(node_list& to, const node_ref& n);

}    // namespace muster::balance
