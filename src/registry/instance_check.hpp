// Part of muster. Boost Software License 1.0, see LICENSE.
//
// What can be registered. The command says the same of its options as the library of the fields of an instance.
#pragma once

#include <muster/instance.hpp>

#include <string_view>

namespace muster::registry {

/// What the fields of an instance are called in messages.
struct field_names {
    std::string_view ip = "address";
    std::string_view unique_code = "unique code";
    std::string_view user = "user name";
    std::string_view password = "password";
};

/// Checks an instance as `validate` does, and speaks of its fields by these names.
result<void> check_instance(const instance& i, const field_names& names);

}    // namespace muster::registry
