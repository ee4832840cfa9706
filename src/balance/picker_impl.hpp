// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include <muster/picker.hpp>

#include "balance/channel.hpp"
#include "balance/service.hpp"

#include <chrono>
#include <memory>
#include <utility>

namespace muster::detail {

/// The picker of one thread. It keeps the service, which goes on while its balancer is open.
struct picker_impl {
    picker_impl(std::shared_ptr<balance::service> s, policy p, pool q, std::chrono::milliseconds w)
        : hot(s->channel(p, q)), service(std::move(s)), how(p), where(q), wait(w) {}

    balance::hot_picker hot;
    std::shared_ptr<balance::service> service;
    policy how;
    pool where;
    std::chrono::milliseconds wait;
};

}    // namespace muster::detail
