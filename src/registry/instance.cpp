// Part of muster. Boost Software License 1.0, see LICENSE.
#include <muster/error.hpp>
#include <muster/instance.hpp>

#include "registry/instance_check.hpp"
#include "registry/text.hpp"

#include <fmt/format.h>

namespace muster {

const char* to_string(role r) noexcept {
    switch (r) {
        case role::none:
            return "none";
        case role::normal:
            return "normal";
        case role::master:
            return "master";
    }
    return "unknown";
}

std::string instance::identity() const { return unique_code.empty() ? fmt::format("{}:{}", ip, port) : unique_code; }

result<void> validate(const instance& i) { return registry::check_instance(i, {}); }

result<void> validate_name(std::string_view name, std::string_view what) {
    const auto wrong = [&](std::string_view fault) {
        return diagnostic(registry_errc::invalid_name, fmt::format("{} {} {}: expected one path component without control "
                                                                   "characters, other than '.' and '..'",
                                                                   what, registry::quoted(name), fault));
    };
    if (name.empty()) return wrong("is empty");
    if (name == "." || name == "..") return wrong("is relative");
    if (const std::string fault = registry::fault_of(name); !fault.empty()) return wrong(fault);
    for (std::string_view rest = name; !rest.empty();) {
        const registry::rune r = registry::first_rune(rest);
        if (r.value == '/') return wrong("contains '/'");
        // ZooKeeper reserves these, and its Java code sees characters above U+FFFF as surrogates, which are among them.
        if ((r.value >= 0xD800 && r.value <= 0xF8FF) || r.value >= 0xFFF0) {
            return wrong(fmt::format("contains U+{:04X}, which ZooKeeper reserves", static_cast<unsigned>(r.value)));
        }
        rest.remove_prefix(r.bytes);
    }
    return {};
}

result<void> validate_prefix(std::string_view prefix) {
    if (prefix == "zookeeper") {
        return diagnostic(registry_errc::invalid_name,
                          "prefix 'zookeeper' is reserved: below it ZooKeeper keeps znodes of its own");
    }
    return validate_name(prefix, "prefix");
}

}    // namespace muster
