// Part of muster. Boost Software License 1.0, see LICENSE.
//
// Watches in the virtual world: set, and asked for their next event.
#pragma once

#include "client_fixture.hpp"

namespace muster::test {

inline constexpr std::int32_t created = 1;
inline constexpr std::int32_t data_changed = 3;
inline constexpr std::int32_t children_changed = 4;

inline zk::watcher add_watch(fixture& f, const std::string& path,
                             zk::add_watch_mode mode = zk::add_watch_mode::persistent_recursive) {
    outcome<zk::watcher> added;
    f.client.add_watch(path, mode, added.handler());
    const auto r = f.request();
    CHECK(r.is(opcode::add_watch));
    CHECK(r.as<proto::add_watch_request>().mode == static_cast<int>(mode));
    f.reply(r, 0, proto::error_response());
    CHECK(!added.ec());
    CHECK(added.value());
    return std::move(added.value());
}

inline zk::watcher get_and_watch(fixture& f, const std::string& path) {
    outcome<zk::get_result, zk::watcher> got;
    f.client.get_and_watch(path, got.handler());
    const auto r = f.request();
    CHECK(r.is(opcode::get_data));
    CHECK(r.as<proto::path_watch_request>().watch);
    f.reply(r, 0, proto::get_data_response());
    CHECK(!got.ec());
    return std::move(got.value<1>());
}

inline std::pair<error_code, zk::watch_event> next(fixture& f, zk::watcher& w) {
    outcome<zk::watch_event> e;
    w.next(e.handler());
    CHECK(!e.done());
    f.sim.run_ready();
    REQUIRE(e.done());
    return {e.ec(), e.value()};
}

}    // namespace muster::test
