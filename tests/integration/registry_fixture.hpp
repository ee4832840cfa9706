// Part of muster. Boost Software License 1.0, see LICENSE.
//
// What the tests of registrars and views on a real ZooKeeper share.
#pragma once

#include <muster/registrar.hpp>

#include "registry/view.hpp"
#include "support/sanitized.hpp"
#include "support/zk_server.hpp"

#include <boost/asio/io_context.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace muster::test {

using namespace std::chrono_literals;
namespace asio = boost::asio;

/// What takes a few round trips is over by then.
inline constexpr std::chrono::milliseconds soon = sanitized ? 5s : 1s;

inline zk::config config(std::chrono::milliseconds timeout = 4s) {
    zk::config c(shared_server().connect_string());
    c.session_timeout = timeout;
    return c;
}

inline registration described(const std::string& service, std::uint16_t port) {
    registration r(service, instance("127.0.0.1", port));
    r.instance.unique_code = "code-" + std::to_string(port);
    return r;
}

/// Runs the context until `done`; false if that takes longer than `limit`.
template <class Done>
bool run_until(asio::io_context& ctx, Done done, std::chrono::milliseconds limit = 20s) {
    const auto end = std::chrono::steady_clock::now() + limit;
    while (!done()) {
        if (std::chrono::steady_clock::now() > end) return false;
        ctx.restart();
        ctx.run_for(2ms);
    }
    return true;
}

/// Starts `op(handler)` and runs the context until it completes.
template <class Op>
error_code wait_for(asio::io_context& ctx, Op op) {
    std::optional<error_code> result;
    op([&result](error_code ec) { result = ec; });
    CHECK_FALSE(result.has_value());    // never inline
    REQUIRE(run_until(ctx, [&] { return result.has_value(); }));
    return *result;
}

inline error_code start(asio::io_context& ctx, registrar& r) {
    return wait_for(ctx, [&](auto h) { r.start(h); });
}
inline error_code close(asio::io_context& ctx, registrar& r) {
    return wait_for(ctx, [&](auto h) { r.close(h); });
}

/// What an observer of the tree sees.
struct looker {
    explicit looker(asio::io_context& ctx) : context(ctx), client(ctx, config()) {}

    std::optional<zk::get_result> get(const std::string& path) {
        std::optional<zk::get_result> got;
        wait_for(context, [&](auto h) {
            client.get(path, [&got, h](error_code ec, zk::get_result g) mutable {
                if (!ec) got = std::move(g);
                h(ec);
            });
        });
        return got;
    }
    std::vector<std::string> children(const std::string& path) {
        std::vector<std::string> names;
        wait_for(context, [&](auto h) {
            client.children(path, [&names, h](error_code ec, zk::children_result c) mutable {
                names = std::move(c.names);
                h(ec);
            });
        });
        std::sort(names.begin(), names.end());
        return names;
    }
    void remove(const std::string& path) {
        CHECK_FALSE(wait_for(context, [&](auto h) { client.remove(path, zk::any_version, h); }));
    }

    asio::io_context& context;
    zk::client client;
};

struct seen final : registry::view_observer {
    void on_view(const registry::view_state& s) override {
        last = s;
        ++calls;
    }
    std::string names() const {
        std::string out;
        for (const auto& p : last.instances) out += p->name + " ";
        return out;
    }
    registry::view_state last;
    int calls = 0;
};

}    // namespace muster::test
