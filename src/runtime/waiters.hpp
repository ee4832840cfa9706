// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include "runtime/completion.hpp"

#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/error.hpp>

#include <algorithm>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <utility>

namespace muster::runtime {

template <class Signature>
class waiters;

/// Handlers that wait for the same thing to happen. Who is cancelled completes with `operation_aborted` and waits no more.
/// All members may be called from any thread; handlers are posted, so it may be done under a lock of the caller's.
///
/// Destroying it, or what `take` gave, destroys the handlers uncompleted, and they may own whatever holds it.
template <class... Results>
class waiters<void(error_code, Results...)> {
public:
    struct waiter {
        std::uint64_t id;
        std::uint64_t seen;
        completion<void(error_code, Results...)> done;
    };
    using list = std::list<waiter>;

    /// `seen`: what `complete_if` asks about.
    void add(completion<void(error_code, Results...)> done, std::uint64_t seen = 0) {
        const std::lock_guard lock(state_->mutex);
        const auto id = ++state_->last_id;
        if (auto slot = done.slot(); slot.is_connected()) {
            slot.assign([weak = std::weak_ptr<state>(state_), id](asio::cancellation_type) {
                if (const auto s = weak.lock()) s->cancel(id);
            });
        }
        state_->all.push_back(waiter{id, seen, std::move(done)});
    }

    /// Completes all.
    template <class... Values>
    void complete(const error_code& ec, const Values&... values) {
        complete_if([](std::uint64_t) { return true; }, ec, values...);
    }

    /// Completes those for which `due(seen)` holds.
    template <class Predicate, class... Values>
    void complete_if(Predicate due, const error_code& ec, const Values&... values) {
        list taken = state_->take([&due](const waiter& w) { return due(w.seen); });
        for (waiter& w : taken) w.done.post(ec, values...);
    }

    /// Gives up all, for who destroys them outside of its lock.
    list take() {
        return state_->take([](const waiter&) { return true; });
    }

private:
    struct state {
        std::mutex mutex;
        std::uint64_t last_id = 0;
        list all;

        template <class Predicate>
        list take(Predicate wanted) {
            list taken;
            const std::lock_guard lock(mutex);
            for (auto it = all.begin(); it != all.end();) {
                const auto each = it++;
                if (wanted(*each)) taken.splice(taken.end(), all, each);
            }
            return taken;
        }

        void cancel(std::uint64_t id) {
            list taken = take([id](const waiter& w) { return w.id == id; });
            for (waiter& w : taken) w.done.post(error_code(asio::error::operation_aborted), Results{}...);
        }
    };

    const std::shared_ptr<state> state_ = std::make_shared<state>();
};

}    // namespace muster::runtime
