// Part of muster. Boost Software License 1.0, see LICENSE.
#include <muster/error.hpp>

#include <string>

namespace muster {
namespace {

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wnon-virtual-dtor"    // false alarm: the base's destructor is protected
class registry_category_impl final : public boost::system::error_category {
public:
    const char* name() const noexcept override { return "muster.registry"; }

    std::string message(int value) const override {
        switch (static_cast<registry_errc>(value)) {
            case registry_errc::no_instances:
                return "the service has no instance";
            case registry_errc::no_master:
                return "the service has no master";
            case registry_errc::unknown_service:
                return "nothing is known of the service yet";
            case registry_errc::registry_unavailable:
                return "ZooKeeper was not reached, and there is no earlier view";
            case registry_errc::timed_out:
                return "the wait passed";
            case registry_errc::closed:
                return "closed";
            case registry_errc::key_required:
                return "the policy needs a key";
            case registry_errc::unknown_policy:
                return "no policy has that name";
            case registry_errc::invalid_name:
                return "a prefix or service name is illegal";
            case registry_errc::invalid_instance:
                return "the instance cannot be registered as described";
            case registry_errc::malformed_data:
                return "the znode's data is not an instance";
            case registry_errc::conflict:
                return "another process keeps taking over this registration";
            case registry_errc::no_chroot:
                return "the chroot of the connect string does not exist";
            case registry_errc::all_ejected:
                return "all instances are ejected";
            case registry_errc::recovering:
                return "too few instances are back to take all picks";
            case registry_errc::policy_failed:
                return "the custom policy failed";
            case registry_errc::too_many_services:
                return "the balancer follows as many services as it may";
        }
        return "unknown registry error " + std::to_string(value);
    }
};
#pragma GCC diagnostic pop

}    // namespace

const boost::system::error_category& registry_category() noexcept {
    static const registry_category_impl category;
    return category;
}

error_code make_error_code(registry_errc e) noexcept { return error_code(static_cast<int>(e), registry_category()); }

}    // namespace muster
