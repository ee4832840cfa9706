// Part of muster. Boost Software License 1.0, see LICENSE.
//
// What becomes of requests that take too long.
#include "proto_zk/session.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace muster::zk::proto {

void session::expire_requests(time_point now) {
    std::size_t waiting = 0;
    std::size_t held = 0;
    while (request* r = deadlines_.take_due(now)) {
        if (r->under_way_) {
            r->abandoned_ = true;    // as if it was cancelled: the entry must stay until its reply has come
            (void)r->complete(client_errc::deadline_exceeded, {});
        } else {
            r->withdrawn_ = true;
            ++(r->held_for_ != 0 ? held : waiting);
        }
    }
    if (waiting + held == 0) return;
    queue late;
    if (held != 0) {
        for (auto& r : held_) {
            if (r->withdrawn_) late.push_back(std::move(r));
        }
        std::erase(held_, nullptr);
    }
    // Those that wait are mostly the oldest: the queue is looked at only as far as there are some.
    std::size_t end = 0;
    for (std::size_t found = 0; found != waiting; ++end) {
        if (queued_[end]->withdrawn_) ++found;
    }
    std::size_t keep = end;
    queue oldest_first;
    while (end-- != 0) {
        if (queued_[end]->withdrawn_) {
            oldest_first.push_front(std::move(queued_[end]));
        } else if (--keep != end) {
            queued_[keep] = std::move(queued_[end]);
        }
    }
    queued_.erase(queued_.begin(), queued_.begin() + static_cast<std::ptrdiff_t>(waiting));
    std::move(oldest_first.begin(), oldest_first.end(), std::back_inserter(late));
    for (auto& r : late) {
        // Lost with its connection and to be sent again, it was sent once.
        const bool written = r->sent_ != time_point{};
        (void)r->complete(written ? client_errc::deadline_exceeded : client_errc::deadline_exceeded_unsent, {});
    }
    unsettled_ = !leftovers_.empty();
    if (closing_ && info_.id == 0 && queued_.empty()) finish(end_without_session());
}

}    // namespace muster::zk::proto
