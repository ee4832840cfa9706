// Part of muster. Boost Software License 1.0, see LICENSE.
#include "registry/instance_check.hpp"

#include <muster/error.hpp>

#include "registry/layout.hpp"
#include "registry/text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace muster::registry {
namespace {

diagnostic wrong(std::string message) { return diagnostic(registry_errc::invalid_instance, std::move(message)); }

/// Neither a host name nor an IPv6 address has one colon.
bool has_port(std::string_view address) { return std::count(address.begin(), address.end(), ':') == 1; }

bool has_white_space(std::string_view s) { return s.find_first_of(" \t\n\v\f\r") != s.npos; }

/// A field that is too long for the data of a znode makes the whole instance so: the longest one is named.
result<void> check_size(const instance& i, const field_names& names) {
    const auto layout = make_micro_service_layout();
    const std::size_t size = layout->encode(i).size();
    if (size <= layout->max_data()) return {};
    std::size_t metadata = 0;
    for (const auto& [key, value] : i.metadata) metadata += key.size() + value.size();
    const std::vector<std::pair<std::size_t, std::string_view>> fields{{i.ip.size(), names.ip},
                                                                       {i.unique_code.size(), names.unique_code},
                                                                       {i.user.size(), names.user},
                                                                       {metadata, "metadata"},
                                                                       {i.zone.size(), "zone"},
                                                                       {i.state.size(), "state"},
                                                                       {i.password.size(), names.password}};
    const auto longest = *std::max_element(fields.begin(), fields.end());
    return wrong(fmt::format("{} of {} bytes: the instance would take {} bytes in its znode, expected at most {}", longest.second,
                             longest.first, size, layout->max_data()));
}

}    // namespace

result<void> check_instance(const instance& i, const field_names& names) {
    if (!i.ip.empty() && i.port == 0) return wrong(fmt::format("port 0 of instance {}: expected 1 to 65535", quoted(i.ip)));
    if (i.ip.empty() && i.unique_code.empty()) {
        return wrong(
            fmt::format("instance with address '' (port {}) and unique code '': expected an address and a port, or a "
                        "unique code",
                        i.port));
    }
    if (i.ip.empty() && i.port != 0)
        return wrong(fmt::format("{} '' beside port {}: expected an IP address or a host name", names.ip, i.port));
    if (i.ip.starts_with('[')) {    // as in URLs, where no connect() takes it
        return wrong(fmt::format("{} {} begins with '[': expected an IPv6 address without brackets and without port", names.ip,
                                 quoted(i.ip)));
    }
    const std::string ip_fault = has_white_space(i.ip) ? "contains white space" : has_port(i.ip) ? "has a port" : fault_of(i.ip);
    if (!ip_fault.empty())
        return wrong(fmt::format("{} {} {}: expected an IP address or a host name", names.ip, quoted(i.ip), ip_fault));
    for (const auto& [name, value] : {std::pair(names.unique_code, &i.unique_code), std::pair(names.user, &i.user)}) {
        if (const std::string fault = fault_of(*value); !fault.empty())
            return wrong(fmt::format("{} {} {}: expected text without control characters", name, quoted(*value), fault));
    }
    // JSON has a way to write control characters, but none for what is not Unicode: it would be published as something else.
    bool metadata_ok = true;
    for (const auto& [key, value] : i.metadata) metadata_ok = metadata_ok && is_utf8(key) && is_utf8(value);
    if (!is_utf8(i.password)) return wrong(fmt::format("{} is not UTF-8", names.password));    // never shown
    if (!is_utf8(i.zone)) return wrong(fmt::format("zone {} is not UTF-8", quoted(i.zone)));
    if (!is_utf8(i.state)) return wrong(fmt::format("state {} is not UTF-8", quoted(i.state)));
    if (!metadata_ok) return wrong("metadata is not UTF-8");
    return check_size(i, names);
}

}    // namespace muster::registry
