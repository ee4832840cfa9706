// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace muster {

/// When an instance gets no picks, or fewer, for how its calls went. Failures are those that leases report with the classes
/// `failed` and `unreachable`; a program that reports none ejects nobody.
///
/// An ejected instance is out for a time that grows with each ejection. Then it is on trial: few picks reach it until some
/// succeed in a row; a failure ejects it again. Every switch is one number, and 0 turns it off. The defaults are for services of
/// 2 to 5 instances, where each is a large part of the whole: Envoy's, made for fleets, would never act there.
struct health_params {
    /// Failures in a row that eject. Default 5, as Envoy's: at an error rate of 1 in 10, which is no reason to eject, that
    /// happens once in 100 000 calls.
    std::uint32_t consecutive_failures = 5;

    /// The same for `unreachable` alone. Default 3: nobody listens there, and each further try costs a caller a timeout.
    std::uint32_t consecutive_unreachable = 3;

    /// Failures in percent of the calls within `interval` that eject, once there were `percentage_calls` in it. Default 85 of
    /// 20, Envoy's 85 of 50 for less traffic: it finds the instance of which a call succeeds now and then.
    std::uint32_t failure_percentage = 85;
    std::uint32_t percentage_calls = 20;

    /// Instances that the service must have before `failure_percentage` ejects. Default 3: of two, who is to say which errs.
    std::size_t percentage_instances = 3;

    /// What `failure_percentage` is counted over, and what it takes without ejection for the next time to be shorter by one
    /// `ejection_time`. Default 10 s, as gRPC's and Envoy's.
    std::chrono::milliseconds interval{10'000};

    /// The first ejection takes so long, the k-th in close succession k times that, but at most `max_ejection_time`. Defaults
    /// 10 s and 5 min: 10 s is about what a restart takes. Envoy's 30 s would leave a pair with half its capacity for longer.
    std::chrono::milliseconds ejection_time{10'000};
    std::chrono::milliseconds max_ejection_time{300'000};

    /// At most so many percent of the instances are out at a time; one of two or more may always be, all never. Who has not been
    /// tried for an `ejection_time` since it could be does not count: nobody asks for it. Who is held back
    /// (`balancer_params::hold_back_percentage`) does not count, and may always be ejected, unless this is 0. 0: nobody is ever
    /// ejected. Default 50: Envoy's 10 would be none of 5.
    std::uint32_t max_ejected_percentage = 50;

    /// Where fewer than so many percent of the instances are neither ejected nor on trial, or none is left in the pool and the
    /// filters that were asked for, picks go to ejected ones as to others: the fault is then more likely the caller's or the
    /// network's than theirs. The master behind the normals, and the next filter, come before that. 0: such picks give
    /// `registry_errc::all_ejected`. Default 50, as Envoy's. The times of those who are out go on, and calls that succeed end it.
    std::uint32_t panic_percentage = 50;

    /// On trial an instance takes so many percent of the picks that would be its own, drawn anew for each pick, also of one key,
    /// until so many calls made on trial succeeded in a row. Defaults 10 and 3: if it still fails, one caller in ten of its share
    /// finds out, not all at once, and 3 are hardly chance where most calls fail, but come soon, also in a service with few
    /// calls. Under `p2c`, `peakewma` and `leastconnect`, which hardly ever choose who fails, it takes some 64 picks that would
    /// be its own until the trial begins. One of them 0: no trial, all picks at once.
    std::uint32_t trial_percentage = 10;
    std::uint32_t trial_successes = 3;

    /// An instance that joins a service in use, or comes back from an ejection, gets its full share only after so long, and until
    /// then a share that grows from `slow_start_percentage` in proportion to the time. Under hash policies its keys come to it
    /// one by one. Where nobody else is there, each has its share at once. Default 0: off, since an instance that registers says
    /// that it is ready, and in a service of 2 the other would carry its load meanwhile. 30 s suits those that have caches or a
    /// compiler to warm up. The share begins with 10, as Envoy's: an instance that gets nothing does not warm up.
    std::chrono::milliseconds slow_start{0};
    std::uint32_t slow_start_percentage = 10;

    /// After all instances were gone from the registry, which those that are ejected are not (for them there are trials and
    /// `panic_percentage`), those that come back first get only picks for what they can take: with k of
    /// `recovery_instances` back, k in so many picks, and the others give `registry_errc::recovering` at once. Ends when so many
    /// are back, or their number has not changed for `recovery_hold`. Default 0: off; nobody but you knows how many it takes.
    /// Those that come back after an incident do so within a few seconds of each other: 10 s without another one, the default,
    /// say that no more are to be expected soon, and those that are there have to do.
    std::size_t recovery_instances = 0;
    std::chrono::milliseconds recovery_hold{10'000};

    health_params() = default;    // not an aggregate: GCC 12 destroys aggregate temporaries in co_await expressions twice
};

}    // namespace muster
