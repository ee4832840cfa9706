// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include <muster/zk/error.hpp>
#include <muster/zk/types.hpp>

#include "proto_zk/backlog.hpp"
#include "proto_zk/deadlines.hpp"
#include "proto_zk/spare_memory.hpp"
#include "proto_zk/watch_kind.hpp"

#include <boost/endian/conversion.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace muster::zk::proto {

/// A request from submission to completion. Its bytes are encoded once, when it is made; the xid is filled in when it is
/// written, so that a read that lost its connection can be written again.
class request {
public:
    request() = default;
    request(const request&) = delete;
    request& operator=(const request&) = delete;
    virtual ~request() { spare_memory::give_back(std::move(frame)); }

    static void* operator new(std::size_t bytes) { return spare_memory::allocate(bytes); }
    static void operator delete(void* p, std::size_t bytes) noexcept { spare_memory::deallocate(p, bytes); }

    /// Called exactly once. Gives an error if the body cannot be decoded, for which the connection is dropped. `body` is the
    /// reply's record and empty on errors; it is valid during the call only. Must not call into the session, except for its watch
    /// table: a watch is registered here, in the order of the stream, so that an event that follows the reply in the same segment
    /// finds it.
    virtual error_code complete(const error_code& ec, std::string_view body) = 0;

    /// What it asks for: an opcode. Precondition: `frame` is encoded.
    std::int32_t type() const noexcept {
        return boost::endian::load_big_s32(reinterpret_cast<const unsigned char*>(frame.data()) + 8);
    }

    std::string frame;          ///< The whole frame. Bytes 4 to 7 are the xid, bytes 8 to 11 the type.
    std::uint64_t id = 0;       ///< Names the request towards `session::cancel`.
    bool repeatable = false;    ///< Changes nothing on the server, so it may be sent twice.
    /// Not 0: it is written on the connection with this number (`session_info::connection`), or not at all.
    std::uint64_t connection = 0;
    bool batchable = false;    ///< A plain read of data: it may be asked for in a multiRead.
    /// The path on which its success arms a watch at the server, if it does, and the kind: `exist` for one that is armed whether
    /// the znode exists or not. The last byte of such a read says whether the server shall watch; it is set when it is written.
    std::string arms;
    watch_kind arms_kind = watch_kind::data;
    charge charged;              ///< What it takes of the client's limits.
    proto::deadline deadline;    ///< Then it is completed with `client_errc::deadline_exceeded` or `deadline_exceeded_unsent`.

private:
    friend class session;
    std::int32_t xid_ = 0;
    std::int32_t type_ = 0;        // kept when the frame is not
    std::uint32_t batch_ = 1;      // reads in the frame that begins with this one
    bool own_ = false;             // the session's own, made anew for each connection
    bool flagged_ = false;         // the server was asked to watch
    bool under_way_ = false;       // written, and not to be written again
    bool withdrawn_ = false;       // about to be taken out of the queue
    bool abandoned_ = false;       // completed towards the user; its reply is still to be consumed
    std::int32_t held_for_ = 0;    // held: what the server said when it threw it back
    std::size_t repeats_ = 0;      // times that it was thrown back
    zxid since_ = 0;               // own: as of which it arms a watch
    std::uint64_t ends_ = 0;       // where its frame ends in what was written on the connection
    std::chrono::steady_clock::time_point sent_{};
};

}    // namespace muster::zk::proto
