// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include "balance/node.hpp"

#include <cstddef>
#include <cstdint>

namespace muster::balance {

/// Which instances of a large service one client uses.
///
/// The instances stand on a circle, evenly, in the order of the hashes of their identities, which all clients know. A client has
/// a place there, too, and uses the `size` instances from it on. Clients with the indices 0, 1, 2 ... have the places i * phi mod
/// 1, of which any beginning is spread evenly (phi: the golden ratio), so that all instances have about the same number of
/// clients without anybody knowing how many clients there are. An instance that joins or leaves moves the others by less than one
/// place, so each client changes two of its instances at most.
struct subset {
    std::size_t size = 0;       ///< 0: uses all.
    std::uint64_t place = 0;    ///< In units of 2^-64 of the circle.

    /// The place of client number `index`.
    static std::uint64_t place_of(std::uint64_t index) noexcept { return index * 0x9e3779b97f4a7c15; }

    static subset of_client(std::size_t size, std::uint64_t index) noexcept { return {size, place_of(index)}; }

    /// True if not all of `n` are used.
    bool divides(std::size_t n) const noexcept { return size > 0 && n > size; }

    /// Those of `all` that are used, in the same order. Precondition: divides(all.size())
    node_list of(const node_list& all) const;
};

}    // namespace muster::balance
