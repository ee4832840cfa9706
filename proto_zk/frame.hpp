// Part of muster. Boost Software License 1.0, see LICENSE.
//
// Frames: an int with the length of what follows it, then a header and a record.
#pragma once

#include <muster/zk/error.hpp>

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace muster::zk::proto {

/// The length in front of a frame.
inline constexpr std::size_t frame_prefix_bytes = 4;

/// Starts a frame at the end of `out`. Pass the result to `end_frame`.
std::size_t begin_frame(std::string& out);

/// Ends the frame: all that was appended since `begin_frame` is its content.
void end_frame(std::string& out, std::size_t begun);

/// Splits a stream of bytes into frames.
///
///     buffer:   | taken frames | len | frame | len | part of a frame |  free  |
///               0              begin                                end       capacity
///
/// `prepare` gives free space behind `end`, for which it moves what is left to the front, or grows. `commit` tells how much
/// of it was filled. `next` takes the frame at `begin`. Call it until it gives nothing, then prepare again:
///
///     auto n = receive(frames.prepare(16384)); frames.commit(n);
///     while (auto frame = frames.next(ec)) handle(*frame);
///
/// The buffer grows with the bytes that arrived, not with the length a frame announces, and never beyond one frame of the
/// maximal size. It shrinks again when some time passed without large frames.
class frame_reader {
public:
    /// Frames with more than `max_frame` bytes of content are an error.
    explicit frame_reader(std::size_t max_frame) noexcept : max_frame_(max_frame) {}

    /// Allows frames of another size from here on.
    void set_max_frame(std::size_t max_frame) noexcept { max_frame_ = max_frame; }

    /// Room for up to `n` bytes; less near the maximal size, but never none if `next` gave all there was. Invalidates views.
    std::span<char> prepare(std::size_t n);

    /// Gives memory back at once, but for what is in it and `n` bytes behind that: for who expects little. Invalidates views.
    void shrink(std::size_t n);

    /// The first `n` bytes of what `prepare` gave are filled.
    void commit(std::size_t n) noexcept;

    /// The content of the next frame, or nothing if it has not arrived completely. Valid until the next `prepare`.
    /// Errors: `protocol_errc::bad_length`, for good: the stream has no frames behind such a length.
    /// `protocol_errc::frame_too_large`, until `skip`.
    std::optional<std::string_view> next(error_code& ec) noexcept;

    /// The announced size of a frame that `next` calls too large, and as much of its content as has arrived.
    std::size_t oversize() const noexcept;
    std::string_view oversize_content() const noexcept { return unread().substr(frame_prefix_bytes); }

    /// Goes on behind the frame that `next` calls too large. Its bytes are dropped as they come: they need no memory.
    void skip() noexcept;

    /// What arrived and was not taken yet. A server looks for a four letter word here; at the end of the stream it is empty
    /// unless a frame was cut.
    std::string_view unread() const noexcept { return {data_.get() + begin_, end_ - begin_}; }

    /// Bytes of memory in use.
    std::size_t capacity() const noexcept { return capacity_; }

private:
    void move_to(std::size_t capacity);

    std::size_t max_frame_;
    std::size_t skipping_ = 0;    // bytes to drop that have not arrived
    std::unique_ptr<char[]> data_;
    std::size_t capacity_ = 0;
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
    unsigned quiet_ = 0;    // calls of prepare since the last one that needed a large buffer
};

}    // namespace muster::zk::proto
