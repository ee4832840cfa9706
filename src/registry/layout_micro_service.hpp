// Part of muster. Boost Software License 1.0, see LICENSE.
//
// The seed's layout. A service is `/<prefix>/<service>`; its children are `master` and `normalNNNNNNNNNN`, with the data
//
//     {"serverip":"127.0.0.1","serverport":50000,"username":"","userpwd":"","serveruniquecode":"...","weight":1}
//
// written byte for byte as Go's json.Marshal does, and read as tolerantly as Go's json.Unmarshal does: keys in any case, in
// any order, unknown or missing; but a value of another type rejects the whole instance.
#pragma once

#include "registry/layout.hpp"

namespace muster::registry {

class layout_micro_service final : public layout {
public:
    /// A seed instance takes 200 bytes. The rest is for metadata; whatever is larger is no instance.
    static constexpr std::size_t data_limit = 64 * 1024;

    std::string_view name() const noexcept override;
    std::string service_path(std::string_view prefix, std::string_view service) const override;
    std::string master_path(std::string_view service_path) const override;
    std::string normal_prefix(std::string_view service_path) const override;
    role role_of(std::string_view child) const noexcept override;
    std::optional<std::int32_t> sequence_of(std::string_view child) const noexcept override;
    std::size_t max_data() const noexcept override;
    std::string encode(const instance& i) const override;
    result<parsed_instance> parse(std::string_view service_path, std::string_view child, std::string_view data,
                                  const zk::stat& stat) const override;
};

}    // namespace muster::registry
