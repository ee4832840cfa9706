// Part of muster. Boost Software License 1.0, see LICENSE.
//
// What the tests of this layer share: services of made-up instances, and ways to count picks.
#pragma once

#include <muster/lease.hpp>

#include "balance/channel.hpp"
#include "balance/membership.hpp"
#include "balance/table.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace muster::balance::test {

inline const membership::time_point start{};
inline constexpr std::chrono::seconds remember{30};

// Instance number `i` of a service: 10.0.0.i:8000.
inline muster::instance numbered(std::size_t i, std::uint32_t weight = 1) {
    return {"10.0." + std::to_string(i / 256) + "." + std::to_string(i % 256), 8000, weight};
}

inline sighting normal(muster::instance i, std::int64_t czxid = 1) {
    std::string path = "/micro-service/svc/normal" + std::to_string(czxid);
    return {std::move(i), std::move(path), czxid, role::normal};
}

inline sighting master(muster::instance i, std::int64_t czxid = 1) {
    return {std::move(i), "/micro-service/svc/master", czxid, role::master};
}

inline std::vector<sighting> normals(const std::vector<std::uint32_t>& weights) {
    std::vector<sighting> r;
    for (std::size_t i = 0; i < weights.size(); ++i)
        r.push_back(normal(numbered(i, weights[i]), static_cast<std::int64_t>(i + 1)));
    return r;
}

inline std::vector<sighting> normals(std::size_t n) { return normals(std::vector<std::uint32_t>(n, 1)); }

/// A clock that the test moves.
struct hand_clock final : time_source {
    time_point at = start + std::chrono::hours(1);
    time_point now() noexcept override { return at; }
};

/// A membership that is told whole lists.
struct listed_membership : membership {
    using membership::apply;
    using membership::membership;

    std::vector<difference> apply(std::vector<sighting> seen, time_point now) {
        auto before = std::exchange(last_, seen);
        return apply(std::move(before), std::move(seen), now);
    }

private:
    std::vector<sighting> last_;
};

inline void publish(publisher& to, node_list nodes) { to.publish(std::make_shared<const node_list>(std::move(nodes))); }

/// The nodes of those who are there, for as long as `m` lives.
inline node_list joined(listed_membership& m, std::vector<sighting> seen) {
    m.apply(std::move(seen), start);
    return m.nodes();
}

/// The same, of no service.
inline node_list nodes_of(std::vector<sighting> seen) {
    listed_membership m(remember);
    return joined(m, std::move(seen));
}

/// A service whose instances are published to pickers.
struct published {
    explicit published(const health_params& h = {}, std::size_t threads = 1)
        : shared(std::make_shared<service_state>(clock, h, threads)), members(remember, shared) {}

    void show(std::vector<sighting> seen) {
        members.apply(std::move(seen), clock->at);
        publish(pub, members.nodes());
    }
    /// Instance number `i`.
    node& of(std::size_t i) {
        for (const node_ref& n : members.nodes())
            if (n->seen.identity == numbered(i).identity()) return *n;
        throw std::out_of_range("no such instance");
    }
    /// As a pick of instance number `i` would.
    lease lend(std::size_t i) {
        node& n = of(i);
        return node::lend(n, n.state->standing == standing::trial ? loan::of_trial(n.state->health.trial) : 0);
    }
    /// So many leases of each of the instances from number `begin` on, up to `end`.
    std::vector<lease> lend_each(std::size_t begin, std::size_t end, int times) {
        std::vector<lease> out;
        for (std::size_t i = begin; i < end; ++i)
            for (int k = 0; k < times; ++k) out.push_back(lend(i));
        return out;
    }
    void fail(std::size_t i, int times, failure_class why = failure_class::failed) {
        for (int k = 0; k < times; ++k) lend(i).failure(why);
    }
    void eject(std::size_t i) {
        fail(i, 5);
        REQUIRE(of(i).state->standing == standing::ejected);
    }

    std::shared_ptr<hand_clock> clock = std::make_shared<hand_clock>();
    service_state_ptr shared;
    listed_membership members;
    publisher pub{1};
};

/// A service of normals, and one picker of it.
struct picked_service : published {
    explicit picked_service(std::size_t n, const health_params& h = {}, policy p = policy::roundrobin, pool where = pool::all)
        : published(h), picker(pub.get(p, where)) {
        show(n);
    }

    using published::show;
    void show(std::size_t n) { published::show(normals(n)); }
    lease take(std::string_view key = "key") { return picker.pick(key, last); }
    bool is(std::size_t i, standing s) { return of(i).state->standing == s; }

    hot_picker picker;
    error_code last;    ///< Of the last pick.
};

// A pick without a lease.
inline node* choose(const table& t, pick_state& s, std::string_view key = {}) {
    error_code ec;
    return t.pick(s, key, ec);
}

// How often each identity is chosen in `picks` picks. Keys are numbers, for policies that need one.
inline std::map<std::string, double> count(const table& t, pick_state& s, std::size_t picks) {
    std::map<std::string, double> r;
    for (std::size_t i = 0; i < picks; ++i) ++r[std::string(choose(t, s, "/key/" + std::to_string(i))->seen.identity)];
    return r;
}

// Pearson's statistic of `counts` against what the weights of `nodes` make expected.
inline double chi_square(const std::map<std::string, double>& counts, const node_list& nodes) {
    double total = 0, weights = 0, r = 0;
    for (const auto& c : counts) total += c.second;
    for (const node_ref& n : nodes) weights += n->weight;
    for (const node_ref& n : nodes) {
        const double expected = total * n->weight / weights;
        const auto found = counts.find(std::string(n->seen.identity));
        const double off = (found == counts.end() ? 0 : found->second) - expected;
        r += off * off / expected;
    }
    return r;
}

inline constexpr double chi_square_9 = 27.9;      // exceeded once in 1000 times: 10 nodes
inline constexpr double chi_square_99 = 148.2;    // the same: 100 nodes

}    // namespace muster::balance::test
