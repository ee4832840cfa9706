// Part of muster. Boost Software License 1.0, see LICENSE.
#include "embedded/access.hpp"

#include "embedded/digest.hpp"
#include "unit/embedded/fixture.hpp"

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
    return muster::embedded::fix_up(asked, who, out);
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

TEST_CASE("a client cannot have identities without end") {
    identities who("127.0.0.1");
    std::size_t n = 0;
    while (who.authenticate("digest", "user:" + std::to_string(n), "") && n < 100000) ++n;
    CHECK(n + 1 == identities::max);
    CHECK(who.authenticate("digest", "user:0", ""));
}
