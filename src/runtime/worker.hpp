// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>

namespace muster::runtime {

/// Calls `job` on a thread of the context of `ex` that does nothing else, for what would block. Jobs are done one after the
/// other, and count as work of the context until then. When the context is destroyed it waits for the job that is being done,
/// and destroys the others undone.
void run_on_worker(const boost::asio::any_io_executor& ex, boost::asio::any_completion_handler<void()> job);

}    // namespace muster::runtime
