// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

namespace muster::balance {

__extension__ typedef unsigned __int128 uint128;

}    // namespace muster::balance
