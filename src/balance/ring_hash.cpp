// Part of muster. Boost Software License 1.0, see LICENSE.
//
// ringhash: consistent hashing on a ring, as Envoy and gRPC place keys and instances.
#include "balance/hash.hpp"
#include "balance/policies.hpp"
#include "balance/ring.hpp"

#include <utility>

namespace muster::balance {
namespace {

class ring_hash final : public table {
public:
    explicit ring_hash(node_list nodes) : table(std::move(nodes)), ring_(claimants_of(this->nodes())) {}

    node* pick(pick_state&, std::string_view key, error_code& ec) const noexcept override {
        if (key.empty()) {
            ec = registry_errc::key_required;
            return nullptr;
        }
        return nodes()[ring_.owner(ring_.at(hash64(key)))].get();
    }

    node* pick_if(pick_state&, std::string_view key, eligibility& e) const noexcept override {
        const std::uint64_t hash = hash64(key);
        return walk(ring_, ring_.at(hash), hash, e);
    }
    bool by_key() const noexcept override { return true; }

private:
    ring ring_;
};

}    // namespace

table_ptr make_ring_hash(node_list nodes) { return std::make_shared<ring_hash>(std::move(nodes)); }

}    // namespace muster::balance
