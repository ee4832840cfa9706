// Part of muster. Boost Software License 1.0, see LICENSE.
#include "proto_zk/host_cycle.hpp"

#include <algorithm>
#include <numeric>
#include <random>
#include <utility>

namespace muster::zk::proto {
namespace {

/// The probability that who has to leave its server goes to one of the new servers rather than to one of the old that stay.
double share_of_new(std::size_t size_before, std::size_t kept, std::size_t fresh) {
    if (kept + fresh > size_before || kept >= size_before) return 1;
    // Each server that stays keeps its clients, 1 / size_before of all, and is to have 1 / size_after of them.
    const auto before = static_cast<double>(size_before);
    const auto after = static_cast<double>(kept + fresh);
    const auto stay = static_cast<double>(kept);
    return 1 - stay * (before - after) / (after * (before - stay));
}

/// All of both, the next one out of `fresh` with probability `p`.
std::vector<std::size_t> interleave(std::vector<std::size_t> kept, std::vector<std::size_t> fresh, double p,
                                    std::mt19937_64& engine) {
    std::vector<std::size_t> out;
    std::bernoulli_distribution draw(p);
    while (!kept.empty() || !fresh.empty()) {
        const bool take_fresh = kept.empty() || (!fresh.empty() && draw(engine));
        auto& from = take_fresh ? fresh : kept;
        out.push_back(from.back());
        from.pop_back();
    }
    return out;
}

}    // namespace

host_cycle::host_cycle(std::size_t hosts, duration backoff_min, duration backoff_max, std::uint64_t seed)
    : order_(hosts), min_(backoff_min), max_(std::max(backoff_min, backoff_max)), bound_(backoff_min) {
    std::iota(order_.begin(), order_.end(), std::size_t{0});
    std::mt19937_64 engine(seed);
    std::shuffle(order_.begin(), order_.end(), engine);
}

host_cycle::duration host_cycle::failed(duration cap, std::uint64_t random) noexcept {
    advance();
    if (++tried_ < order_.size()) return duration::zero();
    tried_ = 0;
    const auto bound = std::min(bound_, cap);
    bound_ = std::min(bound_ * 2, max_);
    // The upper 32 bits as a fraction of the bound; a bound of hours in nanoseconds does not overflow a long double product.
    const auto fraction = static_cast<double>(random >> 32) / 4294967296.0;
    return duration(static_cast<duration::rep>(static_cast<double>(bound.count()) * fraction));
}

void host_cycle::lost() noexcept {
    advance();
    tried_ = 0;
    bound_ = min_;
}

void host_cycle::skip() noexcept {
    advance();
    ++tried_;
}

void host_cycle::next(std::size_t host) noexcept {
    const auto at = static_cast<std::size_t>(std::find(order_.begin(), order_.end(), host) - order_.begin());
    position_ = (at + order_.size() - 1) % order_.size();    // leaving advances
}

bool host_cycle::replace(std::span<const std::optional<std::size_t>> former, bool under_way, std::uint64_t random) {
    std::mt19937_64 engine(random);
    const std::size_t before = order_.size();
    std::vector<std::size_t> kept;
    std::vector<std::size_t> fresh;
    std::optional<std::size_t> here;
    for (std::size_t i = 0; i != former.size(); ++i) {
        (former[i] ? kept : fresh).push_back(i);
        if (former[i] == current()) here = i;
    }
    const bool grew = former.size() > before;
    const double leave_for_new = grew ? 1 - static_cast<double>(before) / static_cast<double>(former.size()) : 0;
    const bool stay = here && !std::bernoulli_distribution(leave_for_new)(engine);

    std::vector<std::size_t> plain(former.size());
    std::iota(plain.begin(), plain.end(), std::size_t{0});
    std::shuffle(plain.begin(), plain.end(), engine);
    tried_ = 0;
    bound_ = min_;
    if (stay) {
        order_ = std::move(plain);
        next_order_.clear();
        position_ = static_cast<std::size_t>(std::find(order_.begin(), order_.end(), *here) - order_.begin());
        return false;
    }
    std::shuffle(kept.begin(), kept.end(), engine);
    std::shuffle(fresh.begin(), fresh.end(), engine);
    const double p = share_of_new(before, kept.size(), fresh.size());
    order_ = interleave(std::move(kept), std::move(fresh), p, engine);
    next_order_ = std::move(plain);
    position_ = under_way ? order_.size() - 1 : 0;    // leaving advances
    return under_way;
}

void host_cycle::attached() noexcept {
    if (next_order_.empty()) return;
    const auto here = current();
    order_ = std::exchange(next_order_, {});
    position_ = static_cast<std::size_t>(std::find(order_.begin(), order_.end(), here) - order_.begin());
}

}    // namespace muster::zk::proto
