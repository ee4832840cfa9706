// Part of muster. Boost Software License 1.0, see LICENSE.
#include <muster/error.hpp>
#include <muster/instance.hpp>

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

result<void> validate(const instance& i) {
    const auto wrong = [](std::string message) { return diagnostic(registry_errc::invalid_instance, std::move(message)); };
    if (!i.ip.empty() && i.port == 0) {
        return wrong(fmt::format("port 0 of instance {}: expected 1 to 65535", registry::quoted(i.ip)));
    }
    if (i.ip.empty() && i.unique_code.empty()) {
        return wrong(
            fmt::format("instance with address '' (port {}) and unique code '': expected an address and a port, or a "
                        "unique code",
                        i.port));
    }
    return {};
}

result<void> validate_name(std::string_view name, std::string_view what) {
    const auto wrong = [&](std::string_view fault) {
        return diagnostic(registry_errc::invalid_name, fmt::format("{} {} {}: expected one path component without control "
                                                                   "characters, other than '.' and '..'",
                                                                   what, registry::quoted(name), fault));
    };
    if (name.empty()) return wrong("is empty");
    if (name == "." || name == "..") return wrong("is relative");
    for (std::string_view rest = name; !rest.empty();) {
        const registry::rune r = registry::first_rune(rest);
        if (!r.valid) return wrong("is not UTF-8");
        if (r.value == '/') return wrong("contains '/'");
        if (r.value < 0x20 || (r.value >= 0x7F && r.value <= 0x9F)) {
            return wrong(fmt::format("contains the control character U+{:04X}", static_cast<unsigned>(r.value)));
        }
        // ZooKeeper reserves these, and its Java code sees characters above U+FFFF as surrogates, which are among them.
        if ((r.value >= 0xD800 && r.value <= 0xF8FF) || r.value >= 0xFFF0) {
            return wrong(fmt::format("contains U+{:04X}, which ZooKeeper reserves", static_cast<unsigned>(r.value)));
        }
        rest.remove_prefix(r.bytes);
    }
    return {};
}

}    // namespace muster
