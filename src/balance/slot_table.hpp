// Part of muster. Boost Software License 1.0, see LICENSE.
//
// A table whose size is prime, and the slot of a hash in it without a division.
#pragma once

#include "balance/uint128.hpp"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

namespace muster::balance {

// x mod m without the division, which costs more than all else of a pick. The reciprocal is rounded down, so that the quotient
// is too small by 1 at most.
class fast_modulus {
public:
    explicit fast_modulus(std::uint64_t m) noexcept : m_(m), reciprocal_(std::numeric_limits<std::uint64_t>::max() / m) {}

    std::uint64_t operator()(std::uint64_t x) const noexcept {
        const auto quotient = static_cast<std::uint64_t>((uint128{x} * reciprocal_) >> 64);
        const std::uint64_t r = x - quotient * m_;
        return r >= m_ ? r - m_ : r;
    }

private:
    std::uint64_t m_;
    std::uint64_t reciprocal_;
};

/// Who owns which slot. `Slot` is as narrow as the indices allow: the table is then half as large, and caches hold more of it.
template <class Slot>
class slot_table {
public:
    explicit slot_table(const std::vector<std::uint32_t>& owners) : slot_of_(owners.size()) {
        owners_.reserve(owners.size());
        for (const std::uint32_t o : owners) owners_.push_back(static_cast<Slot>(o));
    }

    std::size_t slot_of(std::uint64_t hash) const noexcept { return slot_of_(hash); }
    std::size_t next(std::size_t slot) const noexcept { return slot + 1 == owners_.size() ? 0 : slot + 1; }
    std::uint32_t owner(std::size_t slot) const noexcept { return owners_[slot]; }
    std::size_t size() const noexcept { return owners_.size(); }

private:
    std::vector<Slot> owners_;
    fast_modulus slot_of_;
};

}    // namespace muster::balance
