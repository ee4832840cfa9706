// Part of muster. Boost Software License 1.0, see LICENSE.
#include <muster/policy.hpp>

#include <muster/error.hpp>

#include <doctest/doctest.h>

#include <string>

using namespace muster;

TEST_CASE("policies have the names of go-micro-service, and the field's") {
    std::string names;
    for (const policy p : all_policies()) {
        names += std::string(to_string(p)) + ' ';
        CHECK(parse_policy(to_string(p)).value() == p);
    }
    CHECK(names ==
          "roundrobin weightroundrobin random weightrandom iphash urlhash leastconnect "
          "p2c peakewma ringhash maglev rendezvous boundedhash ");
}

TEST_CASE("only hash policies need a key") {
    for (const policy p : all_policies()) {
        CAPTURE(to_string(p));
        const std::string name(to_string(p));
        CHECK(needs_key(p) == (name.find("hash") != name.npos || p == policy::maglev || p == policy::rendezvous));
    }
}

TEST_CASE("an unknown policy") {
    for (const char* name : {"", "RoundRobin", "roundrobin ", "fastest"}) {
        const auto r = parse_policy(name);
        REQUIRE(!r);
        CHECK(r.error().code == registry_errc::unknown_policy);
        CHECK(r.error().message ==
              "policy '" + std::string(name) +
                  "': expected one of roundrobin, weightroundrobin, random, weightrandom, iphash, urlhash, leastconnect, p2c, "
                  "peakewma, ringhash, maglev, rendezvous, boundedhash");
    }
}

TEST_CASE("pools") {
    for (const pool p : {pool::normals_then_master, pool::normals, pool::all, pool::master}) {
        CHECK(parse_pool(to_string(p)).value() == p);
    }
    const auto r = parse_pool("slaves");
    REQUIRE(!r);
    CHECK(r.error().code == zk::client_errc::invalid_argument);
    CHECK(r.error().message == "pool 'slaves': expected one of normals_then_master, normals, all, master");
}
