// Part of muster. Boost Software License 1.0, see LICENSE.
//
// iphash, urlhash and maglev: the same key, the same instance, on every client and after every change that does not concern it.
#include "balance/hash.hpp"
#include "balance/maglev.hpp"
#include "balance/policies.hpp"
#include "balance/slot_table.hpp"

#include <limits>
#include <utility>

namespace muster::balance {
namespace {

template <class Slot>
class consistent_hash final : public table {
public:
    consistent_hash(node_list nodes, const std::vector<std::uint32_t>& owners) : table(std::move(nodes)), slots_(owners) {}

    node* pick(pick_state&, std::string_view key, error_code& ec) const noexcept override {
        if (key.empty()) {
            ec = registry_errc::key_required;
            return nullptr;
        }
        return nodes()[slots_.owner(slots_.slot_of(hash64(key)))].get();
    }

    node* pick_if(pick_state&, std::string_view key, eligibility& e) const noexcept override {
        const std::uint64_t hash = hash64(key);
        return this->walk(slots_, slots_.slot_of(hash), hash, e);
    }
    bool by_key() const noexcept override { return true; }

private:
    slot_table<Slot> slots_;
};

}    // namespace

table_ptr make_maglev(node_list nodes) {
    const std::vector<std::uint32_t> owners = maglev_slots(claimants_of(nodes), maglev_size(nodes.size()));
    if (nodes.size() <= std::numeric_limits<std::uint16_t>::max()) {
        return std::make_shared<consistent_hash<std::uint16_t>>(std::move(nodes), owners);
    }
    return std::make_shared<consistent_hash<std::uint32_t>>(std::move(nodes), owners);
}

}    // namespace muster::balance
