// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include <chrono>
#include <thread>

namespace muster::test {

/// Asks `condition` again and again until it holds; false if it does not within `timeout`. For what happens in another
/// process and can be had in no other way than by asking.
template <class Condition>
bool eventually(Condition condition, std::chrono::milliseconds timeout = std::chrono::seconds(10)) {
    const auto end = std::chrono::steady_clock::now() + timeout;
    while (!condition()) {
        if (std::chrono::steady_clock::now() >= end) return false;
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return true;
}

}    // namespace muster::test
