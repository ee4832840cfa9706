// Part of muster. Boost Software License 1.0, see LICENSE.
#include "embedded/acl_list.hpp"

#include "embedded/access.hpp"
#include "embedded/networks.hpp"

#include <algorithm>
#include <optional>
#include <tuple>
#include <utility>

namespace muster::embedded {
namespace {

constexpr std::uint64_t key_of(const network& n) noexcept { return static_cast<std::uint64_t>(n.length) << 32 | n.address; }

}    // namespace

acl_list::acl_list(std::vector<zk::acl> all) : all_(std::move(all)) {
    const auto others = [this]() -> lookup& {
        if (!others_) others_ = std::make_unique<lookup>();
        return *others_;
    };
    for (const auto& a : all_) {
        if (a.scheme == "world" && a.id == "anyone") {
            world_ |= a.permissions;
        } else if (a.scheme == "digest") {
            others().digests[a.id] |= a.permissions;
        } else if (const auto n = a.scheme == "ip" ? parse_network(a.id) : std::nullopt) {
            others().networks[key_of(*n)] |= a.permissions;
            others().lengths |= std::uint64_t{1} << n->length;
        }
    }
}

bool acl_list::permits(std::int32_t permissions, const identities& who) const {
    if ((world_ & permissions) != 0) return true;
    const auto granted = [permissions](const auto& to, const auto& key) {
        const auto at = to.find(key);
        return at != to.end() && (at->second & permissions) != 0;
    };
    return std::any_of(who.all().begin(), who.all().end(), [&](const identity& i) {
        if (i.scheme == "super") return true;
        if (!others_) return false;
        if (i.scheme == "digest") return granted(others_->digests, std::string_view(i.id));
        const auto address = i.scheme == "ip" ? parse_address(i.id) : std::nullopt;
        for (int length = 0; address && length <= 32; ++length) {
            const bool any = (others_->lengths >> length & 1) != 0;
            if (any && granted(others_->networks, key_of({*address & mask_of(length), length}))) return true;
        }
        return false;
    });
}

acl_ptr acl_cache::share(std::vector<zk::acl> all) {
    if (const auto at = known_->find(all); at != known_->end()) return (*at)->shared_from_this();
    const auto forget = [known = std::weak_ptr<set>(known_)](const acl_list* gone) {
        if (const auto still = known.lock()) still->erase(gone);
        delete gone;
    };
    const acl_ptr added(new acl_list(std::move(all)), forget);
    known_->insert(added.get());
    return added;
}

bool acl_cache::less::operator()(const std::vector<zk::acl>& a, const std::vector<zk::acl>& b) const {
    const auto before = [](const zk::acl& x, const zk::acl& y) {
        return std::tie(x.permissions, x.id, x.scheme) < std::tie(y.permissions, y.id, y.scheme);
    };
    return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end(), before);
}

}    // namespace muster::embedded
