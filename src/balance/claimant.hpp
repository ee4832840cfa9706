// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include <cstdint>
#include <string_view>

namespace muster::balance {

/// One who claims a share of all keys.
struct claimant {
    std::string_view name;       ///< Decides which keys.
    std::uint32_t weight = 1;    ///< How large a share. At least 1.
};

}    // namespace muster::balance
