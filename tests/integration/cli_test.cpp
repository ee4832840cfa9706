// Part of muster. Boost Software License 1.0, see LICENSE.
//
// The muster command on a real ZooKeeper, but for register. Wrong usage is in cli_usage_test.cpp.
#include "cli_fixture.hpp"
#include "support/eventually.hpp"
#include "support/fault_proxy.hpp"
#include "support/loop.hpp"
#include "support/session.hpp"

#include <muster/zk/client.hpp>

#include <doctest/doctest.h>
#include <boost/json.hpp>

#include <chrono>
#include <csignal>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

using namespace muster::test;
using namespace std::chrono_literals;
namespace json = boost::json;
using muster::error_code;
namespace zk = muster::zk;

TEST_CASE("pick and master: JSON with the keys of the znode") {
    const auto a = registered("picked", 50001, {"--user", "u"}, {"MUSTER_USERPWD=sesame"});
    const auto b = registered("picked", 50002, {"--weight", "3"});
    const auto c = registered("picked", 50003, {"--weight", "1"});

    const auto m = run_muster(on("picked", {"master"}));
    CHECK(m.code == 0);
    CHECK(m.err.empty());
    REQUIRE(m.out.size() == 1);
    CHECK(keys(m.object()) ==
          strings{"serverip", "serverport", "username", "userpwd", "serveruniquecode", "weight", "role", "czxid"});
    CHECK(m.object().at("serverport") == 50001);
    CHECK(text(m.object(), "userpwd") == "sesame");
    CHECK(text(m.object(), "role") == "master");

    const auto p = run_muster(on("picked", {"pick", "-n", "20", "--policy", "weightroundrobin"}));
    CHECK(p.code == 0);
    REQUIRE(p.out.size() == 20);
    std::map<std::int64_t, int> counts;
    for (std::size_t i = 0; i < p.out.size(); ++i) ++counts[p.object(i).at("serverport").as_int64()];
    CHECK(counts[50002] == 15);
    CHECK(counts[50003] == 5);

    const auto of_pool = [](const std::string& pool) {
        std::set<std::int64_t> ports;
        const auto r = run_muster(on("picked", {"pick", "-n", "30", "--pool", pool}));
        for (std::size_t i = 0; i < r.out.size(); ++i) ports.insert(r.object(i).at("serverport").as_int64());
        return ports;
    };
    CHECK(of_pool("all") == std::set<std::int64_t>{50001, 50002, 50003});
    CHECK(of_pool("normals") == std::set<std::int64_t>{50002, 50003});
    CHECK(of_pool("master") == std::set<std::int64_t>{50001});

    for (const char* policy : {"iphash", "urlhash"}) {
        std::set<std::string> seen;
        for (int i = 0; i < 3; ++i)
            seen.insert(run_muster(on("picked", {"pick", "--policy", policy, "--key", "10.0.0.1"})).out.at(0));
        CHECK(seen.size() == 1);
    }
    for (const char* policy : {"roundrobin", "random", "weightrandom", "leastconnect"}) {
        CAPTURE(policy);
        CHECK(run_muster(on("picked", {"pick", "--policy", policy, "-n", "5"})).out.size() == 5);
    }

    // Tables are for people, and show no password.
    const auto t = run_on_terminal("pick --pool master --zk " + hosts() + " --service picked");
    CHECK(t.code == 0);
    REQUIRE(t.out.size() == 2);
    CHECK(t.out[0].starts_with("ROLE"));
    CHECK(t.out[1].find("127.0.0.1:50001") != std::string::npos);
    CHECK_FALSE(contains(t.out, "sesame"));
    CHECK(json::parse(run_on_terminal("pick --json --zk " + hosts() + " --service picked").out.at(0)).is_object());
}

TEST_CASE("pick and master: nothing found in time is exit 3") {
    for (const strings& args : {strings{"pick"}, strings{"master"}}) {
        strings all = on("nobody", args);
        all.insert(all.end(), {"--wait", "2s"});
        const auto r = run_muster(all);
        CHECK(r.code == 3);
        CHECK(r.out.empty());
        CHECK(r.err.find("'nobody'") != std::string::npos);
        CHECK(r.err.find("2s") != std::string::npos);
    }
    const auto only_master = registered("alone", 50000);
    CHECK(run_muster(on("alone", {"pick", "--wait", "2s", "--pool", "normals"})).code == 3);
    CHECK(run_muster(on("alone", {"pick"})).code == 0);
}

TEST_CASE("pick tells of znodes that are no usable instances where there is no other") {
    run_kazoo("create.py",
              {hosts(), "/micro-service/malformed/normal0000000001", R"({"serverip":"127.0.0.1","serverport":70000})"});
    run_kazoo("create.py", {hosts(), "/micro-service/malformed/odd", ""});
    const auto r = run_muster(on("malformed", {"pick", "--wait", "2s"}));
    CHECK(r.code == 3);
    CHECK(r.err.find("'malformed'") != std::string::npos);
    CHECK(r.err.find("2 of its znodes are no usable instance, as '/micro-service/malformed/normal0000000001': ") !=
          std::string::npos);
    CHECK(r.err.find("70000") != std::string::npos);
}

TEST_CASE("pick waits for an instance that comes in time") {
    const auto p = start_muster(on("late", {"pick", "--wait", "10s"}));
    const auto i = registered("late", 50000);
    const auto r = finish(*p);
    CHECK(r.code == 0);
    CHECK(r.object().at("serverport") == 50000);
}

TEST_CASE("ls: services, instances, and what is no instance") {
    zk_server own;
    own.start();
    const std::string zk = own.connect_string();
    const auto empty = run_muster({"ls", "--zk", zk});
    CHECK(empty.code == 3);
    CHECK(empty.err.find("'/micro-service'") != std::string::npos);

    const auto start = [&](const std::string& service, const std::string& port) {
        auto p = start_muster({"register", "--zk", zk, "--service", service, "--ip", "127.0.0.1", "--port", port, "--user", "u"},
                              {"MUSTER_USERPWD=sesame"});
        wait_event(*p, "registered");
        return p;
    };
    const auto a = start("one", "1"), b = start("one", "2"), c = start("two", "3");
    run_kazoo("create.py",
              {zk, "/micro-service/one/normal0000000099", R"({"serverip":"x","serverport":"1","userpwd":"sesame"})"});
    run_kazoo("create.py", {zk, "/micro-service/one/odd", ""});

    const auto services = run_muster({"ls", "--zk", zk});
    CHECK(services.code == 0);
    REQUIRE(services.out.size() == 2);
    CHECK(services.out[0] == R"({"service":"one","instances":3,"masters":1,"normals":2})");
    CHECK(services.out[1] == R"({"service":"two","instances":1,"masters":1,"normals":0})");

    const auto r = run_muster({"ls", "--zk", zk, "--service", "one"});
    CHECK(r.code == 0);
    REQUIRE(r.out.size() == 4);
    CHECK(keys(r.object()) ==
          strings{"serverip",       "serverport", "username",        "serveruniquecode", "weight",    "role",
                  "path",           "czxid",      "stale",           "identity",         "address",   "condition",
                  "ejected_for_ms", "ejections",  "failures_in_row", "held_back",        "open",      "latency_us",
                  "picks",          "successes",  "failures",        "canceled",         "abandoned", "age_ms"});
    CHECK(text(r.object(0), "condition") == "healthy");
    CHECK(text(r.object(0), "identity").starts_with("127.0.0.1:"));
    CHECK(text(r.object(0), "path") == "/micro-service/one/master");
    CHECK(text(r.object(1), "role") == "normal");
    CHECK(r.object(0).at("stale") == false);
    std::set<std::string> rejected;
    for (std::size_t i = 2; i < 4; ++i) {
        rejected.insert(text(r.object(i), "rejected"));
        CHECK(text(r.object(i), "reason").find("expected") != std::string::npos);
    }
    CHECK(rejected == std::set<std::string>{"/micro-service/one/normal0000000099", "/micro-service/one/odd"});

    CHECK(run_muster({"ls", "--zk", zk, "--service", "three"}).code == 3);

    const auto table = run_on_terminal("ls --zk " + zk + " --service one");
    CHECK(table.out.at(0).starts_with("ROLE"));
    CHECK(contains(table.out, "rejected  /micro-service/one/odd"));
    CHECK(contains(table.out, "healthy"));
    CHECK(contains(table.out, "pools: normals_then_master 1, normals 1, all 2, master 1; age 0 ms"));
    CHECK(table.out.at(0).find(" EJECTIONS ") != std::string::npos);
    CHECK(run_on_terminal("ls --zk " + zk).out.at(0).starts_with("SERVICE"));
    for (const auto& lines : {services.out, r.out, table.out}) CHECK_FALSE(contains(lines, "sesame"));
}

TEST_CASE("ls: as many services as there are, sorted") {
    zk_server own;
    own.start();
    loop l;
    zk::client c(l.io, own.connect_string());
    constexpr int services = 300;
    const auto name = [](int i) { return "/micro-service/s" + std::to_string(1'000 + i); };
    int made = 0;
    const auto make = [&](const std::string& path) {
        c.create(path, "{}", {}, [&](error_code ec, zk::create_result) { made += !ec; });
    };
    make("/micro-service");
    for (int i = services; i-- > 0;) {
        make(name(i));
        for (int k = 0; k < i % 3; ++k) make(name(i) + (k == 0 ? "/master" : "/normal0000000001"));
    }
    REQUIRE(l.until([&] { return made == 1 + services + services; }));
    const auto r = run_muster({"ls", "--zk", own.connect_string()});
    CHECK(r.code == 0);
    REQUIRE(r.out.size() == services);
    for (int i = 0; i < services; ++i) {
        const auto o = r.object(static_cast<std::size_t>(i));
        CHECK(text(o, "service") == "s" + std::to_string(1'000 + i));
        CHECK(o.at("instances") == i % 3);
        CHECK(o.at("masters") == (i % 3 > 0 ? 1 : 0));
    }
}

TEST_CASE("a service that nobody may read is named, and the others are shown") {
    zk_server own;
    own.start();
    const std::string servers = own.connect_string();
    loop l;
    zk::client admin(l.io, config_for(servers, 10s));
    std::optional<error_code> done;
    const auto finished = [&](error_code ec) { done = ec; };
    const auto await = [&] {
        REQUIRE(l.until([&] { return done.has_value(); }));
        REQUIRE_FALSE(*done);
        done.reset();
    };
    for (const char* path : {"/micro-service", "/micro-service/hidden", "/micro-service/open"}) {
        admin.create(path, "", {}, [&](error_code ec, const zk::create_result&) { finished(ec); });
        await();
    }
    std::vector<zk::acl> acls(1);
    acls[0].permissions = static_cast<std::int32_t>(zk::permission::create);
    admin.set_acl("/micro-service/hidden", acls, zk::any_version, [&](error_code ec, const zk::stat&) { finished(ec); });
    await();

    const std::string forbidden = "the znode's ACL does not permit this";
    const auto all = run_muster({"ls", "--zk", servers});
    CHECK(all.code == 1);
    REQUIRE(all.out.size() == 2);
    CHECK(all.out[0] == R"({"service":"hidden","error":")" + forbidden + "\"}");
    CHECK(all.out[1] == R"({"service":"open","instances":0,"masters":0,"normals":0})");
    CHECK(all.err.find("service 'hidden' cannot be listed: " + forbidden) != std::string::npos);
    for (const char* what : {"pick", "master"}) {
        const auto r = run_muster({what, "--zk", servers, "--service", "hidden", "--wait", "2s"});
        CHECK(r.code == 1);
        CHECK(r.err.find("service 'hidden': " + forbidden) != std::string::npos);
    }
    const std::string unreadable = "service 'hidden' below '/micro-service' cannot be read: " + forbidden;
    const auto one = run_muster({"ls", "--zk", servers, "--service", "hidden", "--wait", "2s"});
    CHECK(one.code == 1);
    CHECK(one.out.empty());
    CHECK(one.err.find(unreadable) != std::string::npos);
    const std::string known = unreadable + "; waiting for it";
    auto w = start_muster({"watch", "--zk", servers, "--service", "hidden", "--wait", "2s"});
    CHECK(eventually([&] { return w->err().find(known) != std::string::npos; }));
    w->signal(SIGTERM);
    CHECK(finish(*w).code == 0);

    // Through this one the server is reached after 4 s, and what it forbids is told after 6 s.
    fault_proxy slow(l.io, own.port());
    slow.delay(1s);
    w = start_muster({"watch", "--zk", slow.connect_string(), "--service", "hidden", "--wait", "5s"});
    CHECK(l.until([&] { return w->err().find(known) != std::string::npos; }));
    const std::string told = w->err();
    CHECK(told.find("did not answer in full within 5s; waiting for it") < told.find(known));
    w->signal(SIGTERM);
    CHECK(l.until([&] { return !w->running(); }));
    CHECK(finish(*w).code == 0);
}

TEST_CASE("a chroot that does not exist is named, and used once it is there") {
    zk_server own;
    own.start();
    const std::string zk = own.connect_string() + "/chroot";
    const std::string missing = "the chroot '/chroot' does not exist";
    for (const strings& args : {strings{"ls"}, strings{"ls", "--service", "s"}, strings{"pick", "--service", "s", "--wait", "2s"},
                                strings{"master", "--service", "s", "--wait", "2s"}}) {
        CAPTURE(json::serialize(json::value_from(args)));
        strings all = args;
        all.insert(all.end(), {"--zk", zk});
        const auto r = run_muster(all);
        CHECK(r.code == 3);
        CHECK(r.out.empty());
        CHECK(r.err.find(missing) != std::string::npos);
    }
    const strings reg{"register", "--zk", zk, "--service", "s", "--ip", "127.0.0.1", "--port", "1"};
    strings hasty = reg;
    hasty.insert(hasty.end(), {"--wait", "2s"});
    const auto r = run_muster(hasty);
    CHECK(r.code == 3);
    CHECK(r.err.find("not registered within 2s: " + missing) != std::string::npos);
    const auto d = run_muster({"demo", "--zk", zk});
    CHECK(d.code == 3);
    CHECK(d.err.find(missing) != std::string::npos);
    CHECK(d.out == strings{"ZooKeeper is at " + zk + ".", ""});

    const auto w = start_muster({"watch", "--zk", zk, "--service", "s"});
    const auto p = start_muster(reg);
    for (process* each : {w.get(), p.get()}) CHECK(eventually([&] { return each->err().find(missing) != std::string::npos; }));
    run_kazoo("create.py", {own.connect_string(), "/chroot", ""});
    CHECK(text(wait_event(*p, "registered"), "path") == "/micro-service/s/master");
    CHECK(wait_event(*w, "added").at("serverport") == 1);
    for (process* each : {w.get(), p.get()}) {
        each->signal(SIGTERM);
        CHECK(finish(*each).code == 0);
    }
}

TEST_CASE("watch: changes as they come") {
    zk_server own;
    own.start();
    const std::string zk = own.connect_string();
    const auto start = [&](const std::string& port) {
        return start_muster({"register", "--zk", zk, "--service", "s", "--ip", "127.0.0.1", "--port", port, "--user", "u"},
                            {"MUSTER_USERPWD=sesame"});
    };
    const auto a = start("1");
    wait_event(*a, "registered");
    const auto w = start_muster({"watch", "--zk", zk, "--service", "s"});
    const auto first = json::parse(w->wait_line()).as_object();
    CHECK(keys(first) == strings{"event", "serverip", "serverport", "username", "serveruniquecode", "weight", "role", "path"});
    CHECK(text(first, "event") == "added");
    CHECK(text(first, "role") == "master");
    CHECK(w->wait_line() == R"({"event":"fresh"})");

    const auto b = start("2");
    CHECK(wait_event(*w, "added").at("serverport") == 2);
    run_kazoo("create.py", {zk, "/micro-service/s/odd", ""});
    CHECK(text(wait_event(*w, "rejected"), "path") == "/micro-service/s/odd");
    // Nobody's: what is written over a registrar's own it would put right at once.
    const std::string foreign = "/micro-service/s/normal0000000099";
    run_kazoo("create.py", {zk, foreign, R"({"serverip":"127.0.0.1","serverport":3})"});
    CHECK(wait_event(*w, "added").at("serverport") == 3);
    run_kazoo("set.py", {zk, foreign, R"({"serverip":"127.0.0.1","serverport":3,"weight":5})"});
    CHECK(wait_event(*w, "updated").at("weight") == 5);
    a->signal(SIGTERM);
    CHECK(wait_event(*w, "removed").at("serverport") == 1);
    const auto role = wait_event(*w, "role");
    CHECK(role.at("serverport") == 2);
    CHECK(text(role, "role") == "master");
    own.kill();
    wait_event(*w, "stale");
    own.start();
    wait_event(*w, "fresh", 30s);
    CHECK_FALSE(contains(w->lines(), "sesame"));
    w->signal(SIGINT);
    CHECK(finish(*w).code == 0);
}
