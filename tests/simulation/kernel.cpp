// Part of muster. Boost Software License 1.0, see LICENSE.
#include "simulation/kernel.hpp"

#include <algorithm>

namespace muster::sim {

namespace {

constexpr std::size_t ready_limit = 1'000'000;    // what goes on for ever without letting time pass is a bug

}    // namespace

kernel::kernel(std::uint64_t seed, recording events) : seed_(seed), trace_(events) {}

void kernel::at(instant t, std::function<void()> act) {
    queue_.push_back(event{std::max(t, now_), ++last_number_, std::move(act)});
    std::push_heap(queue_.begin(), queue_.end(), later);
}

std::size_t kernel::run_ready() {
    std::size_t ran = 0;
    io_.restart();
    while (io_.poll_one() != 0) {
        if (++ran == ready_limit) fail("handlers go on running while time stands still");
    }
    return ran;
}

bool kernel::idle() {
    io_.restart();
    return io_.poll_one() == 0 && io_.stopped();
}

void kernel::run_until(instant end) {
    run_ready();
    while (!queue_.empty() && queue_.front().at <= end) {
        std::pop_heap(queue_.begin(), queue_.end(), later);
        const event e = std::move(queue_.back());
        queue_.pop_back();
        now_ = e.at;
        ++steps_;
        e.act();
        run_ready();
        if (look_) look_();
    }
    now_ = std::max(now_, end);
}

}    // namespace muster::sim
