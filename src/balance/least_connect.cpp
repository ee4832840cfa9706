// Part of muster. Boost Software License 1.0, see LICENSE.
//
// leastconnect: the fewest open leases for its weight.
#include "balance/alias.hpp"
#include "balance/policies.hpp"

#include <optional>
#include <utility>

namespace muster::balance {
namespace {

class least_connect final : public table {
public:
    explicit least_connect(node_list nodes) : table(std::move(nodes)) {
        if (!equal_weights(this->nodes())) weighted_.emplace(weights_of(this->nodes()));
    }

    // Exact: looks at all, but stops at one without any lease, which nobody can beat. It starts at a random place, in
    // proportion to the weights, so that ties do not always go to the same.
    node* pick(pick_state& s, std::string_view, error_code&) const noexcept override {
        const std::size_t n = nodes().size();
        // Who follows a busy one must not inherit all its picks: an idle one is looked for twice before all are.
        node* best = draw(s);
        std::uint64_t best_open = best->open();
        if (best_open == 0 || n == 1) return best;
        std::size_t at = index(s);
        for (std::size_t i = 0; i < n; ++i) {
            node* const candidate = nodes()[at].get();
            const std::uint64_t open = candidate->open();
            if (open == 0) return candidate;
            if (open * best->weight < best_open * candidate->weight) {
                best = candidate;
                best_open = open;
            }
            if (++at == n) at = 0;
        }
        return best;
    }

private:
    std::uint32_t index(pick_state& s) const noexcept {
        return weighted_ ? weighted_->draw(s) : s.random_below(static_cast<std::uint32_t>(nodes().size()));
    }
    node* draw(pick_state& s) const noexcept { return nodes()[index(s)].get(); }

    std::optional<alias_table> weighted_;    // none where all weights are equal
};

}    // namespace

table_ptr make_least_connect(node_list nodes) { return std::make_shared<least_connect>(std::move(nodes)); }

}    // namespace muster::balance
