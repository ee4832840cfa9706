// Part of muster. Boost Software License 1.0, see LICENSE.
//
// Paths: chroots, parents, and the counters of sequential znodes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace muster::zk::proto {

/// The znode with the ensemble's configuration. It is the same for all: no chroot applies to it (ZOOKEEPER-4565).
inline constexpr std::string_view config_path = "/zookeeper/config";

/// The server's name for what the user calls `path`. `chroot` is empty or a legal path other than "/".
std::string to_server(std::string_view chroot, std::string path);

/// The user's name for what the server calls `path`: a part of `path`, or "/". Paths outside of `chroot` stay as they are.
std::string_view to_client(std::string_view chroot, std::string_view path) noexcept;

/// True if the server's path `path` lies in `chroot`: then `to_client` gives it a name.
bool within(std::string_view chroot, std::string_view path) noexcept;

/// The path of the znode above: a part of `path`. Empty for "/".
std::string_view parent_of(std::string_view path) noexcept;

/// The last component of a path: a part of `path`. Empty for "/".
std::string_view name_of(std::string_view path) noexcept;

/// The counter at the end of a sequential znode's name or path. It is a signed number, printed with "%010d", and overflows:
/// "lock-0000000005" gives 5, "lock-000000005" gives -5, "lock-2147483648" gives -2147483648. Where the minus could belong
/// to the name as well ("lock-1000000000"), it does.
std::optional<std::int32_t> sequence_of(std::string_view name) noexcept;

/// Sorts names in the order of their counters, which is the order of creation: negative ones come after positive ones, since
/// the counter overflows. Names without a counter come last.
void sort_by_sequence(std::vector<std::string>& names);

}    // namespace muster::zk::proto
