// Part of muster. Boost Software License 1.0, see LICENSE.
#include "balance/hash.hpp"

#include <bit>
#include <cstring>

namespace muster::balance {
namespace {

constexpr std::uint64_t prime1 = 0x9E3779B185EBCA87;
constexpr std::uint64_t prime2 = 0xC2B2AE3D27D4EB4F;
constexpr std::uint64_t prime3 = 0x165667B19E3779F9;
constexpr std::uint64_t prime4 = 0x85EBCA77C2B2AE63;
constexpr std::uint64_t prime5 = 0x27D4EB2F165667C5;

// The hash is defined over little-endian words.
template <class Word>
std::uint64_t word_at(const char* p) noexcept {
    Word w;
    std::memcpy(&w, p, sizeof w);
    if constexpr (std::endian::native == std::endian::big) {
        Word swapped = 0;
        for (std::size_t i = 0; i < sizeof w; ++i) swapped = static_cast<Word>(swapped << 8) | ((w >> (8 * i)) & 0xFF);
        w = swapped;
    }
    return w;
}

std::uint64_t mixed(std::uint64_t lane, std::uint64_t word) noexcept { return std::rotl(lane + word * prime2, 31) * prime1; }

std::uint64_t merged(std::uint64_t h, std::uint64_t lane) noexcept { return (h ^ mixed(0, lane)) * prime1 + prime4; }

}    // namespace

std::uint64_t hash64(std::string_view bytes, std::uint64_t seed) noexcept {
    const char* p = bytes.data();
    std::size_t left = bytes.size();
    std::uint64_t h = seed + prime5;

    if (left >= 32) {    // four lanes over blocks of 32 bytes
        std::uint64_t a = seed + prime1 + prime2, b = seed + prime2, c = seed, d = seed - prime1;
        for (; left >= 32; left -= 32, p += 32) {
            a = mixed(a, word_at<std::uint64_t>(p));
            b = mixed(b, word_at<std::uint64_t>(p + 8));
            c = mixed(c, word_at<std::uint64_t>(p + 16));
            d = mixed(d, word_at<std::uint64_t>(p + 24));
        }
        h = std::rotl(a, 1) + std::rotl(b, 7) + std::rotl(c, 12) + std::rotl(d, 18);
        h = merged(merged(merged(merged(h, a), b), c), d);
    }

    h += bytes.size();
    for (; left >= 8; left -= 8, p += 8) h = std::rotl(h ^ mixed(0, word_at<std::uint64_t>(p)), 27) * prime1 + prime4;
    if (left >= 4) {
        h = std::rotl(h ^ (word_at<std::uint32_t>(p) * prime1), 23) * prime2 + prime3;
        left -= 4;
        p += 4;
    }
    for (; left > 0; --left, ++p) h = std::rotl(h ^ (static_cast<unsigned char>(*p) * prime5), 11) * prime1;

    h = (h ^ (h >> 33)) * prime2;
    h = (h ^ (h >> 29)) * prime3;
    return h ^ (h >> 32);
}

}    // namespace muster::balance
