// Part of muster. Boost Software License 1.0, see LICENSE.
//
// Paths: chroots and parents.
#pragma once

#include <string>
#include <string_view>

namespace muster::zk::proto {

/// The znode with the ensemble's configuration. It is the same for all: no chroot applies to it (ZOOKEEPER-4565).
inline constexpr std::string_view config_path = "/zookeeper/config";

/// The server's name for what the user calls `path`. `chroot` is empty or a legal path other than "/".
/// `sequential`: a counter gets appended to `path`. What is made of "/" then is in the chroot, and not beside it.
std::string to_server(std::string_view chroot, std::string path, bool sequential = false);

/// The user's name for what the server calls `path`: a part of `path`, or "/". Paths outside of `chroot` stay as they are.
std::string_view to_client(std::string_view chroot, std::string_view path) noexcept;

/// True if the server's path `path` lies in `chroot`: then `to_client` gives it a name.
bool within(std::string_view chroot, std::string_view path) noexcept;

/// The path of the znode above: a part of `path`. Empty for "/".
std::string_view parent_of(std::string_view path) noexcept;

/// The last component of a path: a part of `path`. Empty for "/".
std::string_view name_of(std::string_view path) noexcept;

}    // namespace muster::zk::proto
