// Part of muster. Boost Software License 1.0, see LICENSE.
#include "embedded/digest.hpp"
#include "embedded/java_strings.hpp"

#include <doctest/doctest.h>

using namespace muster::embedded;

TEST_CASE("a digest id is the user and the base64 of SHA-1 of user and password") {
    CHECK(digest_id("super:admin") == "super:xQJmxLMiHGwaqBvst5y6rkB6HQs=");
    CHECK(digest_id("user:pass") == "user:smGaoVKd/cQkjm7b88GyorAUz20=");
}

TEST_CASE("a digest id splits at the first colon, and does without one") {
    CHECK(digest_id("a:b:c").starts_with("a:"));
    CHECK(digest_id("a:b:c") != digest_id("a:b"));
    CHECK(digest_id("abc") == "abc:qZk+NkcGgWq6PiVxeFDCbJzQ2J0=");
    CHECK(digest_id("") == ":2jmj7l5rSw0yVb/vlWAYkK/YBwk=");
}

TEST_CASE("strings hash as Java's do") {
    CHECK(java_hash("") == 0);
    CHECK(java_hash("a") == 97);
    CHECK(java_hash("/zookeeper") == 954481661);
    CHECK(java_hash("polygenelubricants") == INT32_MIN);
    CHECK(java_hash("\xc3\xa9") == 0xe9);                            // two bytes, one unit
    CHECK(java_hash("\xf0\x9f\x98\x80") == 0xd83d * 31 + 0xde00);    // four bytes, two units
    CHECK(java_hash("\xff") == 0xfffd);
}
