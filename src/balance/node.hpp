// Part of muster. Boost Software License 1.0, see LICENSE.
//
// What a lease points at: one version of an instance as it was published, and the state that its versions share.
#pragma once

#include <muster/instance.hpp>
#include <muster/lease.hpp>

#include "balance/node_state.hpp"

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

/// An instance as it was seen in the registry.
struct sighting {
    std::shared_ptr<const muster::instance> instance;    ///< Keeps alive what the other members view.
    std::string_view identity;                           ///< `instance->identity()`
    std::string_view path;                               ///< Of its znode.
    std::int64_t czxid = 0;                              ///< Transaction that created the znode.
    muster::role role = role::normal;

    /// Shares what `instance_` owns; both views must point into it.
    sighting(std::shared_ptr<const muster::instance> instance_, std::string_view identity_, std::string_view path_,
             std::int64_t czxid_, muster::role role_) noexcept
        : instance(std::move(instance_)), identity(identity_), path(path_), czxid(czxid_), role(role_) {}

    /// Keeps copies.
    sighting(muster::instance instance_, std::string path_, std::int64_t czxid_, muster::role role_);
};

/// One version of an instance. Immutable, but for the counter and the link to its predecessor.
///
/// `count` holds two numbers, so that each step of a lease's life is one atomic operation:
///
///     63            32 31             0
///     [ references    | open leases    ]      freed when both are 0
///
///     lend               +1                   the lease keeps the node alive and counts as load
///     success, failure   +reference -1        it still keeps the node alive, but is load no longer
///     ~lease             -1 or -reference
///
/// References are held by the membership, by tables, and by the version that succeeds this one.
struct alignas(64) node {
    static constexpr std::uint64_t reference = std::uint64_t{1} << 32;

    // The line that every pick touches.
    std::atomic<std::uint64_t> count{0};
    std::atomic<node*> predecessor{
        nullptr};    ///< Earlier version with leases out; holds a reference. See drop_idle_predecessors.
    const boost::intrusive_ptr<node_state> state;
    const std::uint64_t id;        ///< Hash of the identity.
    const std::uint32_t weight;    ///< 1 to max_weight.
    const muster::role role;       ///< As in `seen`, which need not be fetched for it when tables are built.

    // What is read through a lease only.
    alignas(64) const sighting seen;

    /// A first version.
    node(sighting s, service_state_ptr shared);
    /// The one that follows `previous`: it shares its state and counts its leases.
    node(sighting s, const node_ref& previous);
    node(const node&) = delete;
    node& operator=(const node&) = delete;

    /// A lease on `n`. The caller holds a reference to it, if only through the table it picks from.
    /// `loan`: what the policy left in `pick_state::loan`.
    static lease lend(node& n, std::uint64_t loan = 0) noexcept {
        fetch_add(n.count, std::uint64_t{1});
        if (loan & loan::counted) count_bounded(*n.state, 1);
        return lease(&n, loan | loan::open);
    }

    /// Adds to the leases that boundedhash counts.
    static void count_bounded(node_state& s, std::uint32_t by) noexcept {
        fetch_add(s.bounded, by);
        if (s.shared) fetch_add(s.shared->bounded, by);
    }

    /// Leases of this version that are out.
    std::uint32_t own_open() const noexcept { return static_cast<std::uint32_t>(count.load(std::memory_order_relaxed)); }

    /// Leases of this instance that are out. The caller holds references to this node and to the predecessors it had when
    /// the caller got hold of it; that is what `append_with_predecessors` collects.
    std::uint32_t open() const noexcept {
        std::uint32_t n = own_open();
        for (const node* p = predecessor.load(std::memory_order_acquire); p; p = p->predecessor.load(std::memory_order_acquire))
            n += p->own_open();
        return n;
    }

    /// Unlinks predecessors whose leases have all come back. For the writer.
    void drop_idle_predecessors() noexcept;

    /// Gives up `unit` (1 or `reference`) and frees the node if nothing else holds it.
    void release(std::uint64_t unit) noexcept {
        if (fetch_add(count, std::uint64_t{0} - unit, std::memory_order_acq_rel) == unit) destroy(this);
    }

    friend void intrusive_ptr_add_ref(node* n) noexcept { fetch_add(n->count, reference); }
    friend void intrusive_ptr_release(node* n) noexcept { n->release(reference); }

private:
    static void destroy(node* n) noexcept;
};

/// A copy of `nodes`. Those of a large service stand all over the memory, and a reference to each is counted in the node: so they
/// are fetched ahead, which saves most of the time.
node_list copy_of(const node_list& nodes);

/// Appends `n` and its predecessors. Whoever holds these may call `n->open()` from any thread.
void append_with_predecessors(node_list& to, const node_ref& n);

}    // namespace muster::balance
