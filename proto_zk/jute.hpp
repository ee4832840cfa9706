// Part of muster. Boost Software License 1.0, see LICENSE.
//
// Jute, ZooKeeper's encoding: big-endian numbers, no tags, no padding.
//
//     bool    1 byte, not 0 is true          string, buffer   int length, then so many bytes; length -1 is null
//     int     4 bytes                        vector           int count, then so many elements; count -1 is null
//     long    8 bytes
#pragma once

#include <muster/zk/error.hpp>

#include <boost/endian/conversion.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace muster::zk::proto {

/// Appends values to a string. Lengths beyond 2 GiB are not checked here: the frame they are part of is refused as a whole.
class writer {
public:
    explicit writer(std::string& out) noexcept : out_(out) {}

    void boolean(bool v) { out_.push_back(v ? '\1' : '\0'); }

    void i32(std::int32_t v) {
        unsigned char bytes[4];
        boost::endian::store_big_s32(bytes, v);
        append(bytes, sizeof bytes);
    }

    void i64(std::int64_t v) {
        unsigned char bytes[8];
        boost::endian::store_big_s64(bytes, v);
        append(bytes, sizeof bytes);
    }

    void string(std::string_view v) {
        count(v.size());
        out_.append(v);
    }
    void null_string() { i32(-1); }

    void buffer(std::string_view v) { string(v); }
    void null_buffer() { i32(-1); }

    /// Starts a vector of `n` elements.
    void count(std::size_t n) { i32(static_cast<std::int32_t>(n)); }

private:
    void append(const unsigned char* p, std::size_t n) { out_.append(reinterpret_cast<const char*>(p), n); }

    std::string& out_;
};

/// Takes values from bytes it does not own. Never reads past their end. The first error sticks: from then on nothing is left
/// to read and every getter gives a zero value, so callers check once, behind the last field.
class reader {
public:
    explicit reader(std::string_view bytes) noexcept : rest_(bytes) {}

    bool boolean() {
        const auto* p = take(1);
        return p != nullptr && *p != 0;
    }

    std::int32_t i32() {
        const auto* p = take(4);
        return p != nullptr ? boost::endian::load_big_s32(p) : 0;
    }

    std::int64_t i64() {
        const auto* p = take(8);
        return p != nullptr ? boost::endian::load_big_s64(p) : 0;
    }

    /// A null string reads as an empty one: kazoo writes empty strings as null.
    std::string_view string() { return buffer().value_or(std::string_view()); }

    /// Null and empty are different: znodes can have either as data.
    std::optional<std::string_view> buffer() {
        const std::int32_t length = i32();
        if (!ok() || length == -1) return std::nullopt;
        if (length < 0 || static_cast<std::size_t>(length) > rest_.size()) {
            fail(protocol_errc::bad_length);
            return std::nullopt;
        }
        const auto v = rest_.substr(0, static_cast<std::size_t>(length));
        rest_.remove_prefix(v.size());
        return v;
    }

    /// The count of a vector whose elements take `min_element_bytes` (at least 1) or more each. What could not fit in the
    /// remaining bytes is an error, so the result is safe to reserve memory by.
    std::size_t count(std::size_t min_element_bytes) {
        const std::int32_t n = i32();
        if (n == -1) return 0;
        if (n < 0 || static_cast<std::size_t>(n) > rest_.size() / min_element_bytes) {
            fail(protocol_errc::bad_length);
            return 0;
        }
        return static_cast<std::size_t>(n);
    }

    const error_code& error() const noexcept { return error_; }
    bool ok() const noexcept { return !error_.failed(); }

    /// What was not read yet; empty after an error.
    std::string_view rest() const noexcept { return rest_; }

    /// Records an error, unless there is an earlier one.
    void fail(protocol_errc e) noexcept {
        if (ok()) error_ = e;
        rest_ = {};
    }

private:
    const unsigned char* take(std::size_t n) {
        if (rest_.size() < n) {
            fail(protocol_errc::truncated);
            return nullptr;
        }
        const auto* p = reinterpret_cast<const unsigned char*>(rest_.data());
        rest_.remove_prefix(n);
        return p;
    }

    std::string_view rest_;
    error_code error_;
};

}    // namespace muster::zk::proto
