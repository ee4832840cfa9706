// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include "bench/report.hpp"

#include <muster/policy.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace muster::bench {

/// Which of the library's ways to pick is measured. In each the lease is taken and returned with `success()`.
enum class pick_api {
    try_pick,           ///< `balancer::try_pick(service, options)`: with the look-up of the service.
    picker,             ///< `picker::try_pick(ec, key)`, on a handle that every thread has for itself.
    co_await_pick,      ///< `co_await balancer::pick(service, options)`
    co_await_picker,    ///< `co_await picker::pick(key)`
};

inline constexpr std::array all_pick_apis{pick_api::try_pick, pick_api::picker, pick_api::co_await_pick,
                                          pick_api::co_await_picker};

std::string_view to_string(pick_api api) noexcept;
std::optional<pick_api> parse_pick_api(std::string_view name) noexcept;

struct picks_options {
    std::vector<policy> policies;
    std::vector<std::size_t> instances;
    std::vector<unsigned> threads;
    std::vector<pick_api> apis;
    unsigned rounds = 5;
    std::chrono::nanoseconds duration{};    ///< Of one case's part of a round.
    std::string plot;                       ///< File for a picture (SVG) of the results; empty: none.
};

/// Measures all combinations, each beside the floor, and reports the medians of the rounds.
void bench_picks(const picks_options& o, report& out);

}    // namespace muster::bench
