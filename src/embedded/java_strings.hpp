// Part of muster. Boost Software License 1.0, see LICENSE.
//
// What Java's strings show of themselves through Apache's server: which characters a path can have, and the order in which hash
// tables give them. The ephemeral znodes of a session are deleted in such an order, and a client's identities are listed in one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace muster::embedded {

/// The code point at the front of `utf8`, which is removed; U+FFFD for what is not UTF-8. Not for empty text.
std::uint32_t take_code_point(std::string_view& utf8) noexcept;

/// True for the paths that a znode can have: they start with '/', do not end with one, have no empty component, none that is "."
/// or "..", no control characters, and none beyond U+D7FF but those from U+F900 to U+FFEF.
bool is_znode_path(std::string_view path) noexcept;

/// String.hashCode of text in UTF-8.
std::int32_t java_hash(std::string_view utf8) noexcept;

/// The bucket of a hash value in a table of `buckets`, a power of two.
std::size_t java_bucket(std::int32_t hash, std::size_t buckets) noexcept;

/// The buckets of a copied HashSet of `n` elements.
std::size_t java_buckets_of_copy(std::size_t n) noexcept;

}    // namespace muster::embedded
