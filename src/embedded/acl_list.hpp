// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include <muster/zk/types.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <set>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace muster::embedded {

class identities;

/// The ACLs of znodes. A frame has room for tens of thousands, and a multi for as many requests that each ask all of them: so
/// who is granted what is looked up, not searched for.
class acl_list : public std::enable_shared_from_this<acl_list> {
public:
    explicit acl_list(std::vector<zk::acl> all);
    acl_list(const acl_list&) = delete;
    acl_list& operator=(const acl_list&) = delete;

    const std::vector<zk::acl>& all() const noexcept { return all_; }

    /// True if one of them grants one of `permissions`, or the client is super.
    bool permits(std::int32_t permissions, const identities& who) const;

private:
    struct lookup {
        std::unordered_map<std::string_view, std::int32_t> digests;    // into all_
        std::unordered_map<std::uint64_t, std::int32_t> networks;      // by length and address
        std::uint64_t lengths = 0;                                     // bit n: there are networks of this length
    };

    const std::vector<zk::acl> all_;
    std::int32_t world_ = 0;            // what is granted to anyone
    std::unique_ptr<lookup> others_;    // null where nothing else is granted, as to most znodes
};

using acl_ptr = std::shared_ptr<const acl_list>;

/// Keeps equal lists once, as Apache's server does: many znodes, and few ways to protect them. A list goes with the last znode
/// that has it. It may outlive the cache.
/// \par Thread safety
/// None, its lists included.
class acl_cache {
public:
    acl_cache() : known_(std::make_shared<set>()) {}

    acl_ptr share(std::vector<zk::acl> all);

    /// Lists that somebody has.
    std::size_t size() const noexcept { return known_->size(); }

private:
    // By content, and not by a hash of it: clients choose what stands in a list.
    struct less {
        using is_transparent = void;
        bool operator()(const acl_list* a, const acl_list* b) const { return (*this)(a->all(), b->all()); }
        bool operator()(const acl_list* a, const std::vector<zk::acl>& b) const { return (*this)(a->all(), b); }
        bool operator()(const std::vector<zk::acl>& a, const acl_list* b) const { return (*this)(a, b->all()); }
        bool operator()(const std::vector<zk::acl>& a, const std::vector<zk::acl>& b) const;
    };
    using set = std::set<const acl_list*, less>;

    std::shared_ptr<set> known_;
};

}    // namespace muster::embedded
