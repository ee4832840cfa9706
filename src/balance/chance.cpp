// Part of muster. Boost Software License 1.0, see LICENSE.
//
// random and weightrandom.
#include "balance/alias.hpp"
#include "balance/look_ahead.hpp"
#include "balance/policies.hpp"

#include <utility>

namespace muster::balance {
namespace {

class uniform final : public table {
public:
    explicit uniform(node_list nodes) : table(std::move(nodes)), ahead_(this->nodes()) {}

    node* pick(pick_state& s, std::string_view, error_code&) const noexcept override {
        return nodes()[s.random_below(size())].get();
    }
    shortcut in_short() const noexcept override {
        shortcut s;
        s.nodes = nodes().data();
        if (ahead_.pays()) {
            s.ahead = &ahead_;
            s.far = size();
        } else {
            s.draws = size();
        }
        return s;
    }

private:
    std::uint32_t size() const noexcept { return static_cast<std::uint32_t>(nodes().size()); }

    look_ahead ahead_;
};

class weighted final : public table {
public:
    explicit weighted(node_list nodes) : table(std::move(nodes)), alias_(weights_of(this->nodes())), ahead_(this->nodes()) {}

    node* pick(pick_state& s, std::string_view, error_code&) const noexcept override {
        const std::uint32_t i = alias_.draw(s);
        if (ahead_.pays()) [[unlikely]]
            return look_ahead_from(i, s);
        return nodes()[i].get();
    }

private:
    // Apart: picks from few are not to pay for it.
    [[gnu::noinline]] node* look_ahead_from(std::uint32_t i, const pick_state& s) const noexcept {
        pick_state later = s.later();
        ahead_.fetch(alias_.draw(later));
        return ahead_[i];
    }

    alias_table alias_;
    look_ahead ahead_;
};

}    // namespace

table_ptr make_random(node_list nodes) { return std::make_shared<uniform>(std::move(nodes)); }

table_ptr make_weighted_random(node_list nodes) {
    if (equal_weights(nodes)) return make_random(std::move(nodes));
    return std::make_shared<weighted>(std::move(nodes));
}

}    // namespace muster::balance
