// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

namespace muster::test {

/// What most of several measurements were no longer than: a machine that is held up once does not change it. `all` is not empty.
template <class T>
T median(std::vector<T> all) {
    const auto middle = all.begin() + static_cast<std::ptrdiff_t>(all.size() / 2);
    std::nth_element(all.begin(), middle, all.end());
    return *middle;
}

}    // namespace muster::test
