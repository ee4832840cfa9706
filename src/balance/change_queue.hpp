// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include <muster/balancer.hpp>

#include "balance/node.hpp"
#include "runtime/completion.hpp"
#include "runtime/shutdown.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace muster::balance {

/// What a service shows to picks, views and subscribers at one moment. Immutable.
struct exhibit {
    bool known = false;
    bool stale = true;
    std::chrono::steady_clock::time_point since{};    ///< While stale: when it was last known to be right.
    error_code last_error;                            ///< While stale: why the last attempt to read it failed.
    node_list nodes;                                  ///< In canonical order.
    node_list predecessors;                           ///< Keeps alive what node::open() walks over.
    std::vector<std::string> held_back;               ///< Identities of those that are: see hold_back.hpp. Sorted.
    std::vector<rejected_node> rejected;              ///< Sorted by path.

    bool holds_back(std::string_view identity) const { return std::binary_search(held_back.begin(), held_back.end(), identity); }
};

using exhibit_ptr = std::shared_ptr<const exhibit>;

}    // namespace muster::balance

namespace muster::detail {

/// One subscriber's changes. Keeps no history: it compares what the subscriber has been told with what is shown now, so unread
/// changes of an instance merge by themselves and memory is bounded by the size of the service. It compares when a change is
/// asked for: one that nobody reads costs the service nothing.
class change_queue final : public runtime::shutdown_target, public std::enable_shared_from_this<change_queue> {
public:
    using handler = asio::any_completion_handler<void(error_code, change)>;

    explicit change_queue(asio::any_io_executor ex) : ex_(std::move(ex)) {}

    const asio::any_io_executor& get_executor() const noexcept { return ex_; }

    // For the service; one call at a time.
    void show(balance::exhibit_ptr now);
    void close();

    // For the subscriber, on any thread.
    void next(handler h);
    void detach();

    void on_context_shutdown() noexcept override;

private:
    using waiter = runtime::completion<void(error_code, change)>;

    /// A change to be told. What is known once it is told is noted then.
    struct pending {
        change::kind what;
        balance::node_ref node;                     ///< As it is now, or was if it is removed; null: the change is of none.
        const rejected_node* rejected = nullptr;    ///< In `now_`.
    };

    void compare();
    std::optional<change> take();
    void compare_instance(const balance::node_ref& told, const balance::node_ref& now);
    void compare_rejected();
    change apply(pending p);
    void cancel(std::uint64_t turn);

    const asio::any_io_executor ex_;

    std::mutex mutex_;
    balance::exhibit_ptr now_;
    bool compared_ = true;                                // pending_ leads to it
    balance::node_list told_;                             // what the subscriber knows after the pending changes, by identity
    std::map<std::string, std::string> told_rejected_;    // reasons by path
    bool told_stale_ = true;

    std::deque<pending> pending_;

    std::optional<waiter> waiter_;
    std::uint64_t turn_ = 0;
    bool closed_ = false;
    bool detached_ = false;
};

}    // namespace muster::detail
