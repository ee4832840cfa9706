// Part of muster. Boost Software License 1.0, see LICENSE.
//
// What an instance says of itself that picks and leases go by.
#pragma once

#include <muster/instance.hpp>

namespace muster::balance {

/// It asks for no more work, and goes when what it has is done.
inline bool drains(const instance& i) noexcept { return i.state == "draining"; }

/// It neither drains nor is still warming up.
inline bool takes_work(const instance& i) noexcept { return !drains(i) && i.state != "starting"; }

}    // namespace muster::balance
