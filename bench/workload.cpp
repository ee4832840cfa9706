// Part of muster. Boost Software License 1.0, see LICENSE.
#include "bench/workload.hpp"

#include "bench/allocations.hpp"
#include "bench/usage.hpp"

namespace muster::bench {

std::string_view to_string(client_op op) noexcept {
    switch (op) {
        case client_op::get:
            return "get";
        case client_op::set:
            return "set";
        case client_op::create_delete:
            return "create_delete";
        case client_op::children:
            return "children";
        case client_op::multi:
            return "multi";
    }
    return "?";
}

std::optional<client_op> parse_client_op(std::string_view name) noexcept {
    for (const client_op op : all_client_ops)
        if (to_string(op) == name) return op;
    return std::nullopt;
}

bool meter::completed(clock::time_point issued, clock::time_point now) {
    switch (phase_) {
        case phase::warming_up:
            if (now - start_ >= warm_up_) {
                first_ = take(now);
                phase_ = phase::measuring;
            }
            return true;
        case phase::measuring:
            latency_.record(static_cast<std::uint64_t>((now - issued).count()));
            if (now - first_.at < duration_) return true;
            last_ = take(now);
            phase_ = phase::done;
            return false;
        case phase::done:
            break;
    }
    return false;
}

client_round meter::result() const {
    const auto ops = static_cast<double>(latency_.count());
    client_round r;
    r.ops_per_s = ops / std::chrono::duration<double>(last_.at - first_.at).count();
    r.cpu_us_per_op = (last_.cpu_seconds - first_.cpu_seconds) * 1e6 / ops;
    r.p50_us = latency_.quantile(0.50) / 1e3;
    r.p99_us = latency_.quantile(0.99) / 1e3;
    r.allocs_per_op = static_cast<double>(last_.allocations - first_.allocations) / ops;
    return r;
}

meter::usage meter::take(clock::time_point now) { return {now, cpu_seconds(), allocations_of_this_thread()}; }

}    // namespace muster::bench
