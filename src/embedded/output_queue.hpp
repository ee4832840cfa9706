// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <deque>
#include <string>
#include <string_view>

namespace muster::embedded {

/// Bytes that a client has yet to take, in blocks that are given back as they are sent: what it costs is what it holds, and two
/// blocks at most.
class output_queue {
public:
    static constexpr std::size_t block = 64 * 1024;
    static constexpr std::size_t parts = 16;    ///< In one call of the system.

    bool empty() const noexcept { return size_ == 0; }
    std::size_t size() const noexcept { return size_; }

    /// What the blocks take, for tests.
    std::size_t memory() const noexcept {
        std::size_t n = 0;
        for (const std::string& b : blocks_) n += b.capacity();
        return n;
    }

    void append(std::string_view bytes) {
        while (!bytes.empty()) {
            if (blocks_.empty() || blocks_.back().size() == block) blocks_.emplace_back();
            std::string& last = blocks_.back();
            const std::size_t n = std::min(bytes.size(), block - last.size());
            if (last.size() + n > last.capacity()) {    // by itself it would grow to more than a block
                std::string larger;
                larger.reserve(std::min(block, std::max(last.size() + n, 2 * last.size())));
                larger.append(last);
                last.swap(larger);
            }
            last.append(bytes.substr(0, n));
            size_ += n;
            bytes.remove_prefix(n);
        }
    }

    /// The next bytes, for one call of the system: the parts at the end may be empty.
    std::array<std::string_view, parts> next() const {
        std::array<std::string_view, parts> out;
        std::copy_n(blocks_.begin(), std::min(out.size(), blocks_.size()), out.begin());
        out[0].remove_prefix(sent_);
        return out;
    }

    /// So many of them were sent, at most `size()`. A block is kept for what comes next.
    void sent(std::size_t n) {
        size_ -= n;
        for (sent_ += n; !blocks_.empty() && sent_ >= blocks_.front().size(); blocks_.pop_front()) {
            sent_ -= blocks_.front().size();
            if (blocks_.size() > 1) continue;
            return blocks_.front().clear();
        }
    }

private:
    std::deque<std::string> blocks_;
    std::size_t sent_ = 0;    // of the first
    std::size_t size_ = 0;
};

}    // namespace muster::embedded
