// Part of muster. Boost Software License 1.0, see LICENSE.
//
// A completion handler that waits for its result.
#pragma once

#include <muster/zk/error.hpp>

#include <boost/asio/any_completion_executor.hpp>
#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/append.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/prefer.hpp>

#include <utility>

namespace muster::runtime {

namespace asio = boost::asio;

template <class Signature>
class completion;

/// Keeps a handler, its executor and, where that is not the I/O object's own, its context's work. Completes by posting.
/// Not assignable: move assignment of any_completion_handler recurses for ever in Boost 1.81 (asio addcc83fe). Keep it in
/// an optional and `emplace` it.
template <class... Args>
class completion<void(Args...)> {
public:
    using handler_type = asio::any_completion_handler<void(Args...)>;

    completion(handler_type h, const asio::any_io_executor& io) : h_(std::move(h)), ex_(asio::get_associated_executor(h_, io)) {
        if (ex_ != asio::any_completion_executor(io)) ex_ = asio::prefer(ex_, asio::execution::outstanding_work.tracked);
    }
    completion(completion&&) noexcept = default;
    completion& operator=(completion&&) = delete;

    /// Posts the handler with its result. Call it once; the handler is moved from.
    template <class... Results>
    void post(Results&&... results) {
        asio::post(ex_, asio::append(std::move(h_), Args(std::forward<Results>(results))...));
    }

    auto slot() const noexcept { return asio::get_associated_cancellation_slot(h_); }

private:
    handler_type h_;
    asio::any_completion_executor ex_;
};

}    // namespace muster::runtime
