// Part of muster. Boost Software License 1.0, see LICENSE.
//
// What the machines of this layer ask of ZooKeeper, as plain values.
#pragma once

#include <muster/zk/error.hpp>
#include <muster/zk/transaction.hpp>
#include <muster/zk/types.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace muster::registry {

/// One request. `watch` asks for a one-shot watch; add_watch sets a persistent recursive one.
struct request {
    enum class kind { create, remove, get, exists, set, children, sync, multi, add_watch };
    kind what = kind::sync;
    std::string path;
    std::string data;                                      ///< create, set
    zk::create_mode mode = zk::create_mode::persistent;    ///< create
    std::int32_t version = zk::any_version;                ///< remove, set
    bool watch = false;                                    ///< get, children
    zk::transaction ops;                                   ///< multi
    std::uint64_t connection = 0;                          ///< remove, set, multi: of which it rests on what was read; 0: any

    request() = default;
    request(kind what_, std::string path_) : what(what_), path(std::move(path_)) {}
};

/// What came of it.
struct reply {
    error_code ec;
    std::string path;                  ///< create
    std::string data;                  ///< get
    std::optional<zk::stat> stat;      ///< create, get, set; exists: none where there is no znode
    std::vector<std::string> names;    ///< children
    zk::multi_result results;          ///< multi

    reply() = default;
};

}    // namespace muster::registry
