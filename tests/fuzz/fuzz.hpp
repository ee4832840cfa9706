// Part of muster. Boost Software License 1.0, see LICENSE.
//
// What the fuzz targets share. Each target defines LLVMFuzzerTestOneInput: it is linked to libFuzzer, which makes inputs up, and
// to replay.cpp, which runs those of its corpus, among them every one that has been a crash.
#pragma once

#include "proto_zk/frame.hpp"
#include "proto_zk/jute.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace muster::fuzz {

/// Ends the process where a property does not hold: that is what a fuzzer calls a crash.
inline void require(bool holds, const char* property) {
    if (holds) return;
    std::fprintf(stderr, "does not hold: %s\n", property);
    std::abort();
}

/// The bytes of an input, taken from its front.
class input {
public:
    input(const std::uint8_t* data, std::size_t size) : rest_(reinterpret_cast<const char*>(data), size) {}

    bool empty() const noexcept { return rest_.empty(); }
    std::string_view rest() const noexcept { return rest_; }

    /// The next byte, 0 at the end.
    unsigned byte() noexcept {
        const auto b = take(1);
        return b.empty() ? 0 : static_cast<unsigned char>(b.front());
    }
    /// At most `n` bytes.
    std::string_view take(std::size_t n) noexcept {
        const auto v = rest_.substr(0, n);
        rest_.remove_prefix(v.size());
        return v;
    }

private:
    std::string_view rest_;
};

/// Largest frame, and with that the longest input: see -max_len in ./dev.
inline constexpr std::size_t max_frame = 4'096;

/// Gives the rest of an input to `arrive`, as two parts of `mode` say:
///
///     bits 2-3   bytes that arrive at once: 1, 3, 16, all
///     bit 4      the rest is frames, each behind a byte with its length
///
/// Ends early where `arrive` gives false.
template <class Arrive>
void deliver(input in, unsigned mode, Arrive arrive) {
    std::string stream;
    if ((mode & 16) != 0) {
        while (!in.empty()) {
            const auto content = in.take(in.byte());
            const auto at = zk::proto::begin_frame(stream);
            stream += content;
            zk::proto::end_frame(stream, at);
        }
    } else {
        stream = in.rest();
    }
    constexpr std::size_t sizes[] = {1, 3, 16, max_frame};
    const std::size_t at_once = sizes[(mode >> 2) & 3];
    std::string_view rest = stream;
    while (!rest.empty() && arrive(rest.substr(0, at_once))) rest.remove_prefix(std::min(at_once, rest.size()));
}

/// What is read can be written and reads the same again.
template <class Record>
void round_trip(std::string_view bytes) {
    zk::proto::reader in(bytes);
    Record first;
    first.read(in);
    if (!in.ok()) return;
    std::string written;
    zk::proto::writer out(written);
    first.write(out);
    zk::proto::reader again(written);
    Record second;
    second.read(again);
    require(again.ok() && again.rest().empty(), "what was written can be read to its end");
    require(first == second, "what was written reads the same");
}

}    // namespace muster::fuzz
