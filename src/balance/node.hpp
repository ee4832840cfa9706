// Part of muster. Boost Software License 1.0, see LICENSE.
//
// What a lease points at: one version of an instance as it was published, and the state that its versions share.
#pragma once

#include <muster/instance.hpp>
#include <muster/lease.hpp>

#include <boost/smart_ptr/intrusive_ptr.hpp>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#if __has_include(<sys/single_threaded.h>)
#include <sys/single_threaded.h>
#define MUSTER_KNOWS_SINGLE_THREADED
#endif

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

/// Adds `v` to a counter and gives what it was. The locked instruction costs 5 ns and a lease needs several; a process that has
/// no second thread does without, as std::shared_ptr does.
template <class T>
inline T fetch_add(std::atomic<T>& counter, T v, std::memory_order order = std::memory_order_relaxed) noexcept {
#ifdef MUSTER_KNOWS_SINGLE_THREADED
    if (__libc_single_threaded) {
        const T old = counter.load(std::memory_order_relaxed);
        counter.store(old + v, std::memory_order_relaxed);
        return old;
    }
#endif
    return counter.fetch_add(v, order);
}

/// What is learned of an instance, under its identity. Its versions share it: it survives promotion, change of weight,
/// re-registration and brief absence. Written by whoever returns a lease, hence a cache line of its own.
struct alignas(64) node_state {
    std::atomic<std::uint64_t> successes{0};    ///< Leases returned with `success()`.
    std::atomic<std::uint64_t> failures{0};     ///< Leases returned with `failure()`.
    std::atomic<std::uint64_t> abandoned{0};    ///< Leases destroyed without a word.
    std::atomic<std::uint32_t> references{0};

    friend void intrusive_ptr_add_ref(node_state* s) noexcept { s->references.fetch_add(1, std::memory_order_relaxed); }
    friend void intrusive_ptr_release(node_state* s) noexcept {
        if (s->references.fetch_sub(1, std::memory_order_acq_rel) == 1) delete s;
    }
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
    const std::uint32_t weight;    ///< 1 to max_weight.

    // What is read through a lease only.
    alignas(64) const sighting seen;

    /// A first version, or the one that follows `previous`: it shares its state and counts its leases.
    explicit node(sighting s, const node_ref& previous = nullptr);
    node(const node&) = delete;
    node& operator=(const node&) = delete;

    /// A lease on `n`. The caller holds a reference to it, if only through the table it picks from.
    static lease lend(node& n) noexcept {
        fetch_add(n.count, std::uint64_t{1});
        return lease(&n);
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

/// Appends `n` and its predecessors. Whoever holds these may call `n->open()` from any thread.
void append_with_predecessors(node_list& to, const node_ref& n);

}    // namespace muster::balance
