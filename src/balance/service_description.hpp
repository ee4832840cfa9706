// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include <muster/service_description.hpp>

#include "balance/change_queue.hpp"

#include <boost/json/object.hpp>

#include <chrono>
#include <string>

namespace muster::balance {

/// What `shown` is at `now`.
service_description describe(std::string service, const exhibit& shown, std::chrono::steady_clock::time_point now);

/// One of its instances, in the order of the keys that `to_json` promises.
boost::json::object to_json_object(const instance_description& i);

}    // namespace muster::balance
