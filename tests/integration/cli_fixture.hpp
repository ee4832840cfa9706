// Part of muster. Boost Software License 1.0, see LICENSE.
//
// What the tests of the muster command on a real ZooKeeper share.
#pragma once

#include "integration/muster_command.hpp"
#include "support/kazoo.hpp"
#include "support/zk_server.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace muster::test {

using strings = std::vector<std::string>;

inline std::string hosts() { return shared_server().connect_string(); }

inline strings on(const std::string& service, const strings& args) {
    strings all = args;
    all.insert(all.end(), {"--zk", hosts(), "--service", service});
    return all;
}

inline std::unique_ptr<process> start_instance(const std::string& service, int port, const strings& more = {},
                                               const strings& environment = {}) {
    strings args = on(service, {"register", "--ip", "127.0.0.1", "--port", std::to_string(port)});
    args.insert(args.end(), more.begin(), more.end());
    return start_muster(args, environment);
}

inline std::unique_ptr<process> registered(const std::string& service, int port, const strings& more = {},
                                           const strings& environment = {}) {
    auto p = start_instance(service, port, more, environment);
    wait_event(*p, "registered");
    return p;
}

inline std::string text(const boost::json::object& o, std::string_view key) { return o.at(key).as_string().c_str(); }

inline strings keys(const boost::json::object& o) {
    strings all;
    for (const auto& member : o) all.emplace_back(member.key());
    return all;
}

inline bool contains(const strings& lines, std::string_view part) {
    return std::any_of(lines.begin(), lines.end(), [part](const std::string& l) { return l.find(part) != std::string::npos; });
}

inline std::string children(const std::string& service) {
    return run_kazoo("children.py", {hosts(), "/micro-service/" + service});
}

}    // namespace muster::test
