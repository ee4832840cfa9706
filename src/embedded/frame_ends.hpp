// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace muster::embedded {

/// Where the frames of a stream end: four bytes tell the length of what follows. What is no frame, as a four letter word, passes
/// for one that does not end.
class frame_ends {
public:
    /// How many of `bytes`, the next ones of the stream, belong to one frame.
    std::size_t take(std::string_view bytes) noexcept {
        std::size_t n = 0;
        while (left_ == 0 && n != bytes.size()) {
            length_ = length_ << 8 | static_cast<unsigned char>(bytes[n++]);
            if (++known_ != 4) continue;
            left_ = length_;
            length_ = known_ = 0;
            if (left_ == 0) return n;
        }
        const std::size_t more = std::min<std::size_t>(left_, bytes.size() - n);
        left_ -= static_cast<std::uint32_t>(more);
        return n + more;
    }

private:
    std::uint32_t left_ = 0;      // of the frame that has begun
    std::uint32_t length_ = 0;    // of the next one, as far as it is known
    std::uint32_t known_ = 0;     // bytes of it
};

}    // namespace muster::embedded
