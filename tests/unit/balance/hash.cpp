// Part of muster. Boost Software License 1.0, see LICENSE.
#include "balance/hash.hpp"

#include <doctest/doctest.h>

#include <string>

using muster::balance::hash64;

TEST_CASE("hash64 is XXH64") {
    CHECK(hash64("") == 0xEF46DB3751D8E999);
    CHECK(hash64("a") == 0xD24EC4F1A98C6E5B);
    CHECK(hash64("abc") == 0x44BC2CF5AD770999);
    // Points of Envoy's ring hash tests.
    CHECK(hash64("127.0.0.1:94_1") == 833437586790550860);
    CHECK(hash64("127.0.0.1:92_0") == 928266305478181108);
}

TEST_CASE("every byte, the length and the seed change the hash") {
    for (const std::size_t length : {1U, 3U, 4U, 7U, 8U, 20U, 31U, 32U, 33U, 64U, 100U}) {
        CAPTURE(length);
        const std::string key(length, 'k');
        const auto original = hash64(key);
        CHECK(hash64(key, 1) != original);
        CHECK(hash64(key + 'k') != original);
        for (std::size_t i = 0; i < length; ++i) {
            std::string other = key;
            other[i] = '\xff';
            CHECK(hash64(other) != original);
        }
    }
}
