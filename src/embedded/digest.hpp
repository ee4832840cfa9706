// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include <string>
#include <string_view>

namespace muster::embedded {

/// The id of scheme `digest` that "user:password" proves: "user:" and the base64 of the SHA-1 of the whole.
std::string digest_id(std::string_view user_and_password);

}    // namespace muster::embedded
