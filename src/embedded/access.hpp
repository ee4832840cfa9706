// Part of muster. Boost Software License 1.0, see LICENSE.
//
// Who a client is, and what ACLs permit. Schemes: world, auth, digest, ip, and super for those who prove the super digest.
#pragma once

#include "embedded/arguments.hpp"

#include <muster/zk/types.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace muster::embedded {

struct identity {
    std::string scheme;
    std::string id;

    friend bool operator==(const identity&, const identity&) = default;
};

/// What a client has proved to be: its address at first. In the order in which Apache's server lists them.
class identities {
public:
    /// More than this a client cannot have: each of them is looked up at each request, and stands for itself in each ACL "auth".
    static constexpr std::size_t max = 64;
    /// Bytes of their ids: a user can be as long as a request.
    static constexpr std::size_t max_bytes = 1024 * 1024;

    explicit identities(std::string address);

    /// False if there are too many, or they are too long. Adding one twice has no effect.
    bool add(identity i);

    /// Handles an auth request. False if it failed: the scheme is none that one can authenticate with, or `proof` is null.
    bool authenticate(const text& scheme, const text& proof, std::string_view super_digest);

    const std::vector<identity>& all() const noexcept { return all_; }

    /// The user of an identity as whoAmI tells it.
    static std::string_view user_of(const identity& i) noexcept;

private:
    std::string address_;
    std::vector<identity> all_;
    std::size_t bytes_ = 0;
};

/// What is stored where a client asked for `asked`: without duplicates, with the client's identities in place of "auth". Gives 0
/// or the error of the wire. `room` is what it may take, in bytes of the wire, and becomes what is left of that: "auth" lets a
/// request ask for many times its own size. What is too much is an ACL that is not valid; Apache's server would take it all.
std::int32_t fix_up(const std::vector<acl_view>& asked, const identities& who, std::size_t& room, std::vector<zk::acl>& stored);

/// As shown to a client that must not see digests.
std::vector<zk::acl> masked(std::vector<zk::acl> acls);

}    // namespace muster::embedded
