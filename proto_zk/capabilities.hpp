// Part of muster. Boost Software License 1.0, see LICENSE.
#pragma once

#include "proto_zk/by_host.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <vector>

namespace muster::zk::proto {

/// Which types of requests which servers have turned out not to know.
///
/// A server answers what it does not know with `unimplemented` and closes the connection, so asking costs everybody on that
/// connection what was under way. It is asked once. Servers get upgraded: what was learned is forgotten after an hour.
class capabilities {
public:
    using time_point = std::chrono::steady_clock::time_point;

    static constexpr std::chrono::hours lifetime{1};

    explicit capabilities(std::size_t hosts) : missing_(hosts) {}

    /// Server `host` closed the connection over a request of this type.
    void learn(std::size_t host, std::int32_t type, time_point now) { missing_[host][type] = now; }

    /// True if `host` need not be asked.
    bool missing(std::size_t host, std::int32_t type, time_point now) const {
        const auto it = missing_[host].find(type);
        return it != missing_[host].end() && now - it->second < lifetime;
    }

    /// Server i is the one that was `former[i]`, or a new one.
    void replace_hosts(std::span<const std::optional<std::size_t>> former) { missing_ = by_host(missing_, former); }

private:
    std::vector<std::map<std::int32_t, time_point>> missing_;
};

}    // namespace muster::zk::proto
