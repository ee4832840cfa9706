// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include "proto_zk/opcodes.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace muster::test {

/// What a server says, as text that does not tell which server it was: transactions and sessions are numbered as they appear,
/// times are left out, names of children are sorted.
class transcript {
public:
    /// A reply to `type`, or an event.
    std::string frame(std::string_view content, zk::proto::opcode type);
    std::string handshake(std::string_view content);

    /// Sessions have names of their own.
    void name_session(std::int64_t id, std::string name) { sessions_[id] = std::move(name); }

    /// The number of the last transaction that a reply has told; what a client would call the last one it has seen.
    std::int64_t last_zxid() const noexcept { return last_zxid_; }

private:
    struct printer;
    std::string transaction(std::int64_t zxid);
    std::string session(std::int64_t id) const;

    std::map<std::int64_t, std::size_t> transactions_;
    std::map<std::int64_t, std::string> sessions_;
    std::int64_t last_zxid_ = 0;
};

/// Bytes as text.
std::string printable(std::string_view bytes);

}    // namespace muster::test
