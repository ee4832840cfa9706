// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

namespace muster::zk::proto {

/// What is known of each server, once the list is another one: server i of it was server `former[i]` of the one before, or is
/// new.
template <class T>
std::vector<T> by_host(const std::vector<T>& before, std::span<const std::optional<std::size_t>> former) {
    std::vector<T> now(former.size());
    for (std::size_t i = 0; i != former.size(); ++i) {
        if (former[i]) now[i] = before[*former[i]];
    }
    return now;
}

}    // namespace muster::zk::proto
