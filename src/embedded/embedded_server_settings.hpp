// Part of muster. Boost Software License 1.0, see LICENSE.
//
// What the parameters of an embedded server may be, and what they mean to the server behind it.
#pragma once

#include <muster/embedded_server.hpp>

#include "embedded/settings.hpp"

namespace muster::detail {

/// Gives them back, or throws `client_errc::invalid_argument`.
embedded_server_params checked(embedded_server_params p);

embedded::settings settings_of(const embedded_server_params& p);

}    // namespace muster::detail
