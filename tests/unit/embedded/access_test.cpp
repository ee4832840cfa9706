// Part of muster. Boost Software License 1.0, see LICENSE.
#include "embedded/access.hpp"

#include "embedded/digest.hpp"
#include "unit/embedded/fixture.hpp"
#include "unit/proto_zk/allocations.hpp"

#include <algorithm>
#include <random>

using namespace muster::test;
using muster::embedded::acl_view;
using muster::embedded::identities;
using muster::embedded::text;
using muster::zk::acl;

namespace {

std::int32_t authenticate(world& w, wire_client& c, std::string scheme, std::string proof) {
    proto::auth_packet p;
    p.scheme = std::move(scheme);
    p.auth = std::move(proof);
    const auto h = w.call(c, opcode::auth, p);
    CHECK(h.zxid == 0);
    return h.err;
}

std::int32_t set_acl(world& w, wire_client& c, std::string path, std::vector<acl> acls, std::int32_t version = -1) {
    return w.call(c, opcode::set_acl, proto::set_acl_request{std::move(path), std::move(acls), version}).err;
}

std::int32_t fixed(std::vector<acl_view> asked, const identities& who, std::vector<acl>& out) {
    out.clear();
    std::size_t room = 1'000'000;
    return muster::embedded::fix_up(asked, who, room, out);
}

// As Apache's server does it: each is compared with those before it, and what is null gets in the way.
std::int32_t fixed_slowly(const std::vector<acl_view>& asked, std::vector<acl>& out) {
    std::vector<acl_view> unique;
    out.clear();
    for (const auto& a : asked) {
        const auto same = [&](const acl_view& u) {
            return u.permissions == a.permissions && u.scheme == a.scheme && u.id == a.id;
        };
        const auto stumbles = [&](const acl_view& u) {
            return u.permissions == a.permissions && (!a.scheme || (!a.id && u.scheme == a.scheme));
        };
        if (std::any_of(unique.begin(), unique.end(), stumbles)) return marshalling;
        if (std::none_of(unique.begin(), unique.end(), same)) unique.push_back(a);
    }
    for (const auto& u : unique) {
        if (!u.scheme) return invalid_acl;
        if (!u.id) return marshalling;
        out.emplace_back(u.permissions, std::string(*u.scheme), std::string(*u.id));
    }
    return unique.empty() ? invalid_acl : 0;
}

}    // namespace

TEST_CASE("ACLs grant what they say to whom they say") {
    world w;
    auto owner = w.connect();
    auto other = w.connect();
    CHECK(authenticate(w, *owner, "digest", "u:p") == 0);
    auto r = w.node("/n");
    r.acls = {acl(31, "auth", ""), acl(1, "world", "anyone")};
    CHECK(w.call(*owner, opcode::create, r).err == 0);
    CHECK(w.get(*other, "/n").err == 0);
    CHECK(w.set(*other, "/n") == no_auth);
    CHECK(w.set(*other, "/n", "x", 9) == no_auth);    // before the version
    CHECK(w.create(*other, "/n/x") == no_auth);
    CHECK(w.create(*owner, "/n/x") == 0);
    CHECK(w.remove(*other, "/n/x") == no_auth);
    CHECK(w.remove(*other, "/n/none") == no_auth);    // before looking for it
    CHECK(set_acl(w, *other, "/n", {acl()}) == no_auth);

    const auto digest = muster::embedded::digest_id("u:p");
    const auto masked = w.call(*other, opcode::get_acl, proto::path_request{"/n"}).as<proto::get_acl_response>();
    CHECK(masked.acls == std::vector<acl>{acl(31, "digest", "u:x"), acl(1, "world", "anyone")});
    const auto full = w.call(*owner, opcode::get_acl, proto::path_request{"/n"}).as<proto::get_acl_response>();
    CHECK(full.acls.front() == acl(31, "digest", digest));

    CHECK(set_acl(w, *owner, "/n", {acl(16, "digest", digest)}, 0) == 0);
    CHECK(set_acl(w, *owner, "/n", {acl(31, "digest", digest)}, 0) == bad_version);
    CHECK(w.get(*owner, "/n").err == no_auth);
    CHECK(w.children(*owner, "/n").err == no_auth);
    CHECK(w.exists(*other, "/n").err == 0);
    CHECK(w.call(*owner, opcode::get_acl, proto::path_request{"/n"}).as<proto::get_acl_response>().stat.aversion == 1);
    CHECK(w.call(*other, opcode::get_acl, proto::path_request{"/n"}).err == no_auth);
    CHECK(set_acl(w, *owner, "/none", {}) == invalid_acl);    // before looking for it
    CHECK(set_acl(w, *owner, "/none", {acl()}) == no_node);
}

TEST_CASE("an address grants by network") {
    world w;
    auto here = w.connect(0, 10000, "10.1.2.3");
    auto there = w.connect(0, 10000, "10.2.2.3");
    auto r = w.node("/n");
    r.acls = {acl(31, "ip", "10.1.0.0/16")};
    CHECK(w.call(*here, opcode::create, r).err == 0);
    CHECK(w.get(*here, "/n").err == 0);
    CHECK(w.get(*there, "/n").err == no_auth);
    CHECK(authenticate(w, *here, "ip", "") == 0);
}

TEST_CASE("a failed authentication closes the connection") {
    for (const char* scheme : {"world", "super", "sasl", "x509", ""}) {
        world w;
        auto c = w.connect();
        CHECK(authenticate(w, *c, scheme, "x") == -115);
        CHECK(c->closed);
    }
}

TEST_CASE("the super digest, where there is one, permits everything") {
    muster::embedded::settings s;
    s.super_digest = muster::embedded::digest_id("super:secret");
    world w(s);
    auto c = w.connect();
    CHECK(w.create(*c, "/zookeeper/config/x") == no_auth);
    CHECK(authenticate(w, *c, "digest", "super:wrong") == 0);    // a digest like any other
    CHECK(w.create(*c, "/zookeeper/config/x") == no_auth);
    CHECK(authenticate(w, *c, "digest", "super:secret") == 0);
    CHECK(w.create(*c, "/zookeeper/config/x") == 0);

    world plain;
    auto d = plain.connect();
    CHECK(authenticate(plain, *d, "digest", "super:secret") == 0);
    CHECK(plain.create(*d, "/zookeeper/config/x") == no_auth);
}

TEST_CASE("sasl is agreed to, and nothing follows from it") {
    world w;
    auto c = w.connect();
    const auto h = w.call(*c, opcode::sasl, proto::sasl_packet{""});
    CHECK(h.err == 0);
    CHECK(h.zxid == 0);
    CHECK_FALSE(h.as<proto::sasl_packet>().token.has_value());
    CHECK(w.create(*c, "/a") == 0);
    w.ask(*c, opcode::sasl, proto::sasl_packet{});
    CHECK(c->closed);
}

TEST_CASE("which ACLs can be stored") {
    identities who("127.0.0.1");
    std::vector<acl> out;
    const auto view = [](text scheme, text id, std::int32_t permissions = 31) { return acl_view{permissions, scheme, id}; };
    CHECK(fixed({}, who, out) == invalid_acl);
    CHECK(fixed({view("world", "anyone"), view("world", "anyone")}, who, out) == 0);
    CHECK(out.size() == 1);
    CHECK(fixed({view("world", "anyone"), view("world", "anyone", 1)}, who, out) == 0);
    CHECK(out.size() == 2);
    for (const char* id : {"u:h", ":h", "u:h:", "u:h::"}) CHECK(fixed({view("digest", id)}, who, out) == 0);
    for (const char* id : {"", "u", "u:", ":", "a:b:c"}) CHECK(fixed({view("digest", id)}, who, out) == invalid_acl);
    for (const char* id : {"1.2.3.4", "1.2.3.4/0", "1.2.3.4/32", "01.2.3.+4/+8"}) CHECK(fixed({view("ip", id)}, who, out) == 0);
    for (const char* id :
         {"", "1.2.3", "1.2.3.4.5", "1.2.3.256", "1.2.3.-1", "1.2.3.4/33", "1.2.3.4/", "1.2.3.4/x", "::1", "1.2.3.+-4"})
        CHECK(fixed({view("ip", id)}, who, out) == invalid_acl);
    CHECK(fixed({view("world", "all")}, who, out) == invalid_acl);
    CHECK(fixed({view("other", "x")}, who, out) == invalid_acl);
    CHECK(fixed({view(std::nullopt, "x")}, who, out) == invalid_acl);
    CHECK(fixed({view("world", std::nullopt)}, who, out) == marshalling);
    CHECK(fixed({view("world", "anyone"), view(std::nullopt, "x")}, who, out) == marshalling);
    CHECK(fixed({view("world", "anyone"), view(std::nullopt, "x", 1)}, who, out) == invalid_acl);
    CHECK(fixed({view("auth", "")}, who, out) == invalid_acl);    // an address proves nothing
    REQUIRE(who.authenticate("digest", "u:p", ""));
    REQUIRE(who.authenticate("digest", "v:p", ""));
    CHECK(fixed({view("auth", std::nullopt, 3)}, who, out) == 0);
    REQUIRE(out.size() == 2);
    CHECK(out[0].scheme == "digest");
    CHECK(out[0].permissions == 3);
}

TEST_CASE("duplicates among ACLs, and what is null in them") {
    const identities who("127.0.0.1");
    std::mt19937 random(20261130);
    std::vector<acl> out, expected;
    for (int round = 0; round < 20'000; ++round) {
        const auto nulls = random() % 3;    // none, few, many
        std::vector<acl_view> asked(1 + random() % 6);
        for (auto& a : asked) {
            a.permissions = static_cast<std::int32_t>(1 + random() % 3);
            const bool is_null = nulls > 0 && random() % (nulls == 1 ? 8 : 2) == 0;
            if (!is_null || random() % 2 == 0) a.scheme = random() % 2 == 0 ? "ip" : "digest";
            if (!is_null || random() % 2 == 0) a.id = a.scheme == "ip" ? "10.0.0.1" : "u:h";
        }
        REQUIRE(fixed(asked, who, out) == fixed_slowly(asked, expected));
        if (fixed(asked, who, out) == 0) REQUIRE(out == expected);
    }
}

TEST_CASE("looking for duplicates takes little besides the ACLs") {
    const identities who("127.0.0.1");
    std::vector<acl_view> asked(80'000);
    for (std::size_t i = 0; i < asked.size(); ++i) asked[i].permissions = static_cast<std::int32_t>(i);
    std::vector<acl> out;
    std::size_t room = 0;
    const largest_allocation during;
    CHECK(muster::embedded::fix_up(asked, who, room, out) == invalid_acl);
    CHECK(during.total() < (16 + sizeof(acl)) * asked.size());
}

TEST_CASE("what ACLs take is what there is room for") {
    identities who("127.0.0.1");
    REQUIRE(who.authenticate("digest", "u:p", ""));
    REQUIRE(who.authenticate("digest", "v:p", ""));
    const std::vector<acl_view> asked{{31, "world", "anyone"}, {1, "auth", ""}};
    const std::size_t needed = 12 + 5 + 6 + 2 * (12 + 6 + 30);
    for (const std::size_t n : {needed, needed + 1}) {
        std::vector<acl> out;
        std::size_t room = n;
        CHECK(muster::embedded::fix_up(asked, who, room, out) == 0);
        CHECK(out.size() == 3);
        CHECK(room == n - needed);
    }
    for (const std::size_t n : {needed - 1, std::size_t{22}, std::size_t{0}}) {
        std::vector<acl> out;
        std::size_t room = n;
        CHECK(muster::embedded::fix_up(asked, who, room, out) == invalid_acl);
    }
}

TEST_CASE("a client cannot have identities without end") {
    identities who("127.0.0.1");
    std::size_t n = 0;
    while (who.authenticate("digest", "user:" + std::to_string(n), "") && n < 100000) ++n;
    CHECK(n + 1 == identities::max);
    CHECK(who.authenticate("digest", "user:0", ""));
    CHECK(identities::max == 64);

    identities large("127.0.0.1");
    CHECK(large.authenticate("digest", std::string(600'000, 'u') + ":p", ""));
    CHECK_FALSE(large.authenticate("digest", std::string(600'000, 'v') + ":p", ""));
    CHECK(large.authenticate("digest", "user:p", ""));
    CHECK(large.all().size() == 3);
}
