// Part of muster. Boost Software License 1.0, see LICENSE.
#include "embedded/output_queue.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <initializer_list>
#include <string>
#include <string_view>

using muster::embedded::output_queue;

namespace {

constexpr std::size_t block = output_queue::block;

std::string text(std::size_t from, std::size_t n) {
    std::string s;
    for (std::size_t i = from; i != from + n; ++i) s += static_cast<char>('a' + i % 23);
    return s;
}

// What a call of the system that takes up to `n` bytes would take.
std::string take(output_queue& q, std::size_t n) {
    std::string taken;
    for (const auto part : q.next()) taken += part.substr(0, n - taken.size());
    q.sent(taken.size());
    return taken;
}

}    // namespace

TEST_CASE("output: what goes in comes out, in order, whatever the pieces") {
    using sizes = std::initializer_list<std::size_t>;
    for (const std::size_t in : sizes{1, 1'000, block - 1, block, block + 1, 3 * block}) {
        for (const std::size_t out : sizes{7, 1'000, block - 1, block, block + 1, 5 * block}) {
            if (in + out < 100) continue;
            CAPTURE(in);
            CAPTURE(out);
            output_queue q;
            std::string got;
            std::size_t put = 0;
            for (; put < 6 * block; put += in) {
                q.append(text(put, in));
                got += take(q, out);
                REQUIRE(q.size() == put + in - got.size());
            }
            while (!q.empty()) got += take(q, out);
            CHECK(got == text(0, put));
        }
    }
}

TEST_CASE("output: it takes the memory of what was not sent, and of two blocks") {
    output_queue q;
    q.append(text(0, 100));
    CHECK(q.memory() <= 200);
    for (int i = 0; i != 100; ++i) q.append(text(0, 100'000));
    CHECK(q.memory() <= q.size() + block);
    while (q.size() > 1'000'000) {
        take(q, 50'000);
        REQUIRE(q.memory() <= q.size() + 2 * block);
    }
    while (!q.empty()) take(q, 50'000);
    CHECK(q.memory() <= block);
    CHECK(take(q, 10).empty());
}
