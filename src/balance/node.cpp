// Part of muster. Boost Software License 1.0, see LICENSE.
#include "balance/node.hpp"

#include "balance/hash.hpp"
#include "balance/readiness.hpp"

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

sighting::sighting(muster::instance instance_, std::string path_, std::int64_t czxid_, muster::role role_) : role(role_) {
    czxid = czxid_;
    const auto kept = std::make_shared<copies>();
    kept->instance = std::move(instance_);
    kept->identity = kept->instance.identity();
    kept->path = std::move(path_);
    instance = {kept, &kept->instance};
    identity = kept->identity;
    path = kept->path;
}

node::node(sighting s, const boost::intrusive_ptr<node_state>& of, std::uint64_t id_, node* previous)
    : predecessor(previous),
      state(of),
      others(previous && of->stripes > 0 ? new stripe_line[of->stripes] : of->lines.get()),
      weight(static_cast<std::uint16_t>(std::clamp<std::uint32_t>(s.instance->weight, 1, max_weight))),
      role(s.role),
      stripes(static_cast<stripe_count>(of->stripes & 0x7FU)),
      ready(takes_work(*s.instance)),
      seen(std::move(s)),
      id(id_) {
    own.count.store(reference * (1U + stripes), std::memory_order_relaxed);
    own.whose = this;
    own.shown = seen.instance.get();
    own.outcomes = &state->common;
    for (unsigned i = 0; i != stripes; ++i) {
        others[i].count.store(reference, std::memory_order_relaxed);
        others[i].whose = this;
        others[i].shown = seen.instance.get();
        others[i].outcomes = &state->lines[i];
    }
    if (previous) intrusive_ptr_add_ref(previous);
}

node::node(sighting s, service_state_ptr shared)
    : node(s, boost::intrusive_ptr<node_state>(new node_state(std::move(shared))), hash64(s.identity), nullptr) {}

node::node(sighting s, const node_ref& previous) : node(s, previous->state, previous->id, previous.get()) {}

node::~node() {
    if (others != state->lines.get()) delete[] others;
}

bool node::disown() noexcept {
    for (unsigned i = 0; i != stripes; ++i) {
        if (drop(others[i])) drop(own);
    }
    return drop(own);
}

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
        const bool owned = !next || fetch_add(next->owners, 0U - 1, std::memory_order_acq_rel) != 1;
        n = owned || !next->disown() ? nullptr : next;
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
