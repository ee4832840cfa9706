// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include <chrono>
#include <cstddef>
#include <vector>

namespace muster::zk::proto {

class request;
class deadlines;

/// Until when a request may take. It leaves the heap that it is in when it is destroyed.
class deadline {
public:
    using time_point = std::chrono::steady_clock::time_point;

    deadline() = default;
    deadline(const deadline&) = delete;
    deadline& operator=(const deadline&) = delete;
    ~deadline() { leave(); }

    time_point at = time_point::max();    ///< max: it may take for ever.

    void leave() noexcept;

private:
    friend class deadlines;
    deadlines* heap_ = nullptr;
    std::size_t place_ = 0;
    request* owner_ = nullptr;
};

/// The deadlines of requests, the earliest on top: a binary heap that everybody in it knows the place in. So a request that is
/// done leaves nothing behind, however far its deadline, and nothing is allocated once the heap was at its largest. Most requests
/// of a client have the same time: whoever comes then belongs at the bottom, where it is put.
class deadlines {
public:
    using time_point = deadline::time_point;

    deadlines() = default;
    deadlines(const deadlines&) = delete;
    deadlines& operator=(const deadlines&) = delete;
    ~deadlines() {
        for (auto* d : heap_) d->heap_ = nullptr;
    }

    /// Precondition: `d` is in no heap.
    void add(deadline& d, request& owner);

    /// The earliest; max if there is none.
    time_point next() const noexcept { return heap_.empty() ? time_point::max() : heap_.front()->at; }

    /// Takes out one whose time is over; none if there is none.
    request* take_due(time_point now) noexcept;

    std::size_t size() const noexcept { return heap_.size(); }

private:
    friend class deadline;
    void remove(deadline& d) noexcept;
    void put(deadline* d, std::size_t place) noexcept;
    void rise(deadline* d, std::size_t place) noexcept;
    void sink(deadline* d, std::size_t place) noexcept;

    std::vector<deadline*> heap_;
};

inline void deadline::leave() noexcept {
    if (heap_ != nullptr) heap_->remove(*this);
}

}    // namespace muster::zk::proto
