// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include <boost/asio/any_io_executor.hpp>

#include <memory>

namespace muster::runtime {

/// Told when the execution context it runs on is being destroyed.
///
/// Handlers kept in containers of our own are invisible to the context. Without this, a coroutine that is suspended in an
/// operation and owns the I/O object it waits for would keep itself alive for ever.
class shutdown_target {
public:
    /// Destroy all handlers, without calling or posting any. No other thread runs the context any more.
    virtual void on_context_shutdown() noexcept = 0;

    /// Called after that, when all targets have done it: let go of executors that belong to the context. A strand does: its last
    /// copy must not outlive the context, as it unlinks itself from there. From now on nothing may be posted.
    virtual void release_executors() noexcept {}

protected:
    ~shutdown_target() = default;
};

/// Registers `target` with the context of `ex`, for as long as it lives.
void notify_shutdown(const boost::asio::any_io_executor& ex, std::weak_ptr<shutdown_target> target);

}    // namespace muster::runtime
