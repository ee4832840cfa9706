// Part of muster. Boost Software License 1.0, see LICENSE.
#include "embedded/acl_list.hpp"

#include "embedded/access.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

using muster::embedded::acl_cache;
using muster::embedded::acl_list;
using muster::embedded::identities;
using muster::zk::acl;

namespace {

// The ACLs, and so many others behind them.
std::vector<acl> with_others(std::vector<acl> acls, int others) {
    for (int i = 0; i < others; ++i)
        acls.emplace_back(31, "ip", "10.1." + std::to_string(i / 256) + "." + std::to_string(i % 256));
    return acls;
}

}    // namespace

TEST_CASE("a long list permits what a short one does") {
    identities who("192.168.7.5");
    who.add({"digest", "u:secret"});
    for (const int others : {0, 8, 1'000}) {
        CAPTURE(others);
        const auto permits = [&](std::vector<acl> acls, std::int32_t permissions) {
            return acl_list(with_others(std::move(acls), others)).permits(permissions, who);
        };
        CHECK_FALSE(permits({}, 31));
        CHECK(permits({acl(1, "world", "anyone")}, 1));
        CHECK(permits({acl(1, "world", "anyone")}, 3));
        CHECK_FALSE(permits({acl(1, "world", "anyone")}, 2));
        CHECK_FALSE(permits({acl(31, "world", "someone")}, 31));
        CHECK(permits({acl(2, "digest", "u:secret")}, 2));
        CHECK_FALSE(permits({acl(2, "digest", "u:secret")}, 1));
        CHECK_FALSE(permits({acl(31, "digest", "u:other")}, 31));
        CHECK(permits({acl(2, "digest", "u:secret"), acl(1, "digest", "u:secret")}, 1));
        for (const char* in :
             {"192.168.7.5", "192.168.7.5/32", "192.168.7.4/31", "192.168.7.99/16", "192.0.0.0/8", "0.0.0.0/0"}) {
            CAPTURE(in);
            CHECK(permits({acl(4, "ip", in)}, 4));
            CHECK_FALSE(permits({acl(4, "ip", in)}, 3));
        }
        for (const char* out : {"192.168.7.6", "192.168.7.6/31", "193.0.0.0/8", "192.168.7", "here"}) {
            CAPTURE(out);
            CHECK_FALSE(permits({acl(31, "ip", out)}, 31));
        }
        CHECK(permits({acl(4, "ip", "192.168.0.0/16"), acl(8, "ip", "192.168.7.0/24")}, 8));
        CHECK_FALSE(acl_list(with_others({acl(31, "ip", "0.0.0.0/0")}, others)).permits(31, identities("::1")));
    }
}

TEST_CASE("whoever is super is permitted everything, by any list") {
    identities who("192.168.7.5");
    who.add({"super", ""});
    for (const int others : {0, 1'000}) CHECK(acl_list(with_others({}, others)).permits(1, who));
}

TEST_CASE("equal lists are one while somebody has them") {
    std::optional<acl_cache> cache(std::in_place);
    const std::vector<acl> some{acl(31, "world", "anyone"), acl(1, "ip", "10.0.0.1")};
    auto a = cache->share(some);
    auto b = cache->share(some);
    CHECK(a == b);
    CHECK(a->all() == some);
    const auto other = cache->share({some[1], some[0]});    // the order is what clients get
    CHECK(other != a);
    CHECK(cache->share({some[0]}) != a);
    CHECK(cache->size() == 2);
    a.reset();
    CHECK(cache->size() == 2);
    b.reset();
    CHECK(cache->size() == 1);
    CHECK(cache->share(some)->all() == some);
    cache.reset();
    CHECK(other->all().size() == 2);
}
