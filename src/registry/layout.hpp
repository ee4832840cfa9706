// Part of muster. Boost Software License 1.0, see LICENSE.
//
// A layout tells how an instance is written in ZooKeeper: where its znode stands, and what its data says. Registrar and
// balancer know only this interface.
#pragma once

#include <muster/instance.hpp>
#include <muster/result.hpp>
#include <muster/zk/types.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace muster::registry {

/// A child of a service, read and understood.
struct parsed_instance {
    muster::instance instance;    ///< Its weight is already within 1 to `max_weight`.
    muster::role role = role::normal;
    std::string identity;    ///< `instance.identity()`, kept because it is compared often.
    std::string name;        ///< Of the child, e.g. `normal0000000007`.
    std::string path;        ///< Of the znode.
    zk::stat stat;           ///< As read with the data.

    friend bool operator==(const parsed_instance&, const parsed_instance&) = default;
};

/// How instances are written. All members are pure and safe to call from any thread.
class layout {
public:
    virtual ~layout() = default;

    /// Name by which the layout is chosen, e.g. `micro_service`.
    virtual std::string_view name() const noexcept = 0;

    /// Path whose children are the instances of `service`. Both names must be valid, see `validate_name`.
    virtual std::string service_path(std::string_view prefix, std::string_view service) const = 0;

    /// Path of the master's znode below a service path.
    virtual std::string master_path(std::string_view service_path) const = 0;

    /// Path to which a sequential create appends its counter to make a normal's znode.
    virtual std::string normal_prefix(std::string_view service_path) const = 0;

    /// What a child of that name is: master, normal, or `none` where it is no instance at all.
    virtual role role_of(std::string_view child) const noexcept = 0;

    /// Counter of a normal's name; none for other names. It is signed: ZooKeeper's counter wraps to negative values.
    virtual std::optional<std::int32_t> sequence_of(std::string_view child) const noexcept = 0;

    /// Most bytes of data that an instance may have. Larger ones are rejected without being parsed.
    virtual std::size_t max_data() const noexcept = 0;

    /// The data that publishes `i`.
    virtual std::string encode(const instance& i) const = 0;

    /// Reads a child. Errors: `registry_errc::malformed_data`, with a message that names the value and what was expected;
    /// it never contains a password.
    virtual result<parsed_instance> parse(std::string_view service_path, std::string_view child, std::string_view data,
                                          const zk::stat& stat) const = 0;
};

/// The seed's layout: `/<prefix>/<service>/master` and `.../normalNNNNNNNNNN`, data as Go's json.Marshal writes it.
std::shared_ptr<const layout> make_micro_service_layout();

}    // namespace muster::registry
