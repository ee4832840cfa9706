// Part of muster. Boost Software License 1.0, see LICENSE.
//
// Registrars and balancers together, with servers that go away, sessions that end, and strangers who write to the same znodes.
#include "fleet.hpp"

#include "support/eventually.hpp"

#include <boost/asio/deferred.hpp>
#include <boost/asio/detached.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <set>
#include <thread>

using namespace muster;
using namespace muster::test;
using namespace std::chrono_literals;

namespace {

constexpr auto tuple = asio::as_tuple(asio::deferred);

bool fresh(balancer& lb, std::size_t instances) {
    const auto v = lb.view("testserver").value();
    return v.known && !v.stale && v.instances.size() == instances;
}

/// What a registered instance must look like to everybody, whatever happened before.
void check_registered_once(const std::string& servers, const registrar& reg, std::int64_t port) {
    const auto mine = children_of(servers, port);
    REQUIRE(mine.size() == 1);
    CHECK(mine[0].owner == reg.status().session.id);
    CHECK(service_path + "/" + mine[0].name == reg.status().path);
    CHECK(mine[0].czxid == reg.status().czxid);
}

}    // namespace

TEST_CASE("ZooKeeper is killed and comes back: no znode is written, picks go on, the view says it is stale") {
    zk_server server;
    server.start();
    loop l;
    auto a = start_registrar(l, server.connect_string(), instance_of(50001));
    auto b = start_registrar(l, server.connect_string(), instance_of(50002));
    auto c = start_registrar(l, server.connect_string(), instance_of(50003));
    balancer lb(l.io, config_for(server.connect_string(), 8s));
    REQUIRE(l.run(lb.pick("testserver")).valid());
    REQUIRE(l.until([&] { return fresh(lb, 3); }));
    auto changes = lb.changes("testserver").value();
    std::vector<change> seen;
    auto follow = [&]() -> asio::awaitable<void> {
        for (;;) {
            auto [ec, ch] = co_await changes.next(tuple);
            if (ec) co_return;
            seen.push_back(std::move(ch));
        }
    };
    asio::co_spawn(l.io, follow(), asio::detached);
    REQUIRE(l.until([&] { return seen.size() == 4 && seen.back().what == change::kind::fresh; }));
    const auto before = children_by_kazoo(server.connect_string());
    const auto id = a.status().session.id;

    server.crash();
    REQUIRE(l.until([&] { return lb.view("testserver").value().stale; }));
    std::set<std::uint16_t> picked;
    for (int i = 0; i < 100; ++i) picked.insert((*lb.try_pick("testserver"))->port);
    CHECK(picked == std::set<std::uint16_t>{50002, 50003});
    l.pass(100ms);
    CHECK(lb.view("testserver").value().age >= 100ms);

    server.start();
    REQUIRE(l.until([&] { return fresh(lb, 3) && a.status().session.state == zk::session_state::connected; }));
    REQUIRE(l.until([&] {
        return b.status().session.state == zk::session_state::connected &&
               c.status().session.state == zk::session_state::connected;
    }));
    CHECK(lb.view("testserver").value().age == 0ns);
    CHECK(a.status().session.id == id);
    CHECK(children_by_kazoo(server.connect_string()) == before);
    REQUIRE(l.until([&] { return seen.size() == 6; }));
    CHECK(seen[4].what == change::kind::stale);
    CHECK(seen[5].what == change::kind::fresh);

    // Watches are there for what happens now.
    l.run(b.close(asio::use_awaitable));
    REQUIRE(l.until([&] { return seen.size() == 7; }));
    CHECK(seen[6].what == change::kind::removed);
    CHECK(seen[6].instance.port == 50002);
}

TEST_CASE("the session expires by the client's own clock while its old znode stands: there is exactly one, the new one") {
    zk_server server;
    server.start();
    loop l;
    for (const bool master : {true, false}) {
        CAPTURE(master);
        std::optional<registrar> other;
        if (!master) other.emplace(start_registrar(l, server.connect_string(), instance_of(50009), 9s));
        auto reg = start_registrar(l, server.connect_string(), instance_of(50001), 4s);
        const auto old = reg.status();
        CHECK(old.role == (master ? role::master : role::normal));
        server.crash();
        REQUIRE(l.until([&] { return reg.status().role == role::none; }, 15s));

        server.start();
        REQUIRE(l.until([&] { return reg.status().role != role::none; }));
        CHECK(reg.status().session.id != old.session.id);
        check_registered_once(server.connect_string(), reg, 50001);
        // The server has begun to count anew when it started, so the old session ends only now; nothing goes with it.
        l.pass(6s);
        check_registered_once(server.connect_string(), reg, 50001);
        CHECK(reg.status().role == (master ? role::master : role::normal));
        l.run(reg.close(asio::use_awaitable));
        CHECK(children_of(server.connect_string(), 50001).empty());
        if (other) l.run(other->close(asio::use_awaitable));
    }
}

TEST_CASE("the session is ended from a second connection: the instance is back by itself, once") {
    zk_server server;
    server.start();
    loop l;
    auto reg = start_registrar(l, server.connect_string(), instance_of(50001));
    for (int round = 0; round < 3; ++round) {
        const auto before = reg.status();
        end_session(server.connect_string(), before.session);
        REQUIRE(l.until([&] { return reg.status().role != role::none && reg.status().czxid != before.czxid; }));
        CHECK(reg.status().session.id != before.session.id);
        check_registered_once(server.connect_string(), reg, 50001);
    }
    l.run(reg.close(asio::use_awaitable));
}

TEST_CASE("another client's instances in the seed's format are picked, and ours are the same to the byte") {
    zk_server server;
    server.start();
    loop l;
    auto seed_master =
        start_kazoo("seed_register.py", {server.connect_string(), service_path, "master", "10.0.0.1", "50000", "code<&>1", "3"});
    seed_master->wait_line();
    auto seed_normal =
        start_kazoo("seed_register.py", {server.connect_string(), service_path, "normal", "10.0.0.2", "50000", "", "7"});
    seed_normal->wait_line();

    balancer lb(l.io, config_for(server.connect_string(), 8s));
    const auto picked = l.run(lb.pick("testserver"));
    CHECK(picked->ip == "10.0.0.2");
    CHECK(picked->weight == 7);
    const auto master = l.run(lb.master("testserver"));
    CHECK(master->ip == "10.0.0.1");
    CHECK(master->unique_code == "code<&>1");
    CHECK(master.role() == role::master);

    // The same instance once more, by ours: as a normal, since there is a master.
    registration same = instance_of(50000);
    same.instance.ip = "10.0.0.1";
    same.instance.unique_code = "code<&>1";
    same.instance.weight = 3;
    same.service = "ours";
    auto ours = start_registrar(l, server.connect_string(), same);
    const auto theirs_raw =
        boost::json::parse(run_kazoo("get.py", {server.connect_string(), service_path + "/master"})).as_object();
    const auto ours_raw = boost::json::parse(run_kazoo("get.py", {server.connect_string(), ours.status().path})).as_object();
    CHECK(ours_raw.at("data") == theirs_raw.at("data"));
    CHECK(ours.status().path == "/micro-service/ours/master");

    // The seed's master goes: nobody of ours was there to follow. Then ours comes, and follows the seed's format.
    auto follower = start_registrar(l, server.connect_string(), instance_of(50007));
    CHECK(follower.role() == role::normal);
    CHECK(follower.status().path.starts_with(service_path + "/normal00000000"));
    seed_master->close_input();
    seed_master->wait();
    REQUIRE(l.until([&] { return follower.role() == role::master; }));
    CHECK(masters(children_by_kazoo(server.connect_string())) == 1);
    l.run(follower.close(asio::use_awaitable));
}

TEST_CASE("the master's data is changed, its znode is deleted by hand: exactly one master shortly after") {
    zk_server server;
    server.start();
    loop l;
    auto a = start_registrar(l, server.connect_string(), instance_of(50001));
    auto b = start_registrar(l, server.connect_string(), instance_of(50002));
    auto c = start_registrar(l, server.connect_string(), instance_of(50003));
    // Each is there once, under its own data, and one is master, for itself and for everybody.
    const auto settled = [&] {
        const bool ok = l.until([&] {
            const bool registered = a.role() != role::none && b.role() != role::none && c.role() != role::none;
            if (masters_among(a, b, c) != 1 || !registered) return false;
            l.pass(50ms);
            const auto all = children_by_kazoo(server.connect_string());
            std::set<std::int64_t> ports;
            for (const auto& v : all) ports.insert(v.port);
            return all.size() == 3 && masters(all) == 1 && ports == std::set<std::int64_t>{50001, 50002, 50003};
        });
        CHECK(ok);
    };
    run_kazoo("set.py", {server.connect_string(), service_path + "/master", "{\"serverip\":\"6.6.6.6\",\"serverport\":1}"});
    settled();
    run_kazoo("set.py", {server.connect_string(), service_path + "/master", "not json"});
    settled();
    for (int round = 0; round < 5; ++round) {
        run_kazoo("delete.py", {server.connect_string(), service_path + "/master"});
        settled();
    }
    // After all of this the election still works.
    registrar& master = a.role() == role::master ? a : b.role() == role::master ? b : c;
    l.run(master.close(asio::use_awaitable));
    REQUIRE(l.until([&] { return masters_among(a, b, c) == 1; }));
}

TEST_CASE("a master that dies just as others register is followed by exactly one") {
    // The znode goes between their failed create and their watch, at a moment that moves on from round to round.
    zk_server server;
    server.start();
    loop l;
    zk::client hand(l.io, config_for(server.connect_string(), 8s));
    l.run([&]() -> asio::awaitable<void> {
        co_await hand.create("/micro-service", "");
        co_await hand.create(service_path, "");
    }());
    for (int round = 0; round < 12; ++round) {
        CAPTURE(round);
        const std::string foreign = "{\"serverip\":\"10.0.0.1\",\"serverport\":1}";
        l.run([&]() -> asio::awaitable<void> {
            co_await hand.create(service_path + "/master", foreign, zk::create_mode::ephemeral);
        }());
        registrar a(l.io, config_for(server.connect_string(), 8s), instance_of(50001));
        registrar b(l.io, config_for(server.connect_string(), 8s), instance_of(50002));
        int started = 0;
        a.start([&](error_code ec) { started += !ec; });
        b.start([&](error_code ec) { started += !ec; });
        // The more replies they have had, the further they are: the first rounds hit them before, the last ones after.
        for (int steps = 0; steps < 4 * round; ++steps) {
            l.io.restart();
            l.io.run_one_for(5ms);
        }
        bool gone = false;
        hand.remove(service_path + "/master", zk::any_version,
                    [&](error_code ec) { gone = !ec || ec == zk::server_errc::no_node; });
        REQUIRE(l.until([&] { return gone && started == 2; }));
        REQUIRE(l.until([&] { return masters_among(a, b) == 1; }));
        const auto all = children_by_kazoo(server.connect_string());
        CHECK(masters(all) == 1);
        CHECK(all.size() == 2);
        l.run(a.close(asio::use_awaitable));
        l.run(b.close(asio::use_awaitable));
    }
}

TEST_CASE("znodes that are no instances are left out, counted and reported; the others serve on") {
    zk_server server;
    server.start();
    loop l;
    auto good = start_registrar(l, server.connect_string(), instance_of(50001));
    auto good2 = start_registrar(l, server.connect_string(), instance_of(50002));
    balancer lb(l.io, config_for(server.connect_string(), 8s));
    REQUIRE(l.run(lb.pick("testserver")).valid());

    struct bad {
        const char* data;
        const char* reason;    // part of it
    };
    const bad list[] = {
        {"not json", "JSON"},
        {"", "empty"},
        {"[1,2]", "object"},
        {R"({"serverip":7,"serverport":1})", "serverip"},
        {R"({"serverip":"a","serverport":"3"})", "serverport"},
        {R"({"serverip":"a","serverport":1,"weight":-1})", "-1"},
        {R"({"serverip":"a","serverport":1,"weight":1e9})", "'1000000000.0'"},
        {R"({"serverip":"a","serverport":1,"weight":"3"})", "weight"},
        {R"({"serverip":"a","serverport":1,"weight":1.5})", "1.5"},
        {"@921600", "921600"},
    };
    std::map<std::string, std::string> expected;
    for (const auto& b : list) {
        const auto path = run_kazoo("create.py", {server.connect_string(), service_path + "/normal", b.data, "sequence"});
        expected[path] = b.reason;
        l.pass(10ms);    // pings
    }
    run_kazoo("create.py", {server.connect_string(), service_path + "/config", R"({"serverip":"x","serverport":1})"});
    expected[service_path + "/config"] = "config";
    // Clamped, not refused.
    run_kazoo("create.py", {server.connect_string(), service_path + "/normal",
                            R"({"SERVERIP":"10.9.9.9","serverport":9,"weight":1000000000,"unknown":{"a":1}})", "sequence"});

    REQUIRE(l.until([&] {
        const auto v = lb.view("testserver").value();
        return v.rejected.size() == expected.size() && v.instances.size() == 3;
    }));
    const auto v = lb.view("testserver").value();
    for (const auto& r : v.rejected) {
        CAPTURE(r.path);
        REQUIRE(expected.count(r.path) == 1);
        CHECK_MESSAGE(r.reason.find(expected[r.path]) != std::string::npos, r.reason, " names ", expected[r.path]);
    }
    CHECK(std::any_of(v.instances.begin(), v.instances.end(),
                      [](const instance_info& i) { return i.instance.ip == "10.9.9.9" && i.instance.weight == 65535; }));
    std::set<std::uint16_t> picked;
    for (int i = 0; i < 20; ++i) picked.insert((*lb.try_pick("testserver"))->port);
    CHECK(picked == std::set<std::uint16_t>{50002, 9});
}

TEST_CASE("picks wait for the first instance, and say why when none comes") {
    zk_server server;
    server.start();
    loop l;
    balancer lb(l.io, config_for(server.connect_string(), 8s));
    pick_options brief;
    brief.wait = 300ms;
    const auto error_of = [&](std::string service, pick_options o) {
        return l.run([](balancer& b, std::string s, pick_options p) -> asio::awaitable<error_code> {
            auto [ec, lent] = co_await b.pick(std::move(s), std::move(p), tuple);
            co_return ec;
        }(lb, std::move(service), std::move(o)));
    };
    CHECK(lb.try_pick("testserver").error().code == registry_errc::unknown_service);
    REQUIRE(l.until([&] { return lb.view("testserver").value().known; }));
    CHECK(error_of("testserver", brief) == registry_errc::no_instances);
    pick_options only_master = brief;
    only_master.pool = pool::master;
    CHECK(error_of("testserver", only_master) == registry_errc::no_master);
    pick_options hash = brief;
    hash.policy = policy::iphash;
    for (const char* name : {"", "a/b", "..", "a\x01"}) CHECK(error_of(name, brief) == registry_errc::invalid_name);

    // Who waits is served by the first that comes.
    std::optional<lease> waiting;
    lb.pick("testserver", {}, [&](error_code ec, lease lent) {
        REQUIRE_FALSE(ec);
        waiting = std::move(lent);
    });
    l.pass(50ms);
    CHECK_FALSE(waiting);
    auto reg = start_registrar(l, server.connect_string(), instance_of(50001));
    REQUIRE(l.until([&] { return waiting.has_value(); }));
    CHECK((*waiting)->port == 50001);
    CHECK((*waiting).role() == role::master);
    CHECK(error_of("testserver", hash) == registry_errc::key_required);

    // A balancer that is destroyed ends those who wait, however long they would have waited, and whatever they wait with.
    {
        std::optional<balancer> brief_life(std::in_place, l.io, config_for(server.connect_string(), 8s));
        pick_options for_ever;
        for_ever.wait = std::chrono::milliseconds::max();
        error_code by_coroutine;
        error_code by_callback;
        auto waiting_pick = [](balancer& b, pick_options o, error_code& ec) -> asio::awaitable<void> {
            try {
                (void)co_await b.pick("nobody", std::move(o));
            } catch (const boost::system::system_error& e) {
                ec = e.code();
            }
        };
        asio::co_spawn(l.io, waiting_pick(*brief_life, for_ever, by_coroutine), asio::detached);
        brief_life->pick("nobody", for_ever, [&](error_code ec, lease) { by_callback = ec; });
        l.pass(300ms);
        CHECK_FALSE(by_coroutine);
        CHECK_FALSE(by_callback);
        brief_life.reset();
        CHECK(l.until([&] { return by_coroutine == registry_errc::closed && by_callback == registry_errc::closed; }, 2s));
    }

    server.kill();
    CHECK(error_of("another", brief) == registry_errc::registry_unavailable);
    CHECK(error_of("testserver", brief) == error_code());
    auto closing = [&]() -> asio::awaitable<void> { (void)co_await lb.close(tuple); };
    l.run(closing());
    CHECK(error_of("testserver", brief) == registry_errc::closed);
}
