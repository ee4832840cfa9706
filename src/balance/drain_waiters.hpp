// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include "balance/node_state.hpp"
#include "runtime/completion.hpp"

#include <boost/asio/error.hpp>
#include <boost/smart_ptr/intrusive_ptr.hpp>

#include <cstdint>
#include <map>
#include <utility>

namespace muster::balance {

/// Who waits for an instance to drain. For one strand.
class drain_waiters {
public:
    using done = runtime::completion<void(error_code)>;

    /// Keeps `d` until `of` drains or goes; completes it at once if that is so.
    void add(std::uint64_t id, boost::intrusive_ptr<node_state> of, done d) {
        if (drains(*of)) return d.post(error_code());
        by_instance_.emplace(of.get(), id);
        waiting_.try_emplace(id, std::move(of), std::move(d));
    }

    void cancel(std::uint64_t id) {
        if (waiting_.contains(id)) take(id).post(error_code(asio::error::operation_aborted));
    }

    /// It changed: completes those who wait for that.
    void look_at(const node_state& s) {
        if (!drains(s)) return;
        for (auto it = by_instance_.find(&s); it != by_instance_.end(); it = by_instance_.find(&s))
            take(it->second).post(error_code());
    }

    /// Completes all with `ec`.
    void end(const error_code& ec) {
        by_instance_.clear();
        for (auto& [id, w] : std::exchange(waiting_, {})) w.second.post(ec);
    }

    /// Destroys all handlers. They may call back.
    void discard() noexcept {
        by_instance_.clear();
        std::exchange(waiting_, {});
    }

private:
    static bool drains(const node_state& s) noexcept { return s.presence.load(std::memory_order_acquire) != presence::listed; }

    done take(std::uint64_t id) {
        const auto it = waiting_.find(id);
        auto [of, d] = std::move(it->second);
        waiting_.erase(it);
        const auto [from, to] = by_instance_.equal_range(of.get());
        for (auto each = from; each != to; ++each) {
            if (each->second != id) continue;
            by_instance_.erase(each);
            break;
        }
        return std::move(d);
    }

    std::map<std::uint64_t, std::pair<boost::intrusive_ptr<node_state>, done>> waiting_;
    std::multimap<const node_state*, std::uint64_t> by_instance_;
};

}    // namespace muster::balance
