// Part of muster. Boost Software License 1.0, see LICENSE.
//
// A session is one client's.
#include "client_fixture.hpp"

#include <muster/balancer.hpp>
#include <muster/registrar.hpp>

#include <algorithm>
#include <type_traits>
#include <vector>

using namespace muster;
using namespace muster::test;

TEST_SUITE_BEGIN("client: identity");

namespace {

using id = zk::session_id;
using password = zk::session_password;
using info = zk::session_info;

/// Whether there is a member by which somebody might mean to hand over a session, whatever its type.
template <class T>
constexpr bool names_a_session = requires(T& c) {
    c.session;
}
|| requires(T& c) { c.session_id; }
|| requires(T& c) { c.id; }
|| requires(T& c) { c.session_password; }
|| requires(T& c) { c.password; }
|| requires(T& c) { c.passwd; }
|| requires(T& c) { c.resume; };

template <class T>
constexpr bool adopts_a_session = requires(T& c, info s) {
    c.resume(s);
}
|| requires(T& c, id i, password p) { c.resume(i, p); }
|| requires(T& c, info s) { c.start(s); }
|| requires(T& c, id i, password p) { c.start(i, p); }
|| requires(T& c, info s) { c.set_session(s); }
|| requires(T& c, id i, password p) { c.set_session(i, p); }
|| requires(T& c, info s) { c.session(s); };

/// Whether one is made of such arguments and a session, before or behind them.
template <class T, class... Args>
constexpr bool made_of_a_session = std::is_constructible_v<T, Args..., info> || std::is_constructible_v<T, info, Args...> ||
                                   std::is_constructible_v<T, Args..., id> || std::is_constructible_v<T, Args..., id, password> ||
                                   std::is_constructible_v<T, id, password, Args...>;

/// What these are to find.
struct careless {
    careless(zk::config, info);
    void resume(id, password);
    id session_id;
};

static_assert(names_a_session<careless> && adopts_a_session<careless> && made_of_a_session<careless, zk::config>);
static_assert(!names_a_session<zk::config>);
static_assert(!names_a_session<balancer_params>);
static_assert(!names_a_session<registration>);
static_assert(!adopts_a_session<zk::client>);
static_assert(!adopts_a_session<registrar>);
static_assert(!adopts_a_session<balancer>);
static_assert(!made_of_a_session<zk::config>);
static_assert(!made_of_a_session<zk::config, zk::connect_string>);
static_assert(!made_of_a_session<zk::client, asio::io_context&, zk::config>);
static_assert(!made_of_a_session<zk::client, asio::any_io_executor, zk::config>);
static_assert(!made_of_a_session<registrar, asio::io_context&, zk::config, registration>);
static_assert(!made_of_a_session<registrar, zk::client, registration>);
static_assert(!made_of_a_session<balancer, asio::io_context&, zk::config>);
static_assert(!made_of_a_session<balancer, zk::client>);

}    // namespace

TEST_CASE("R24: clients of one configuration have sessions of their own, at the same time and one after the other") {
    fixture f;
    const auto of_its_own = [&](zk::client& c) {
        c.start();
        f.sim.run_ready();
        server_end end{f.sim.world->accept(), {}};
        REQUIRE(end.peer);
        const auto asked = end.greet(0x77);
        f.sim.run_ready();
        CHECK(asked.session_id == 0);
        CHECK(asked.last_zxid_seen == 0);
        CHECK(std::all_of(asked.password.begin(), asked.password.end(), [](char byte) { return byte == 0; }));
        CHECK(c.session().id == 0x77);
        CHECK(c.session().generation == 1);
    };
    f.attach();
    const auto first = f.client.session();
    CHECK(first.id == 0x1234);
    auto beside = make_client(f.sim.io.get_executor(), f.client.configuration(), f.sim.world);
    of_its_own(beside);
    CHECK(f.client.session().id == first.id);
    // The first one ends without a word, as with its process.
    f.client = beside;
    f.sim.run_ready();
    auto later = make_client(f.sim.io.get_executor(), beside.configuration(), f.sim.world);
    of_its_own(later);
}

TEST_SUITE_END();
