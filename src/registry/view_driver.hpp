// Part of muster. Boost Software License 1.0, see LICENSE.
//
// Keeps a service view up to date over a client: does what the machine in service_view.hpp says, and tells an observer.
#pragma once

#include <muster/zk/client.hpp>

#include "registry/view.hpp"

#include <boost/asio/any_io_executor.hpp>

#include <memory>

namespace muster::registry {

/// The live view of one service.
///
/// All members must be called on `ex`, which must run one handler at a time (a strand); the observer is called there too.
/// Starting it starts the client. The observer is held weakly; once `stop()` has returned it is not called any more.
class view_driver {
public:
    /// The client says whether there is a chroot.
    view_driver(boost::asio::any_io_executor ex, zk::client client, view_params p, std::weak_ptr<view_observer> o);
    view_driver(const view_driver&) = delete;
    view_driver& operator=(const view_driver&) = delete;
    /// Stops.
    ~view_driver();

    void start();
    void stop();

    /// What is known now.
    const view_state& state() const noexcept;

private:
    class impl;
    std::shared_ptr<impl> impl_;
};

}    // namespace muster::registry
