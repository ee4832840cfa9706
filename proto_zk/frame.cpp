// Part of muster. Boost Software License 1.0, see LICENSE.
#include "proto_zk/frame.hpp"

#include <boost/assert.hpp>
#include <boost/endian/conversion.hpp>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <limits>

namespace muster::zk::proto {
namespace {

constexpr std::size_t small_capacity = 64 * 1024;
constexpr unsigned quiet_before_shrinking = 64;    // so that a client that lists a large znode now and then keeps its buffer

unsigned char* bytes_at(char* p) { return reinterpret_cast<unsigned char*>(p); }
const unsigned char* bytes_at(const char* p) { return reinterpret_cast<const unsigned char*>(p); }

}    // namespace

std::size_t begin_frame(std::string& out) {
    const std::size_t begun = out.size();
    out.append(frame_prefix_bytes, '\0');
    return begun;
}

void end_frame(std::string& out, std::size_t begun) {
    BOOST_ASSERT(out.size() >= begun + frame_prefix_bytes);
    const std::size_t length = out.size() - begun - frame_prefix_bytes;
    BOOST_ASSERT(length <= static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max()));
    boost::endian::store_big_s32(bytes_at(out.data() + begun), static_cast<std::int32_t>(length));
}

std::span<char> frame_reader::prepare(std::size_t n) {
    const std::size_t limit = max_frame_ + frame_prefix_bytes;
    const std::size_t used = end_ - begin_;
    const std::size_t wanted = std::min(limit, used + n);

    quiet_ = wanted > small_capacity ? 0 : quiet_ + 1;
    if (quiet_ >= quiet_before_shrinking && capacity_ > small_capacity) {
        move_to(small_capacity);
    } else if (wanted > capacity_) {
        move_to(std::min(limit, std::max(wanted, capacity_ * 2)));
    } else if (capacity_ - end_ < n && begin_ > 0) {
        std::memmove(data_.get(), data_.get() + begin_, used);
        begin_ = 0;
        end_ = used;
    }
    return {data_.get() + end_, std::min(n, capacity_ - end_)};
}

void frame_reader::shrink(std::size_t n) {
    const std::size_t used = end_ - begin_;
    if (used <= n && capacity_ > 2 * n) move_to(used + n);
}

void frame_reader::commit(std::size_t n) noexcept {
    BOOST_ASSERT(n <= capacity_ - end_);
    end_ += n;
}

std::optional<std::string_view> frame_reader::next(error_code& ec) noexcept {
    ec.clear();
    if (skipping_ != 0) {
        const std::size_t n = std::min(skipping_, end_ - begin_);
        begin_ += n;
        skipping_ -= n;
    }
    const std::string_view bytes = unread();
    if (bytes.size() < frame_prefix_bytes) return std::nullopt;

    const std::int32_t length = boost::endian::load_big_s32(bytes_at(bytes.data()));
    if (length < 0) {
        ec = protocol_errc::bad_length;
        return std::nullopt;
    }
    const auto size = static_cast<std::size_t>(length);
    if (size > max_frame_) {
        ec = protocol_errc::frame_too_large;
        return std::nullopt;
    }
    if (bytes.size() - frame_prefix_bytes < size) return std::nullopt;
    begin_ += frame_prefix_bytes + size;
    return bytes.substr(frame_prefix_bytes, size);
}

std::size_t frame_reader::oversize() const noexcept {
    BOOST_ASSERT(unread().size() >= frame_prefix_bytes);
    return static_cast<std::size_t>(boost::endian::load_big_s32(bytes_at(unread().data())));
}

void frame_reader::skip() noexcept { skipping_ = frame_prefix_bytes + oversize(); }

void frame_reader::move_to(std::size_t capacity) {
    auto data = std::make_unique_for_overwrite<char[]>(capacity);
    const std::size_t used = end_ - begin_;
    if (used > 0) std::memcpy(data.get(), data_.get() + begin_, used);
    data_ = std::move(data);
    capacity_ = capacity;
    begin_ = 0;
    end_ = used;
}

}    // namespace muster::zk::proto
