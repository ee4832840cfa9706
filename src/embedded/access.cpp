// Part of muster. Boost Software License 1.0, see LICENSE.
#include "embedded/access.hpp"

#include "embedded/digest.hpp"
#include "embedded/errors.hpp"
#include "embedded/java_strings.hpp"
#include "embedded/networks.hpp"

#include <algorithm>
#include <iterator>
#include <optional>
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

// Whether one that `is_null` has an earlier one in its group. They are sorted, with groups side by side; addresses tell who came
// first.
template <class Group, class Null>
bool any_null_behind(const std::vector<const acl_view*>& sorted, Group group, Null is_null) {
    for (auto begin = sorted.begin(); begin != sorted.end();) {
        const auto end = std::find_if(begin, sorted.end(), [&](const acl_view* a) { return group(*a) != group(**begin); });
        const acl_view* const first = *std::min_element(begin, end);
        if (std::any_of(begin, end, [&](const acl_view* a) { return a != first && is_null(*a); })) return true;
        begin = end;
    }
    return false;
}

// Each once, in the order in which they were asked for. Nothing where Apache's server stumbles: it compares each with those
// before it, and what is null in one spoils that where the other has the same in front of it. A frame has room for many: no
// comparing of each with each, and no set either, which takes several times what the ACLs do.
std::optional<std::vector<const acl_view*>> without_duplicates(const std::vector<acl_view>& asked) {
    std::vector<const acl_view*> all;
    all.reserve(asked.size());
    for (const auto& a : asked) all.push_back(&a);
    const auto content = [](const acl_view& a) { return std::tie(a.permissions, a.scheme, a.id); };
    std::sort(all.begin(), all.end(), [&](const acl_view* a, const acl_view* b) {
        if (content(*a) != content(*b)) return content(*a) < content(*b);
        return a < b;
    });
    const auto permissions = [](const acl_view& a) { return a.permissions; };
    const auto scheme = [](const acl_view& a) { return std::tie(a.permissions, a.scheme); };
    if (any_null_behind(all, permissions, [](const acl_view& a) { return !a.scheme; })) return std::nullopt;
    if (any_null_behind(all, scheme, [](const acl_view& a) { return !a.id; })) return std::nullopt;
    const auto same = [&](const acl_view* a, const acl_view* b) { return content(*a) == content(*b); };
    all.erase(std::unique(all.begin(), all.end(), same), all.end());    // which keeps the first of them
    std::sort(all.begin(), all.end());
    return all;
}

}    // namespace

identities::identities(std::string address) : address_(std::move(address)) { all_.push_back({"ip", address_}); }

bool identities::add(identity i) {
    if (std::find(all_.begin(), all_.end(), i) != all_.end()) return true;
    if (all_.size() == max || i.id.size() > max_bytes - bytes_) return false;
    bytes_ += i.id.size();
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

std::int32_t fix_up(const std::vector<acl_view>& asked, const identities& who, std::size_t& room, std::vector<zk::acl>& stored) {
    if (asked.empty()) return err::invalid_acl;
    const auto unique = without_duplicates(asked);
    if (!unique) return err::marshalling_error;
    stored.reserve(unique->size());
    const auto store = [&](std::int32_t permissions, std::string_view scheme, std::string_view id) {
        constexpr std::size_t numbers = 12;    // the permissions, and the lengths of the strings
        const std::size_t size = numbers + scheme.size() + id.size();
        if (size > room) return false;
        room -= size;
        stored.emplace_back(permissions, std::string(scheme), std::string(id));
        return true;
    };
    for (const acl_view* one : *unique) {
        const acl_view& a = *one;
        if (!a.scheme) return err::invalid_acl;
        if (a.scheme == "auth") {
            bool any = false;
            for (const auto& i : who.all()) {
                if (i.scheme != "digest") continue;    // an address proves nothing
                if (!store(a.permissions, i.scheme, i.id)) return err::invalid_acl;
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
        if (!valid || !store(a.permissions, *a.scheme, *a.id)) return err::invalid_acl;
    }
    return err::ok;
}

std::vector<zk::acl> masked(std::vector<zk::acl> acls) {
    for (auto& a : acls)
        if (const auto colon = a.id.find(':'); a.scheme == "digest" && colon != a.id.npos) a.id = a.id.substr(0, colon) + ":x";
    return acls;
}

}    // namespace muster::embedded
