// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include <muster/picker.hpp>

#include "balance/channel.hpp"
#include "balance/service.hpp"

#include <chrono>
#include <memory>
#include <utility>

namespace muster::balance {

/// A pick that was made: co_await gives the lease and does not suspend.
asio::awaitable<lease> picked(lease l);

}    // namespace muster::balance

namespace muster::detail {

/// The picker of one thread. It keeps the service, which goes on while its balancer is open.
struct picker_impl {
    picker_impl(std::shared_ptr<balance::service> s, balance::selection selected, std::chrono::milliseconds w)
        : hot(s->channel(selected)), service(std::move(s)), what(std::move(selected)), wait(w) {}

    balance::hot_picker hot;
    std::shared_ptr<balance::service> service;
    balance::selection what;
    std::chrono::milliseconds wait;
};

}    // namespace muster::detail
