// Part of muster. Boost Software License 1.0, see LICENSE.
#include "proto_zk/deadlines.hpp"

namespace muster::zk::proto {

void deadlines::add(deadline& d, request& owner) {
    heap_.push_back(&d);
    d.heap_ = this;
    d.owner_ = &owner;
    rise(&d, heap_.size() - 1);
}

request* deadlines::take_due(time_point now) noexcept {
    if (heap_.empty() || heap_.front()->at > now) return nullptr;
    deadline& d = *heap_.front();
    remove(d);
    return d.owner_;
}

void deadlines::remove(deadline& d) noexcept {
    deadline* last = heap_.back();
    heap_.pop_back();
    d.heap_ = nullptr;
    if (last == &d) return;
    // The last one takes its place, and may belong above or below it.
    const std::size_t place = d.place_;
    if (place != 0 && last->at < heap_[(place - 1) / 2]->at) {
        rise(last, place);
    } else {
        sink(last, place);
    }
}

void deadlines::put(deadline* d, std::size_t place) noexcept {
    heap_[place] = d;
    d->place_ = place;
}

void deadlines::rise(deadline* d, std::size_t place) noexcept {
    while (place != 0) {
        const std::size_t parent = (place - 1) / 2;
        if (heap_[parent]->at <= d->at) break;
        put(heap_[parent], place);
        place = parent;
    }
    put(d, place);
}

void deadlines::sink(deadline* d, std::size_t place) noexcept {
    for (;;) {
        std::size_t child = 2 * place + 1;
        if (child >= heap_.size()) break;
        if (child + 1 < heap_.size() && heap_[child + 1]->at < heap_[child]->at) ++child;
        if (d->at <= heap_[child]->at) break;
        put(heap_[child], place);
        place = child;
    }
    put(d, place);
}

}    // namespace muster::zk::proto
