// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include <muster/result.hpp>

#include <cstddef>
#include <span>
#include <string_view>

namespace muster {

/// How one instance is chosen among those of a pool.
///
/// Under the policies by key, an instance that comes or goes moves at most 1 % of the keys of others. Exceptions: `ringhash`
/// has 192 points per unit of weight, halved for a mean weight of 1.7, 3.4, 6.8 and so on, so that an instance of mean weight has
/// 163 to 326, and halved further while there are more than 262144 in all (from 1366 instances on). A change that takes the mean
/// weight or the sum over such a step halves or doubles the points of all, and about half of the keys move, once. Beyond 6553
/// instances those that go by Maglev's table take a larger one, and nearly all keys move where that begins.
///
/// `weightroundrobin`: after t picks from the beginning of its cycle an instance of weight w, of W in all, has had t*w/W, give or
/// take less than one. A picker begins anywhere in the cycle, so that clients do not all begin with the same instance; between
/// any two of its picks it is less than two.
///
/// `p2c` and `peakewma` turn away from an instance that fails after its first failure. That one is far slower only a call that
/// was timed tells: all are while others are open on the same instance, else one in 16 under `p2c` and one in 4 under
/// `peakewma`, to read the clock less often. Where there are several callers, or up to 5 instances, 90 % of the traffic have left
/// it within 100 picks. One caller with a request at a time and 10 instances may give it up to 16 before `p2c` notices, which
/// takes 160 picks.
enum class policy {
    roundrobin,          ///< Each in turn, from a random start.
    weightroundrobin,    ///< Each in turn as often as its weight says, spread smoothly.
    random,              ///< Uniformly at random.
    weightrandom,        ///< At random, in proportion to the weights.
    iphash,              ///< By a hash of the caller's address: the same key gives the same instance on every client.
    urlhash,             ///< By a hash of a URL, in the same way.
    leastconnect,    ///< The one with the fewest open leases for its weight; among more than 128, the best of 24 drawn at random.
                     ///< Who joins others that are busy gets its share at first, and catches up within some thousand picks.
    p2c,             ///< Draws two by weight and takes the one with fewer open leases; one that fails or is far slower loses.
    peakewma,        ///< Draws two by weight and takes the one with the lower latency, times its open leases.
    ringhash,        ///< By a hash of the key, on a ring whose points stand where Envoy's do: see above.
    maglev,          ///< By a hash of the key, in Envoy's Maglev table. What `iphash` and `urlhash` do, under its own name.
    rendezvous,      ///< By the highest hash of key and instance: moves no key needlessly. Looks at all: for up to some hundred.
    boundedhash,     ///< As `maglev`, but none gets more than 1.25 times its share of the leases open; what exceeds goes on.
};

/// How many there are.
inline constexpr std::size_t policy_count = 13;

/// All policies, in the order of the enum.
std::span<const policy> all_policies() noexcept;

/// The name by which configuration files and the command know a policy.
std::string_view to_string(policy p) noexcept;

/// The policy of that name. Errors: `registry_errc::unknown_policy`, with a message that lists the names.
result<policy> parse_policy(std::string_view name);

/// True for policies that need `pick_options::key`.
bool needs_key(policy p) noexcept;

/// Among which instances a pick chooses. To be had is one that is neither ejected nor tried in vain, and does not drain or start
/// (`instance::state`); those who do come behind all others of the pool, in the same order.
enum class pool {
    normals_then_master,    ///< The normals; the master if there are none, or none to be had.
    normals,                ///< The normals only.
    all,                    ///< Normals and master alike.
    master,                 ///< The master only.
};

/// The name by which configuration files and the command know a pool.
std::string_view to_string(pool p) noexcept;

/// The pool of that name. Errors: `zk::client_errc::invalid_argument`, with a message that lists the names.
result<pool> parse_pool(std::string_view name);

}    // namespace muster
