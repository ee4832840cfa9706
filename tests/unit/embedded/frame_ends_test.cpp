// Part of muster. Boost Software License 1.0, see LICENSE.
#include "embedded/frame_ends.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

using muster::embedded::frame_ends;

namespace {

std::string frame(std::size_t n) { return {std::string(3, '\0') + static_cast<char>(n) + std::string(n, 'x')}; }

// Where the parts end that are taken of `stream`, given in pieces of `piece` bytes.
std::vector<std::size_t> ends(std::string_view stream, std::size_t piece) {
    frame_ends f;
    std::vector<std::size_t> r;
    for (std::size_t at = 0; at < stream.size();) {
        auto bytes = stream.substr(at, piece);
        at += bytes.size();
        while (!bytes.empty()) {
            const std::size_t n = f.take(bytes);
            REQUIRE(n > 0);
            bytes.remove_prefix(n);
            r.push_back(at - bytes.size());
        }
    }
    return r;
}

}    // namespace

TEST_CASE("frames are taken one by one, however the stream is cut") {
    const std::string stream = frame(3) + frame(0) + frame(100) + frame(1);
    const std::vector<std::size_t> whole{7, 11, 115, 120};
    CHECK(ends(stream, stream.size()) == whole);
    for (std::size_t piece = 1; piece < stream.size(); ++piece) {
        CAPTURE(piece);
        const auto parts = ends(stream, piece);
        for (const std::size_t end : whole) CHECK(std::find(parts.begin(), parts.end(), end) != parts.end());
        for (const std::size_t end : parts)
            CHECK((end % piece == 0 || std::find(whole.begin(), whole.end(), end) != whole.end()));
    }
}

TEST_CASE("what is no frame is taken as it comes") {
    frame_ends f;
    CHECK(f.take("ruok") == 4);
    CHECK(f.take(std::string(1'000, 'x')) == 1'000);
    CHECK(f.take("\xff\xff") == 2);
}
