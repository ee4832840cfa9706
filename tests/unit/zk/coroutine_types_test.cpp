// Part of muster. Boost Software License 1.0, see LICENSE.
//
// GCC 12 destroys aggregate temporaries in co_await expressions twice, so no public type that takes part in one may be an
// aggregate with a destructor.
// GCC 12 takes the operators of Asio's coroutine frames, inlined in part, for mismatched ones.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"
#endif

#include <muster/zk/client.hpp>

#include "client_fixture.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <type_traits>

using namespace muster;
using namespace muster::test;

namespace {

template <class T>
constexpr bool safe = !std::is_aggregate_v<T> || std::is_trivially_destructible_v<T>;

static_assert(safe<zk::config>);
static_assert(safe<zk::connect_string>);
static_assert(safe<zk::host_port>);
static_assert(safe<zk::create_options>);
static_assert(safe<zk::create_result>);
static_assert(safe<zk::get_result>);
static_assert(safe<zk::children_result>);
static_assert(safe<zk::transaction>);
static_assert(safe<zk::transaction::operation>);
static_assert(safe<zk::operation_result>);
static_assert(safe<zk::multi_result>);
static_assert(safe<zk::read_batch>);
static_assert(safe<zk::read_result>);
static_assert(safe<zk::multi_read_result>);
static_assert(safe<zk::acl_result>);
static_assert(safe<zk::identity>);
static_assert(safe<zk::reconfiguration>);
static_assert(safe<zk::stat>);
static_assert(safe<zk::acl>);
static_assert(safe<zk::watch_event>);
static_assert(safe<zk::watcher>);
static_assert(safe<zk::session_info>);
static_assert(safe<zk::client_metrics>);
static_assert(safe<zk::client>);

asio::awaitable<std::string> joined(zk::get_result a, zk::get_result b) { co_return a.data + b.data; }

}    // namespace

TEST_CASE("results may be used in the expression that awaits them") {
    fixture f;
    f.attach();
    std::vector<std::string> log;
    const auto work = [&]() -> asio::awaitable<void> {
        log.push_back((co_await f.client.get("/a")).data);
        log.push_back(co_await joined(co_await f.client.get("/b"), co_await f.client.get("/c")));
        log.push_back((co_await f.client.create("/d", std::string(100, 'd'))).path);
        log.push_back((co_await f.client.children("/e")).names.at(0));
        log.push_back(std::to_string((co_await f.client.multi(zk::transaction().check("/f", 0))).size()));
        const zk::get_result got = co_await f.client.get(std::string(100, '/').substr(99) + "g");
        log.push_back(got.data);
    };
    asio::co_spawn(f.sim.io, work(), asio::detached);
    proto::get_data_response data;
    data.data = std::string(40, 'x');
    proto::create2_response created;
    created.path = std::string(50, 'y');
    proto::get_children2_response children;
    children.children = {std::string(60, 'z')};
    for (int i = 0; i != 3; ++i) f.reply(f.request(), 0, data);
    f.reply(f.request(), 0, created);
    f.reply(f.request(), 0, children);
    proto::multi_response multi;
    multi.results.resize(1);
    f.reply(f.request(), 0, multi);
    f.reply(f.request(), 0, data);
    CHECK(log == std::vector<std::string>{std::string(40, 'x'), std::string(80, 'x'), std::string(50, 'y'), std::string(60, 'z'),
                                          "1", std::string(40, 'x')});
}
