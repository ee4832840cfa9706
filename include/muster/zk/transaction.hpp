// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include <muster/zk/error.hpp>
#include <muster/zk/types.hpp>

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace muster::zk {

/// How a znode is created.
struct create_options {
    create_mode mode = create_mode::persistent;
    std::vector<acl> acls{acl{}};        ///< Default: everybody may do everything, as other discovery systems expect.
    std::chrono::milliseconds ttl{0};    ///< Time to live, for the two modes with one: 1 ms to 2^40 - 1 ms.

    create_options() = default;
    create_options(create_mode mode_) : mode(mode_) {}
};

/// What a create gave.
struct create_result {
    std::string path;    ///< The path created, with its counter where the mode is sequential.
    zk::stat stat;       ///< Of the new znode.

    create_result() = default;    // none of the results is an aggregate, see acl
};

/// What a read of data gave.
struct get_result {
    std::string data;    ///< The bytes. Empty also where the server keeps none.
    zk::stat stat;

    get_result() = default;
};

/// What a read of children gave.
struct children_result {
    std::vector<std::string> names;    ///< Names below the path, in no particular order.
    zk::stat stat;                     ///< Of the parent.

    children_result() = default;
};

/// Operations that are applied all or not at all.
///
/// \code
/// zk::transaction t;
/// t.remove("/a/old", 3).create("/a/new", "data", zk::create_mode::ephemeral);
/// auto results = co_await client.multi(std::move(t));
/// \endcode
class transaction {
public:
    struct operation {
        enum class kind { create, remove, set, check };
        kind what = kind::check;
        std::string path;
        std::string data;
        std::int32_t version = any_version;
        create_options options;

        operation() = default;
    };

    transaction() = default;

    transaction& create(std::string path, std::string data, create_options o = {});
    transaction& remove(std::string path, std::int32_t version = any_version);
    transaction& set(std::string path, std::string data, std::int32_t version = any_version);
    /// Fails the transaction unless the znode exists with this version.
    transaction& check(std::string path, std::int32_t version = any_version);

    /// Has it written on the connection with this number (`session_info::connection`) or not at all: then it completes with
    /// `client_errc::not_sent`. For what rests on a version that was read before: a request that waits for the next connection
    /// may find another znode there, with the same version. Default: 0, on any.
    transaction& on_connection(std::uint64_t connection);

    /// What it is made of, in the order in which it is applied.
    const std::vector<operation>& operations() const noexcept { return ops_; }

    /// The connection it is bound to; 0: none.
    std::uint64_t connection() const noexcept { return connection_; }

private:
    std::vector<operation> ops_;
    std::uint64_t connection_ = 0;
};

/// What became of one operation of a transaction.
struct operation_result {
    error_code ec;    ///< In a failed transaction: success before the failing one, its error, `runtime_inconsistency` behind it.
    std::string path;    ///< Of a create.
    zk::stat stat;       ///< Of a create or set.

    operation_result() = default;
};

using multi_result = std::vector<operation_result>;

}    // namespace muster::zk
