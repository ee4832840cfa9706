// Part of muster. Boost Software License 1.0, see LICENSE.
//
// What is known of the instances of one service, and who wants to hear of it.
#pragma once

#include <muster/zk/error.hpp>
#include <muster/zk/session_info.hpp>

#include "registry/layout.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
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

/// How a view reads.
struct view_params {
    std::string service_path;    ///< See `layout::service_path`.
    bool chroot = false;    ///< Paths are below one, which may not exist: where the service is not there, that is looked into.
    std::shared_ptr<const registry::layout> layout = make_micro_service_layout();
    std::size_t read_window = 128;    ///< Reads in flight at a time. 0 counts as 1.
    /// Of a child, in bytes, that a reply can bring. What is beyond this, or the layout's own limit, is not read.
    std::size_t max_data = std::numeric_limits<std::size_t>::max();
    std::chrono::milliseconds retry_min{50};       ///< Back-off after a failure: doubles from here ...
    std::chrono::milliseconds retry_max{5'000};    ///< ... to here, drawn uniformly from 0 to that bound.
    std::chrono::milliseconds spread{};            ///< See `balancer_params::spread`.

    view_params() = default;    // not an aggregate: GCC 12 destroys aggregate temporaries in co_await expressions twice
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
    /// Called there with each change of the session that the view hears of, before what comes of it.
    virtual void on_session(const zk::session_info&) {}

protected:
    ~view_observer() = default;
};

}    // namespace muster::registry
