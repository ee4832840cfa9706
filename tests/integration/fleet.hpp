// Part of muster. Boost Software License 1.0, see LICENSE.
//
// What the tests of registrars and balancers together share.
#pragma once

#include "support/kazoo.hpp"
#include "support/loop.hpp"
#include "support/session.hpp"
#include "support/zk_server.hpp"

#include <muster/balancer.hpp>
#include <muster/registrar.hpp>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json.hpp>

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace muster::test {

namespace asio = boost::asio;

inline const std::string service_path = "/micro-service/testserver";

inline registration instance_of(std::uint16_t port) { return registration("testserver", instance("127.0.0.1", port)); }

/// A registrar with a session of its own, registered.
inline registrar start_registrar(loop& l, const std::string& servers, registration r,
                                 std::chrono::milliseconds timeout = std::chrono::seconds(8)) {
    registrar reg(l.io, config_for(servers, timeout), std::move(r));
    l.run(reg.start(asio::use_awaitable));
    return reg;
}

/// How many of them hold themselves for the master.
template <class... Registrars>
int masters_among(const Registrars&... all) {
    return (static_cast<int>(all.role() == role::master) + ...);
}

/// A child of the service, as somebody else's client reads it.
struct foreign_view {
    std::string name;
    std::string data;
    std::int64_t owner = 0;
    std::int64_t czxid = 0;
    std::int64_t mzxid = 0;
    std::int64_t port = 0;

    friend bool operator==(const foreign_view&, const foreign_view&) = default;
};

/// All children, by kazoo, sorted by name.
inline std::vector<foreign_view> children_by_kazoo(const std::string& servers) {
    std::vector<foreign_view> all;
    const std::string text = run_kazoo("children.py", {servers, service_path});
    for (std::size_t at = 0; at < text.size();) {
        const auto end = std::min(text.find('\n', at), text.size());
        const auto line = boost::json::parse(std::string_view(text).substr(at, end - at)).as_object();
        at = end + 1;
        const auto& stat = line.at("stat").as_object();
        foreign_view v;
        v.name = std::string(line.at("path").as_string()).substr(service_path.size() + 1);
        v.data = std::string(line.at("data").as_string());
        v.owner = stat.at("ephemeral_owner").to_number<std::int64_t>();
        v.czxid = stat.at("czxid").to_number<std::int64_t>();
        v.mzxid = stat.at("mzxid").to_number<std::int64_t>();
        boost::system::error_code not_json;
        const auto data = boost::json::parse(v.data, not_json);
        if (!not_json && data.is_object() && data.as_object().contains("serverport"))
            v.port = data.as_object().at("serverport").to_number<std::int64_t>();
        all.push_back(std::move(v));
    }
    return all;
}

/// Those of one instance.
inline std::vector<foreign_view> children_of(const std::string& servers, std::int64_t port) {
    auto all = children_by_kazoo(servers);
    std::erase_if(all, [port](const foreign_view& v) { return v.port != port; });
    return all;
}

inline int masters(const std::vector<foreign_view>& all) {
    int n = 0;
    for (const auto& v : all) n += v.name == "master";
    return n;
}

}    // namespace muster::test
