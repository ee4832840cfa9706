// Part of muster. Boost Software License 1.0, see LICENSE.
//
// rendezvous: highest random weight (Thaler and Ravishankar 1998). Each instance draws a lot for the key, and the best one has
// it. An instance that goes takes nobody's lot with it, so that no other key moves; that is why nothing is prepared here, and
// all are looked at.
#include "balance/hash.hpp"
#include "balance/policies.hpp"

#include <cmath>
#include <limits>
#include <utility>

namespace muster::balance {
namespace {

constexpr std::size_t none = std::numeric_limits<std::size_t>::max();

struct everybody {
    bool operator()(std::size_t) const noexcept { return true; }
};

std::vector<std::uint64_t> ids_of(const node_list& nodes) {
    std::vector<std::uint64_t> ids;
    ids.reserve(nodes.size());
    for (const node_ref& n : nodes) ids.push_back(n->id);
    return ids;
}

class by_lot {
public:
    explicit by_lot(const node_list& nodes) : ids_(ids_of(nodes)) {}

    template <class Allowed>
    std::size_t best(std::uint64_t key, Allowed allowed) const noexcept {
        std::size_t best = none;
        std::uint64_t highest = 0;
        for (std::size_t i = 0; i < ids_.size(); ++i) {
            const std::uint64_t l = lot(key, ids_[i]);
            if (l < highest || !allowed(i)) continue;
            best = i;
            highest = l;
        }
        return best;
    }

private:
    std::vector<std::uint64_t> ids_;
};

// The lowest -ln(u) / w wins, with u the lot in (0, 1]: that is a race of exponential clocks, which each wins in proportion to
// its rate w. With equal weights the same one wins as above. 1 - u <= -ln(u) tells most losers without the logarithm.
class by_weighted_lot {
public:
    explicit by_weighted_lot(const node_list& nodes) : ids_(ids_of(nodes)) {
        for (const node_ref& n : nodes) per_weight_.push_back(1.0 / n->weight);
    }

    template <class Allowed>
    std::size_t best(std::uint64_t key, Allowed allowed) const noexcept {
        std::size_t best = none;
        double earliest = std::numeric_limits<double>::infinity();
        for (std::size_t i = 0; i < ids_.size(); ++i) {
            const double u = fraction(lot(key, ids_[i]));
            if ((1 - u) * per_weight_[i] >= earliest) continue;
            const double at = -std::log(u) * per_weight_[i];
            if (at < earliest && allowed(i)) {
                earliest = at;
                best = i;
            }
        }
        return best;
    }

private:
    std::vector<std::uint64_t> ids_;
    std::vector<double> per_weight_;
};

template <class Lots>
class rendezvous final : public table {
public:
    explicit rendezvous(node_list nodes) : table(std::move(nodes)), lots_(this->nodes()) {}

    node* pick(pick_state&, std::string_view key, error_code& ec) const noexcept override {
        if (key.empty()) {
            ec = registry_errc::key_required;
            return nullptr;
        }
        return nodes()[lots_.best(hash64(key), everybody{})].get();
    }

    // The best of those that are allowed, which is who would have the key if the others were gone.
    node* pick_if(pick_state&, std::string_view key, eligibility& e) const noexcept override {
        const std::size_t i = lots_.best(hash64(key), [&](std::size_t k) { return e(*nodes()[k]); });
        return i == none ? nullptr : nodes()[i].get();
    }
    bool by_key() const noexcept override { return true; }

private:
    Lots lots_;
};

}    // namespace

table_ptr make_rendezvous(node_list nodes) {
    if (equal_weights(nodes)) return std::make_shared<rendezvous<by_lot>>(std::move(nodes));
    return std::make_shared<rendezvous<by_weighted_lot>>(std::move(nodes));
}

}    // namespace muster::balance
