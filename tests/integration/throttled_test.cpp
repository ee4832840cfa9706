// Part of muster. Boost Software License 1.0, see LICENSE.
//
// A server that is asked for more than it copes with, and throws requests back. Whatever it is: what was acknowledged is there,
// once and in the order in which it was asked for, what was told to be thrown back is not, and every request completes.
#include <muster/zk/client.hpp>

#include "support/loop.hpp"
#include "support/zk_server.hpp"

#include <doctest/doctest.h>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

using namespace muster::test;
using namespace std::chrono_literals;
using muster::error_code;
namespace asio = boost::asio;
namespace zk = muster::zk;

namespace {

/// Few requests may be under way at this server, and those that have waited for that are thrown back.
zk_options overloaded() {
    zk_options o;
    o.jvm = {"-Dzookeeper.request_throttle_max_requests=1", "-Dzookeeper.request_throttle_stall_time=10",
             "-Dzookeeper.throttled_op_wait_time=20"};
    return o;
}

/// What became of writes that were asked for together.
struct burst {
    static constexpr std::size_t requests = 900;

    explicit burst(std::string r) : root(std::move(r)) {}

    const std::string root;
    std::size_t completed = 0;
    std::vector<int> completions = std::vector<int>(requests);
    std::vector<std::size_t> acknowledged{}, thrown_back{};    // in the order in which they completed

    std::string name(std::size_t i) const { return "n" + std::to_string(i); }

    void ask(loop& l, zk::client& c) {
        for (std::size_t i = 0; i != requests; ++i) {
            c.create(root + "/" + name(i), "", zk::create_mode::persistent, [this, i](error_code ec, const zk::create_result&) {
                ++completed;
                ++completions[i];
                if (!ec)
                    acknowledged.push_back(i);
                else if (ec == zk::server_errc::throttled)
                    thrown_back.push_back(i);
                else
                    FAIL_CHECK(name(i) << ": " << ec.message());
            });
        }
        REQUIRE(l.until([this] { return completed == requests; }, 60s));
    }
};

/// The names below `root`, in the order in which they were created.
asio::awaitable<std::vector<std::string>> in_order(zk::client& c, std::string root) {
    const auto list = co_await c.children(root, asio::use_awaitable);
    std::vector<std::pair<std::int64_t, std::string>> all;
    for (const auto& name : list.names) {
        const auto read = co_await c.get(root + "/" + name, asio::use_awaitable);
        all.emplace_back(read.stat.czxid, name);
    }
    std::sort(all.begin(), all.end());
    std::vector<std::string> names;
    for (auto& [zxid, name] : all) names.push_back(std::move(name));
    co_return names;
}

}    // namespace

TEST_CASE("bursts of writes at a server that throws requests back: no order is lost, and nothing is applied twice") {
    constexpr int most_bursts =
        50;    // what a server throws back is a matter of its own time; some is, and goes again, in one of three
    zk_server server(overloaded());
    server.start();
    loop l;
    zk::client client(l.io, zk::config(server.connect_string()));
    std::size_t told = 0;
    for (int i = 0; i != most_bursts && (told == 0 || client.metrics().requests_repeated == 0); ++i) {
        burst b("/burst-" + std::to_string(i));
        l.run([](zk::client& c, std::string path) -> asio::awaitable<void> {
            co_await c.create(path, "", zk::create_mode::persistent, asio::use_awaitable);
        }(client, b.root));
        b.ask(l, client);
        for (const int n : b.completions) CHECK(n == 1);
        CHECK(std::is_sorted(b.acknowledged.begin(), b.acknowledged.end()));
        std::vector<std::string> expected;
        for (const auto n : b.acknowledged) expected.push_back(b.name(n));
        CHECK(l.run(in_order(client, b.root), 60s) == expected);
        told += b.thrown_back.size();
        MESSAGE(b.acknowledged.size() << " of " << burst::requests << " acknowledged, " << b.thrown_back.size()
                                      << " told to be thrown back; " << client.metrics().requests_repeated
                                      << " sent again so far");
    }
    CHECK(told != 0);
    CHECK(client.metrics().requests_repeated != 0);
    CHECK(client.metrics().connects == 1);
    l.run(client.close(asio::use_awaitable));
}
