// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include <boost/asio/any_io_executor.hpp>

#include <utility>

namespace muster::detail {

/// Starts an asynchronous operation by calling `Start(handler, arguments...)`, whose handler is type-erased.
/// It carries the executor of the I/O object, so that adapters around the operation find it.
template <auto Start>
struct initiate {
    using executor_type = boost::asio::any_io_executor;
    executor_type executor;

    executor_type get_executor() const noexcept { return executor; }

    template <class Handler, class... Args>
    void operator()(Handler&& handler, Args&&... args) const {
        Start(std::forward<Handler>(handler), std::forward<Args>(args)...);
    }
};

}    // namespace muster::detail
