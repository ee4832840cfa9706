// Part of muster. Boost Software License 1.0, see LICENSE.
//
// A completion handler that waits for its result.
#pragma once

#include <muster/zk/error.hpp>

#include <boost/asio/any_completion_executor.hpp>
#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/require.hpp>
#include <boost/asio/strand.hpp>

#include <tuple>
#include <utility>

namespace muster::runtime {

namespace asio = boost::asio;

/// Where the completions of an I/O object go: to its executor, or to that of their handler by way of a strand, so that they
/// arrive there in order. Made once per object, since each conversion between types of executors allocates.
///
/// The strand is the route's own. A type-erased executor does not say whether it runs a handler at once, and one whose threads
/// these are does: what the handler blocks then must not be the object, which could not even keep its session alive.
class completion_route {
public:
    explicit completion_route(const asio::any_io_executor& io)
        : own_(io),
          io_(asio::require(io, asio::execution::blocking.never)),
          hop_(asio::require(asio::any_io_executor(asio::make_strand(io)), asio::execution::blocking.never)) {}

    /// From now on without the strand, whose context goes away.
    void release_strand() { hop_ = io_; }

private:
    template <class Signature>
    friend class completion;

    asio::any_completion_executor own_;
    asio::any_io_executor io_;     // never runs anything inline
    asio::any_io_executor hop_;    // nor does this one
};

template <class Signature>
class completion;

/// Keeps a handler and completes it, once, by posting it to its associated executor or else to that of the I/O object.
/// By a route, handlers of one executor arrive in the order in which they were posted. While it waits it counts as work of its
/// context.
///
/// Not assignable: move assignment of any_completion_handler recurses for ever in Boost 1.81 (asio addcc83fe). Keep it in an
/// optional and `emplace` it.
template <class... Args>
class completion<void(Args...)> {
public:
    using handler_type = asio::any_completion_handler<void(Args...)>;

    completion(handler_type h, const completion_route& route) : completion(std::move(h), route.own_, route.io_, route.hop_) {}
    completion(handler_type h, const asio::any_io_executor& io)
        : completion(std::move(h), io, asio::require(io, asio::execution::blocking.never)) {}
    completion(completion&&) noexcept = default;
    completion& operator=(completion&&) = delete;

    /// Posts the handler with its result. Call it once; the handler is moved from.
    template <class... Results>
    void post(Results&&... results) {
        auto run = [h = std::move(h_), values = std::tuple<Args...>(std::forward<Results>(results)...)]() mutable {
            std::apply(std::move(h), std::move(values));
        };
        if (!target_) {
            ex_.execute(std::move(run));
        } else {
            ex_.execute(
                [target = std::move(target_), run = std::move(run)]() mutable { asio::dispatch(target, std::move(run)); });
        }
    }

    auto slot() const noexcept { return asio::get_associated_cancellation_slot(h_); }

private:
    completion(handler_type h, const asio::any_completion_executor& own, const asio::any_io_executor& io,
               const asio::any_io_executor& hop)
        : h_(std::move(h)), target_(asio::get_associated_executor(h_, own)) {
        if (target_ == own) {
            target_ = nullptr;
            ex_ = io;
        } else {
            target_ = asio::prefer(target_, asio::execution::outstanding_work.tracked);
            ex_ = hop;
        }
    }
    completion(handler_type h, const asio::any_completion_executor& own, const asio::any_io_executor& io)
        : completion(std::move(h), own, io, io) {}

    handler_type h_;
    asio::any_completion_executor target_;    // empty: the I/O object's own
    asio::any_io_executor ex_;
};

}    // namespace muster::runtime
