// Part of muster. Boost Software License 1.0, see LICENSE.
#include "embedded/acl_list.hpp"

#include "embedded/access.hpp"
#include "embedded/networks.hpp"

#include <algorithm>
#include <optional>
#include <utility>

namespace muster::embedded {
namespace {

constexpr std::size_t short_list = 8;

constexpr std::uint64_t key_of(const network& n) noexcept { return static_cast<std::uint64_t>(n.length) << 32 | n.address; }

bool is_in(std::uint32_t address, const network& n) noexcept { return (address & mask_of(n.length)) == n.address; }

bool matches(const zk::acl& a, const identity& i) {
    if (a.scheme != i.scheme) return false;
    if (a.scheme == "digest") return a.id == i.id;
    if (a.scheme != "ip") return false;
    const auto allowed = parse_network(a.id);
    const auto address = parse_address(i.id);
    return allowed && address && is_in(*address, *allowed);
}

}    // namespace

acl_list::acl_list(std::vector<zk::acl> all) : all_(std::move(all)) {
    for (const auto& a : all_)
        if (a.scheme == "world" && a.id == "anyone") world_ |= a.permissions;
    if (all_.size() <= short_list) return;
    auto made = std::make_unique<index>();
    for (const auto& a : all_) {
        if (a.scheme == "digest") {
            made->digests[a.id] |= a.permissions;
        } else if (a.scheme == "ip") {
            const auto n = parse_network(a.id);
            if (!n) continue;
            made->networks[key_of(*n)] |= a.permissions;
            made->lengths |= std::uint64_t{1} << n->length;
        }
    }
    index_ = std::move(made);
}

bool acl_list::permits(std::int32_t permissions, const identities& who) const {
    if ((world_ & permissions) != 0) return true;
    const auto granted = [permissions](const auto& to, const auto& key) {
        const auto at = to.find(key);
        return at != to.end() && (at->second & permissions) != 0;
    };
    return std::any_of(who.all().begin(), who.all().end(), [&](const identity& i) {
        if (i.scheme == "super") return true;
        if (!index_) {
            return std::any_of(all_.begin(), all_.end(),
                               [&](const zk::acl& a) { return (a.permissions & permissions) != 0 && matches(a, i); });
        }
        if (i.scheme == "digest") return granted(index_->digests, std::string_view(i.id));
        const auto address = i.scheme == "ip" ? parse_address(i.id) : std::nullopt;
        for (int length = 0; address && length <= 32; ++length) {
            if ((index_->lengths >> length & 1) != 0 && granted(index_->networks, key_of({*address & mask_of(length), length})))
                return true;
        }
        return false;
    });
}

}    // namespace muster::embedded
