// Part of muster. Boost Software License 1.0, see LICENSE.
#include <muster/lease.hpp>

#include "balance/node.hpp"

#include <utility>

namespace muster {
namespace {

using balance::fetch_add;
using balance::node;

// The loan is over, but the lease still shows the instance: one unit moves from load to reference.
void give_back(node& n) noexcept { fetch_add(n.count, node::reference - 1); }

}    // namespace

const instance& lease::operator*() const noexcept { return *node_->seen.instance; }

role lease::role() const noexcept { return node_->seen.role; }

std::int64_t lease::czxid() const noexcept { return node_->seen.czxid; }

void lease::success() noexcept {
    if (!std::exchange(open_, false)) return;
    fetch_add(node_->state->successes, std::uint64_t{1});
    give_back(*node_);
}

void lease::failure(const error_code&) noexcept {
    if (!std::exchange(open_, false)) return;
    fetch_add(node_->state->failures, std::uint64_t{1});
    give_back(*node_);
}

void lease::canceled() noexcept {
    if (!std::exchange(open_, false)) return;
    give_back(*node_);
}

void lease::release() noexcept {
    if (open_) {
        fetch_add(node_->state->abandoned, std::uint64_t{1});
        node_->release(1);
    } else {
        node_->release(node::reference);
    }
}

}    // namespace muster
