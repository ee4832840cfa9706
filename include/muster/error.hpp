// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include <muster/zk/error.hpp>

namespace muster {

/// What the registrar and the balancer concluded.
enum class registry_errc {
    no_instances = 1,        ///< The service has no instance in the pool that was asked for.
    no_master,               ///< The service has no master.
    unknown_service,         ///< Nothing is known of the service yet (`try_pick` before its first view).
    registry_unavailable,    ///< ZooKeeper was not reached, and there is no earlier view to answer from.
    timed_out,               ///< The wait given to the call passed.
    closed,                  ///< The registrar or balancer is closed.
    key_required,            ///< A hash policy was asked without a key.
    unknown_policy,          ///< No policy has that name.
    invalid_name,            ///< A prefix or service name is illegal.
    invalid_instance,        ///< An instance cannot be registered as described.
    malformed_data,          ///< A znode's data is not an instance.
    conflict,                ///< Another process keeps taking over this registration.
    no_chroot,               ///< The chroot of the connect string does not exist.
    all_ejected,             ///< All instances are ejected, and `health_params::panic_percentage` is 0.
    recovering,              ///< After all were gone too few are back for all picks: `health_params::recovery_instances`.
    policy_failed,           ///< A policy of the user's threw, or chose what is not there: see `custom_policy`.
    too_many_services,       ///< The balancer follows as many as it may: `balancer_params::max_services`.
};

/// The category of `registry_errc`, for what an `error_code` is asked and compared with.
const boost::system::error_category& registry_category() noexcept;
error_code make_error_code(registry_errc e) noexcept;

}    // namespace muster

template <>
struct boost::system::is_error_code_enum<muster::registry_errc> : std::true_type {};
