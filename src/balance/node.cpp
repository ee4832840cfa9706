// Part of muster. Boost Software License 1.0, see LICENSE.
#include "balance/node.hpp"

#include "balance/hash.hpp"

#include <algorithm>
#include <utility>

namespace muster::balance {
namespace {

struct copies {
    muster::instance instance;
    std::string identity;
    std::string path;
};

}    // namespace

sighting::sighting(muster::instance instance_, std::string path_, std::int64_t czxid_, muster::role role_)
    : czxid(czxid_), role(role_) {
    const auto kept = std::make_shared<copies>();
    kept->instance = std::move(instance_);
    kept->identity = kept->instance.identity();
    kept->path = std::move(path_);
    instance = {kept, &kept->instance};
    identity = kept->identity;
    path = kept->path;
}

node::node(sighting s, service_state_ptr shared)
    : state(new node_state(std::move(shared))),
      id(hash64(s.identity)),
      weight(std::clamp<std::uint32_t>(s.instance->weight, 1, max_weight)),
      role(s.role),
      seen(std::move(s)) {}

node::node(sighting s, const node_ref& previous)
    : predecessor(node_ref(previous).detach()),
      state(previous->state),
      id(previous->id),
      weight(std::clamp<std::uint32_t>(s.instance->weight, 1, max_weight)),
      role(s.role),
      seen(std::move(s)) {}

void node::drop_idle_predecessors() noexcept {
    for (node* n = this; node* p = n->predecessor.load(std::memory_order_relaxed);) {
        if (p->own_open() > 0) {
            n = p;
            continue;
        }
        node* next = p->predecessor.load(std::memory_order_relaxed);
        if (next) intrusive_ptr_add_ref(next);
        n->predecessor.store(next, std::memory_order_release);
        intrusive_ptr_release(p);
    }
}

// Not recursive: a service that changes often under long leases makes long chains.
void node::destroy(node* n) noexcept {
    while (n) {
        node* next = n->predecessor.load(std::memory_order_relaxed);
        delete n;
        if (!next || fetch_add(next->count, std::uint64_t{0} - reference, std::memory_order_acq_rel) != reference) return;
        n = next;
    }
}

node_list copy_of(const node_list& nodes) {
    constexpr std::size_t ahead = 16;
    node_list copy;
    copy.reserve(nodes.size());
    for (std::size_t i = 0; i < nodes.size(); ++i) {
        if (i + ahead < nodes.size()) __builtin_prefetch(nodes[i + ahead].get(), 1);
        copy.push_back(nodes[i]);
    }
    return copy;
}

void append_with_predecessors(node_list& to, const node_ref& n) {
    for (node* p = n.get(); p; p = p->predecessor.load(std::memory_order_relaxed)) to.emplace_back(p);
}

}    // namespace muster::balance
