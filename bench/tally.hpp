// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include "bench/child.hpp"
#include "bench/statistics.hpp"

#include <cstddef>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

namespace muster::bench {

/// What one client gave in the rounds so far. After a failure it does not run again: its medians would be of fewer rounds.
template <class Impl, class Round>
struct tally {
    Impl impl;
    std::vector<Round> rounds = {};
    std::optional<failure> failed = {};

    void add(std::variant<Round, failure> outcome) {
        if (auto* r = std::get_if<Round>(&outcome))
            rounds.push_back(*r);
        else
            failed = std::get<failure>(std::move(outcome));
    }

    double median_of(double Round::*member) const {
        std::vector<double> values;
        for (const Round& r : rounds) values.push_back(r.*member);
        return median(std::move(values));
    }
};

/// Adds `rounds` rounds of `run(impl)` to each. Each round begins with another client, so that none always meets the server in
/// the same state.
template <class Tally, class Run>
void add_rounds(std::vector<Tally>& tallies, unsigned rounds, Run run) {
    for (unsigned round = 0; round != rounds; ++round) {
        for (std::size_t i = 0; i != tallies.size(); ++i) {
            Tally& t = tallies[(round + i) % tallies.size()];
            if (!t.failed) t.add(run(t.impl));
        }
    }
}

}    // namespace muster::bench
