// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include "proto_zk/jute.hpp"

#include <muster/zk/error.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace muster::zk::proto {

/// Decides how many of the reads that wait are packed into one multiRead.
///
/// Apache's server takes one frame off a connection at a time, and hands each through five threads: that, not the work, bounds
/// what one connection can ask for. Reads that are packed are answered by one frame, in the same order, each with its own
/// result or error, as if they had been sent one by one.
///
/// Servers before 3.6 drop the connection over a multiRead. So the first one of a connection is a trial: it is sent only while
/// nothing is under way that must not be sent twice, and nothing such follows until it is answered. Where it is not, the reads
/// are sent again one by one, and the server is not tried again for as many connections as `read_batch.cpp` says.
class read_batching {
public:
    static constexpr std::size_t most_reads = 64;              ///< In a batch.
    static constexpr std::size_t request_bytes = 64 * 1024;    ///< Of a batch; far below what any server accepts.
    static constexpr std::size_t reply_bytes = 128 * 1024;     ///< Expected of a batch, judged by the replies before it.

    /// So many frames of reads may be under way before further reads wait for a full batch, or for a reply. Up to there a
    /// read is never held back. So many may also go one by one while a trial is under way.
    static constexpr std::size_t frames_ahead = 16;

    read_batching(bool enabled, std::size_t hosts, std::size_t max_request, std::size_t max_reply);

    /// A connection to the server with this index stands.
    void attached(std::size_t index) noexcept;
    /// It is gone.
    void disconnected(const error_code& why) noexcept;

    /// Server i is the one that was `former[i]`, or a new one.
    void replace_hosts(std::span<const std::optional<std::size_t>> former);

    /// How many reads the next frame may have; 1 if they are to be sent one by one.
    std::size_t limit() const noexcept;
    /// How many bytes of requests it may have.
    std::size_t byte_limit() const noexcept { return request_bytes_; }
    /// The server has not yet answered a batch on this connection.
    bool on_trial() const noexcept { return !proven_; }
    /// The trial is under way.
    bool trying() const noexcept { return trying_; }
    /// So many frames are under way that a batch should be full.
    bool saturated() const noexcept { return frames_ >= frames_ahead && limit() > 1; }

    /// A frame with so many reads was written.
    void sent(std::size_t reads) noexcept;
    /// A frame with so many reads was answered.
    void answered(std::size_t reads) noexcept;
    /// The server answered a batch with this error: true if that means that it does not know them.
    bool refuses(const error_code& ec) noexcept;
    /// The server does not know batches.
    void refused() noexcept;
    /// True once for each time that a server was found not to know them.
    bool take_refusal() noexcept { return std::exchange(refusal_, false); }
    /// A batch was answered by a server that has not looked at it.
    void withdrawn() noexcept {
        if (frames_ != 0) --frames_;
        trying_ = false;
    }
    /// A read's reply had so many bytes.
    void replied(std::size_t bytes) noexcept;

private:
    struct host {
        bool proven = false;
        unsigned strikes = 0;    // connections lost during a trial since the last one that succeeded
        unsigned waited = 0;     // connections without a trial since
    };

    static bool refuses(const host& h) noexcept;

    std::vector<host> hosts_;    // empty: switched off
    std::size_t request_bytes_;
    std::size_t reply_bytes_;
    std::size_t current_ = 0;
    bool proven_ = false;
    bool trying_ = false;
    bool refusal_ = false;
    std::size_t frames_ = 0;
    std::size_t ramp_;            // grows while batches succeed: the sizes of the first replies are not known
    std::size_t expected_ = 0;    // bytes of a reply: the largest one, slowly forgotten
};

/// Writes the reads packed so far: `begin`, `add` each read's frame, `end`.
class read_batch_writer {
public:
    /// Appends to `out`.
    read_batch_writer(std::string& out, std::int32_t xid);
    /// `frame`: a whole get_data request.
    void add(std::string_view frame);
    void end();

private:
    std::string& out_;
    std::size_t begun_;
};

/// Splits a batch's reply: the next read's error, and its body as if it had been answered alone.
class read_batch_reader {
public:
    explicit read_batch_reader(std::string_view body) noexcept : in_(body) {}
    /// An error says that the reply is malformed.
    error_code next(error_code& ec, std::string_view& body);
    /// Checks that nothing follows.
    error_code end();

private:
    reader in_;
};

}    // namespace muster::zk::proto
