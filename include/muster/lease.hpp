// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include <muster/error.hpp>
#include <muster/instance.hpp>

#include <utility>

namespace muster {

namespace balance {
struct node;
}

/// An instance on loan. Counts as one open request of that instance until it is returned.
///
/// Return it with `success()`, `failure(ec)` or `canceled()`; only the first of these counts. Destroyed without a word, or
/// assigned over, it is *abandoned*: the load is released and nothing is learned of the instance.
/// \par Thread safety
/// Distinct objects: safe. One object: unsafe.
/// \par Object lifetimes
/// The instance stays valid and unchanged as long as the lease exists, also when the instance, the picker or the balancer is
/// long gone. An empty lease (default constructed or moved from) has no instance.
class lease {
public:
    lease() noexcept = default;
    lease(lease&& o) noexcept : node_(std::exchange(o.node_, nullptr)), open_(std::exchange(o.open_, false)) {}
    lease& operator=(lease&& o) noexcept {
        lease t(std::move(o));
        std::swap(node_, t.node_);
        std::swap(open_, t.open_);
        return *this;
    }
    ~lease() {
        if (node_) release();
    }

    /// True if there is an instance.
    bool valid() const noexcept { return node_ != nullptr; }
    explicit operator bool() const noexcept { return valid(); }

    /// The instance. Precondition: `valid()`.
    const instance& operator*() const noexcept;
    const instance* operator->() const noexcept { return &**this; }

    /// What the instance was for its service when it was picked. Precondition: `valid()`.
    muster::role role() const noexcept;

    /// Transaction that created the znode it was picked from. For a master this is its fencing token: a later master has a
    /// greater one. Precondition: `valid()`.
    std::int64_t czxid() const noexcept;

    /// The call to the instance succeeded. Returns the loan; the instance remains readable.
    void success() noexcept;
    /// The call failed with `ec`. Returns the loan.
    void failure(const error_code& ec) noexcept;
    /// The caller gave up for reasons of its own. Returns the loan, nothing is learned.
    void canceled() noexcept;

private:
    friend struct balance::node;
    explicit lease(balance::node* n) noexcept : node_(n), open_(true) {}
    void release() noexcept;

    balance::node* node_ = nullptr;    // holds one reference
    bool open_ = false;                // still counts as load
};

}    // namespace muster
