// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include "proto_zk/opcodes.hpp"
#include "proto_zk/records_data.hpp"
#include "proto_zk/records_multi.hpp"

#include <cstdint>
#include <functional>
#include <random>
#include <string>
#include <vector>

namespace muster::test {

/// A request, the same for every server.
struct operation {
    zk::proto::opcode type{};
    std::int32_t xid = 0;    ///< 0: it gets the next one of its session.
    bool alone = false;      ///< It may close the connection, or is answered out of turn: to be sent when nothing is under way.
    std::string text;        ///< For people.
    /// The record; `seen` is the last transaction that the session has seen on that server.
    std::function<std::string(std::int64_t seen)> body;
};

/// Makes requests up: mostly sensible ones on a small tree, so that they meet each other, and some that are not.
class operations {
public:
    explicit operations(std::uint64_t seed) : chance_(seed) {}

    operation next();

    /// Below `n`.
    std::size_t below(std::size_t n) { return std::uniform_int_distribution<std::size_t>(0, n - 1)(chance_); }
    bool one_in(std::size_t n) { return below(n) == 0; }

    /// A znode got a name from its server.
    void learn(std::string path);

    static operation ping();
    static operation close();
    static operation exists(std::string path);

private:
    std::string path();
    std::string odd_path();
    std::optional<std::string> data();
    std::int32_t version();
    std::vector<zk::acl> acls();
    std::vector<std::string> paths();
    zk::proto::create_request create(bool container);
    zk::proto::create_ttl_request create_with_ttl();
    zk::proto::set_data_request set();
    /// A record of a path and a version.
    template <class Record>
    Record versioned();
    zk::proto::multi_operation multi_part(bool reads);

    operation any();
    operation read();
    operation write();
    operation watch();
    operation other();

    std::mt19937_64 chance_;
    bool odd_ = false;    // an odd path is part of what is being made
    std::vector<std::string> learned_;
};

}    // namespace muster::test
