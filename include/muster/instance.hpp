// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include <muster/result.hpp>

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace muster {

/// What an instance is for its service at the moment.
enum class role : std::uint8_t { none, normal, master };

/// Name of a role: `none`, `normal` or `master`.
const char* to_string(role r) noexcept;

/// One running instance of a service, as it is published.
struct instance {
    std::string ip;              ///< Address or host name where it serves. May be empty if `unique_code` is set.
    std::uint16_t port = 0;      ///< Port, 1 to 65535; 0 together with an empty `ip`.
    std::string user;            ///< Credentials that callers may need. Readable for all who can read the znode.
    std::string password;        ///< Never printed nor logged by muster.
    std::string unique_code;     ///< Identity that survives a change of address. Empty: `ip:port` is the identity.
    std::uint32_t weight = 1;    ///< 1 to 65535. 0 counts as 1, larger values as 65535.
    std::string zone;            ///< Optional: where it runs.
    /// Optional: what it says of itself. While that is `draining` or `starting`, picks go to it only where nobody else of the
    /// pool and the filters is to be had; with `draining` its long-lived connections are to be given up, too: see
    /// `lease::draining`.
    std::string state;
    std::map<std::string, std::string> metadata;    ///< Optional: anything else.

    instance() = default;    // not an aggregate: GCC 12 destroys aggregate temporaries in co_await expressions twice
    instance(std::string ip_, std::uint16_t port_, std::uint32_t weight_ = 1)
        : ip(std::move(ip_)), port(port_), weight(weight_) {}

    /// `unique_code`, else `ip:port`. Everything that is remembered of an instance is kept under this name. Two live processes
    /// that register the same one for a service pass for one instance: two normals are picked as one, and as masters they take
    /// the znode from each other, again and again (`registry_errc::conflict`), for it seems to be left behind by the own past.
    std::string identity() const;

    friend bool operator==(const instance&, const instance&) = default;
};

/// Greatest weight; larger ones are clamped to it.
inline constexpr std::uint32_t max_weight = 65535;

/// Checks what is to be registered: `ip` and a port of 1 to 65535, or a unique code, or both; in `ip` no port, bracket or white
/// space; in it, unique code and user name no control characters; everything UTF-8; and at most 64 KiB of data in the znode.
/// Errors: `registry_errc::invalid_instance`, with a message that names the value.
result<void> validate(const instance& i);

/// Checks a prefix or service name: one path component, not empty, not `.` or `..`, no `/` and no control characters.
/// `what` (e.g. "service name") begins the message. Errors: `registry_errc::invalid_name`.
result<void> validate_name(std::string_view name, std::string_view what);

/// Checks a prefix: a name as above, and not `zookeeper`, below which ZooKeeper keeps znodes of its own.
/// Errors: `registry_errc::invalid_name`.
result<void> validate_prefix(std::string_view prefix);

}    // namespace muster
