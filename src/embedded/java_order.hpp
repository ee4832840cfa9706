// Part of muster. Boost Software License 1.0, see LICENSE.
//
// The order in which Java's hash tables give their strings. Apache's server deletes the ephemeral znodes of a session in such an
// order, and lists a client's identities in one, so it shows in the order of events.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace muster::embedded {

/// String.hashCode of text in UTF-8.
std::int32_t java_hash(std::string_view utf8) noexcept;

/// The bucket of a hash value in a table of `buckets`, a power of two.
std::size_t java_bucket(std::int32_t hash, std::size_t buckets) noexcept;

/// The buckets of a copied HashSet of `n` elements.
std::size_t java_buckets_of_copy(std::size_t n) noexcept;

}    // namespace muster::embedded
