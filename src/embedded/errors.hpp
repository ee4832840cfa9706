// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include <muster/zk/error.hpp>

#include <cstdint>

/// The errors that the server answers with, as numbers of the wire.
namespace muster::embedded::err {

constexpr std::int32_t number(zk::server_errc e) noexcept { return static_cast<std::int32_t>(e); }

inline constexpr std::int32_t ok = 0;
inline constexpr std::int32_t runtime_inconsistency = number(zk::server_errc::runtime_inconsistency);
inline constexpr std::int32_t marshalling_error = number(zk::server_errc::marshalling_error);
inline constexpr std::int32_t unimplemented = number(zk::server_errc::unimplemented);
inline constexpr std::int32_t bad_arguments = number(zk::server_errc::bad_arguments);
inline constexpr std::int32_t no_node = number(zk::server_errc::no_node);
inline constexpr std::int32_t no_auth = number(zk::server_errc::no_auth);
inline constexpr std::int32_t bad_version = number(zk::server_errc::bad_version);
inline constexpr std::int32_t no_children_for_ephemerals = number(zk::server_errc::no_children_for_ephemerals);
inline constexpr std::int32_t node_exists = number(zk::server_errc::node_exists);
inline constexpr std::int32_t not_empty = number(zk::server_errc::not_empty);
inline constexpr std::int32_t invalid_acl = number(zk::server_errc::invalid_acl);
inline constexpr std::int32_t auth_failed = number(zk::server_errc::auth_failed);
inline constexpr std::int32_t not_read_only = number(zk::server_errc::not_read_only);
inline constexpr std::int32_t no_watcher = number(zk::server_errc::no_watcher);
inline constexpr std::int32_t reconfig_disabled = number(zk::server_errc::reconfig_disabled);

}    // namespace muster::embedded::err
