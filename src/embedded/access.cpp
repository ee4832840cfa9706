// Part of muster. Boost Software License 1.0, see LICENSE.
#include "embedded/access.hpp"

#include "embedded/digest.hpp"
#include "embedded/errors.hpp"
#include "embedded/java_strings.hpp"
#include "embedded/networks.hpp"

#include <algorithm>
#include <iterator>
#include <optional>
#include <set>
#include <tuple>
#include <utility>

namespace muster::embedded {
namespace {

// Two parts by Java's String.split, which drops empty ones at the end.
bool is_digest(std::string_view id) {
    while (id.ends_with(':')) id.remove_suffix(1);
    return std::count(id.begin(), id.end(), ':') == 1;
}

// The bucket of an Id in Java.
std::size_t bucket_of(const identity& i, std::size_t buckets) {
    const auto scheme = static_cast<std::uint32_t>(java_hash(i.scheme));
    const auto id = static_cast<std::uint32_t>(java_hash(i.id));
    return java_bucket(static_cast<std::int32_t>((17 * 37 + scheme) * 37 + id), buckets);
}

}    // namespace

identities::identities(std::string address) : address_(std::move(address)) { all_.push_back({"ip", address_}); }

bool identities::add(identity i) {
    if (std::find(all_.begin(), all_.end(), i) != all_.end()) return true;
    if (all_.size() == max) return false;
    all_.push_back(std::move(i));
    // Java's table doubles when it is three quarters full, and gives its elements by buckets.
    std::size_t buckets = 16;
    while (all_.size() >= buckets / 4 * 3) buckets *= 2;
    // By insertion, since there are few; clang takes what std::stable_sort of GCC 12's library uses for deprecated.
    const auto before = [buckets](const identity& a, const identity& b) { return bucket_of(a, buckets) < bucket_of(b, buckets); };
    for (auto it = all_.begin(); it != all_.end(); ++it)
        std::rotate(std::upper_bound(all_.begin(), it, *it, before), it, std::next(it));
    return true;
}

bool identities::authenticate(const text& scheme, const text& proof, std::string_view super_digest) {
    if (scheme == "ip") return add({"ip", address_});
    if (scheme != "digest" || !proof) return false;
    std::string id = digest_id(*proof);
    if (!super_digest.empty() && id == super_digest && !add({"super", ""})) return false;
    return add({"digest", std::move(id)});
}

std::string_view identities::user_of(const identity& i) noexcept {
    if (i.scheme == "digest") return std::string_view(i.id).substr(0, i.id.find(':'));
    return i.scheme == "ip" ? std::string_view(i.id) : std::string_view();
}

std::int32_t fix_up(const std::vector<acl_view>& asked, const identities& who, std::vector<zk::acl>& stored) {
    if (asked.empty()) return err::invalid_acl;
    // A frame has room for many: no comparing of each with each. Apache's server does that, and stumbles over what is null.
    std::vector<const acl_view*> unique;
    std::set<std::tuple<std::int32_t, text, text>> seen;
    for (const auto& a : asked) {
        if (!a.scheme || !a.id) {
            const auto at = seen.lower_bound({a.permissions, a.scheme, std::nullopt});
            if (at != seen.end() && std::get<0>(*at) == a.permissions && (!a.scheme || std::get<1>(*at) == a.scheme))
                return err::marshalling_error;
        }
        if (seen.emplace(a.permissions, a.scheme, a.id).second) unique.push_back(&a);
    }
    for (const acl_view* one : unique) {
        const acl_view& a = *one;
        if (!a.scheme) return err::invalid_acl;
        if (a.scheme == "auth") {
            bool any = false;
            for (const auto& i : who.all()) {
                if (i.scheme != "digest") continue;    // an address proves nothing
                stored.emplace_back(a.permissions, i.scheme, i.id);
                any = true;
            }
            if (!any) return err::invalid_acl;
            continue;
        }
        const bool known = a.scheme == "world" || a.scheme == "digest" || a.scheme == "ip";
        if (!known) return err::invalid_acl;
        if (!a.id) return err::marshalling_error;    // Apache's server stumbles
        const bool valid = a.scheme == "world"    ? a.id == "anyone"
                           : a.scheme == "digest" ? is_digest(*a.id)
                                                  : parse_network(*a.id).has_value();
        if (!valid) return err::invalid_acl;
        stored.emplace_back(a.permissions, std::string(*a.scheme), std::string(*a.id));
    }
    return err::ok;
}

std::vector<zk::acl> masked(std::vector<zk::acl> acls) {
    for (auto& a : acls)
        if (const auto colon = a.id.find(':'); a.scheme == "digest" && colon != a.id.npos) a.id = a.id.substr(0, colon) + ":x";
    return acls;
}

}    // namespace muster::embedded
