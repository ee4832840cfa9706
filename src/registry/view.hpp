// Part of muster. Boost Software License 1.0, see LICENSE.
//
// What is known of the instances of one service, and who wants to hear of it.
#pragma once

#include <muster/zk/error.hpp>

#include "registry/layout.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace muster::registry {

/// A child of a service that is no usable instance.
struct rejected_child {
    std::string path;
    std::string reason;    ///< A sentence that names the value and what was expected.

    friend bool operator==(const rejected_child&, const rejected_child&) = default;
};

/// What is known of a service. Unchanged instances keep their pointer from one state to the next.
struct view_state {
    bool known = false;           ///< All children were read once. Before that `instances` is empty.
    bool ended = false;           ///< The client has given up or was closed: nothing will change any more.
    bool stale = true;            ///< Changes may be missed: ZooKeeper is not reached, or everything is being read again.
    std::uint64_t version = 0;    ///< Grows with every change of this value.
    /// While stale: when the view was last known to be right, or when the view was started if it never was.
    std::chrono::steady_clock::time_point since{};
    error_code last_error;    ///< While stale: why the last attempt failed. Success otherwise.

    std::vector<std::shared_ptr<const parsed_instance>> instances;    ///< Sorted by child name, every pointer is set.
    std::vector<rejected_child> rejected;                             ///< Sorted by path.
};

/// Hears of every change of a view. Who is seen under two names (a seed server in mid-promotion) is in the view twice.
class view_observer {
public:
    /// Called on the view's executor, never from within `start()` or `stop()`. `s` is valid during the call; the same value
    /// can be had from `view_driver::state()` later.
    virtual void on_view(const view_state& s) = 0;

protected:
    ~view_observer() = default;
};

}    // namespace muster::registry
