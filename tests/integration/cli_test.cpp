// Part of muster. Boost Software License 1.0, see LICENSE.
//
// The muster command on a real ZooKeeper. Wrong usage is in cli_usage_test.cpp.
#include "integration/muster_command.hpp"
#include "support/eventually.hpp"
#include "support/kazoo.hpp"
#include "support/zk_server.hpp"

#include <doctest/doctest.h>
#include <boost/json.hpp>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

using namespace muster::test;
using namespace std::chrono_literals;
namespace json = boost::json;
using strings = std::vector<std::string>;

namespace {

zk_server& server() {
    static zk_server s;
    s.start();
    return s;
}
std::string hosts() { return server().connect_string(); }

strings on(const std::string& service, const strings& args) {
    strings all = args;
    all.insert(all.end(), {"--zk", hosts(), "--service", service});
    return all;
}

std::unique_ptr<process> start_instance(const std::string& service, int port, const strings& more = {},
                                        const strings& environment = {}) {
    strings args = on(service, {"register", "--ip", "127.0.0.1", "--port", std::to_string(port)});
    args.insert(args.end(), more.begin(), more.end());
    return start_muster(args, environment);
}

std::unique_ptr<process> registered(const std::string& service, int port, const strings& more = {},
                                    const strings& environment = {}) {
    auto p = start_instance(service, port, more, environment);
    wait_event(*p, "registered");
    return p;
}

std::string text(const json::object& o, std::string_view key) { return o.at(key).as_string().c_str(); }

strings keys(const json::object& o) {
    strings all;
    for (const auto& member : o) all.emplace_back(member.key());
    return all;
}

bool contains(const strings& lines, std::string_view part) {
    return std::any_of(lines.begin(), lines.end(), [part](const std::string& l) { return l.find(part) != std::string::npos; });
}

std::string children(const std::string& service) { return run_kazoo("children.py", {hosts(), "/micro-service/" + service}); }

}    // namespace

TEST_CASE("register: events, znode, and SIGTERM") {
    const auto p =
        start_instance("events", 50000, {"--weight", "7", "--unique-code", "code", "--user", "me"}, {"MUSTER_USERPWD=sesame"});
    CHECK(p->wait_line() == R"({"event":"session","state":"connected"})");
    CHECK(p->wait_line() == R"({"event":"registered","role":"master","path":"/micro-service/events/master"})");
    CHECK(
        text(json::parse(children("events")).as_object(), "data") ==
        R"({"serverip":"127.0.0.1","serverport":50000,"username":"me","userpwd":"sesame","serveruniquecode":"code","weight":7})");

    const auto second = start_instance("events", 50001);
    const auto event = wait_event(*second, "registered");
    CHECK(text(event, "role") == "normal");
    CHECK(text(event, "path").starts_with("/micro-service/events/normal0000"));

    const auto begin = std::chrono::steady_clock::now();
    p->signal(SIGTERM);
    CHECK(second->wait_line() == R"({"event":"role","role":"master"})");
    const auto r = finish(*p);
    CHECK(std::chrono::steady_clock::now() - begin < 1s);
    CHECK(r.code == 0);
    CHECK(r.out.back() == R"({"event":"closed"})");
    CHECK(r.err.empty());

    second->signal(SIGINT);
    CHECK(finish(*second).code == 0);
    CHECK(children("events").empty());
}

TEST_CASE("register: a unique code is enough, prefix and chroot are kept") {
    run_kazoo("create.py", {hosts(), "/root", ""});
    const auto p =
        start_muster({"register", "--zk", hosts() + "/root", "--prefix", "other", "--service", "s", "--unique-code", "u"});
    CHECK(text(wait_event(*p, "registered"), "path") == "/other/s/master");
    CHECK(run_kazoo("get.py", {hosts(), "/root/other/s/master"}).find("serveruniquecode") != std::string::npos);
    CHECK(text(run_muster({"pick", "--zk", hosts() + "/root", "--prefix", "other", "--service", "s"}).object(),
               "serveruniquecode") == "u");
}

TEST_CASE("register: ZooKeeper goes and comes: suspended, connected, and the same znode" *
          apache_only("the data must be there after a crash")) {
    zk_server own;
    own.start();
    const auto p = start_muster({"register", "--zk", own.connect_string(), "--service", "s", "--ip", "::1", "--port", "1"});
    wait_event(*p, "registered");
    const auto before = run_kazoo("children.py", {own.connect_string(), "/micro-service/s"});
    own.kill();
    CHECK(text(wait_event(*p, "session"), "state") == "suspended");
    own.start();
    CHECK(text(wait_event(*p, "session"), "state") == "connected");
    CHECK(run_kazoo("children.py", {own.connect_string(), "/micro-service/s"}) == before);
    p->signal(SIGTERM);
    const auto r = finish(*p);
    CHECK(r.code == 0);
    CHECK(std::count_if(r.out.begin(), r.out.end(), [](const auto& l) { return l.find("registered") != l.npos; }) == 1);
}

TEST_CASE("register: frozen for longer than the session: expired, and registered again") {
    const auto p = registered("frozen", 50000, {"--session-timeout", "1s"});
    p->signal(SIGSTOP);
    CHECK(eventually([] { return children("frozen").empty(); }));
    p->signal(SIGCONT);
    CHECK(eventually([&] { return contains(p->lines(), R"({"event":"session","state":"expired"})"); }));
    CHECK(text(wait_event(*p, "registered"), "role") == "master");
    p->signal(SIGTERM);
    CHECK(finish(*p).code == 0);
}

TEST_CASE("register: who reads the events may go") {
    process p({"sh", "-c",
               "( " MUSTER_COMMAND " register --zk " + hosts() +
                   " --service unread --ip 127.0.0.1 --port 1 & echo $! >&2; wait ) | head -n 2"});
    CHECK(eventually([&] { return p.lines().size() == 2; }));
    const auto second = registered("unread", 2);    // an event of its own, for nobody
    CHECK(run_muster(on("unread", {"ls"})).out.size() == 2);
    ::kill(static_cast<pid_t>(std::stoi(p.err())), SIGTERM);
    CHECK(text(wait_event(*second, "role"), "role") == "master");
}

TEST_CASE("register -- COMMAND: registered for as long as it lives, with its exit code") {
    const auto p = start_instance("wrapped", 50000, {"--", "sh", "-c", "read x; echo got $x; exit 7"});
    wait_event(*p, "registered");
    CHECK_FALSE(children("wrapped").empty());
    p->write("it\n");
    CHECK(p->wait_line("got") == "got it");
    const auto r = finish(*p);
    CHECK(r.code == 7);
    CHECK(r.out.back() == R"({"event":"closed"})");
    CHECK(children("wrapped").empty());
}

TEST_CASE("register -- COMMAND: signals are passed on; SIGTERM deregisters at once, while the command still ends") {
    const auto p = start_instance(
        "told", 50000,
        {"--", "sh", "-c",
         "trap 'echo usr1' USR1; trap 'echo hup' HUP; trap 'echo term; trap \"exit 3\" USR2; while :; do sleep 0.02; done' TERM; "
         "echo ready; while :; do sleep 0.02; done"});
    wait_event(*p, "registered");
    CHECK(eventually([&] { return contains(p->lines(), "ready"); }));
    p->signal(SIGUSR1);
    p->wait_line("usr1");
    p->signal(SIGHUP);
    p->wait_line("hup");
    p->signal(SIGTERM);
    CHECK(eventually([&] { return contains(p->lines(), "term") && contains(p->lines(), "closed"); }));
    CHECK(children("told").empty());
    CHECK(p->running());
    p->signal(SIGUSR2);
    CHECK(finish(*p).code == 3);
}

TEST_CASE("register -- COMMAND: it is killed with us, and ended when registering is given up") {
    const auto p = start_instance("orphan", 50000, {"--", "sh", "-c", "echo pid $$; exec sleep 60"});
    const auto line = p->wait_line("pid ");
    const auto pid = static_cast<pid_t>(std::stoi(line.substr(4)));
    p->signal(SIGKILL);
    CHECK(p->wait() == 128 + SIGKILL);
    CHECK(eventually([&] { return ::kill(pid, 0) == -1; }));

    const auto r = run_muster({"register", "--zk", "127.0.0.1:" + std::to_string(free_port()), "--service", "s", "--ip", "::1",
                               "--port", "1", "--wait", "200ms", "--", "sleep", "60"});
    CHECK(r.code == 4);
}

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
        all.insert(all.end(), {"--wait", "300ms"});
        const auto r = run_muster(all);
        CHECK(r.code == 3);
        CHECK(r.out.empty());
        CHECK(r.err.find("'nobody'") != std::string::npos);
        CHECK(r.err.find("300ms") != std::string::npos);
    }
    const auto only_master = registered("alone", 50000);
    CHECK(run_muster(on("alone", {"pick", "--wait", "0ms", "--pool", "normals"})).code != 0);
    CHECK(run_muster(on("alone", {"pick", "--wait", "300ms", "--pool", "normals"})).code == 3);
    CHECK(run_muster(on("alone", {"pick"})).code == 0);
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
          strings{"serverip", "serverport", "username", "serveruniquecode", "weight", "role", "path", "czxid", "stale"});
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
    CHECK(run_on_terminal("ls --zk " + zk).out.at(0).starts_with("SERVICE"));
    for (const auto& lines : {services.out, r.out, table.out}) CHECK_FALSE(contains(lines, "sesame"));
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

TEST_CASE("demo: the whole tour, for people and for programs, and nothing is left") {
    const temp_dir own;    // for its folders
    const strings environment{"TMPDIR=" + own.path().string()};
    SUBCASE("for people") {
        const auto r = run_muster({"demo"}, environment);
        CAPTURE(r.err);
        CHECK(r.code == 0);
        for (const char* part : {"roundrobin", "leastconnect", "SIGKILL", "SIGTERM", "fail-over after a crash"})
            CHECK(contains(r.out, part));
        CHECK_FALSE(contains(r.out, "\033"));
    }
    SUBCASE("on a ZooKeeper that is there, which is left as it was") {
        const auto r = run_muster({"demo", "--json", "--zk", hosts()}, environment);
        CAPTURE(r.err);
        CHECK(r.code == 0);
        const auto done = json::parse(r.out.back()).as_object();
        CHECK(text(done, "event") == "done");
        CHECK(done.at("failed") == 0);
        CHECK(done.at("crash_ms").to_number<double>() < 3'000);
        CHECK(done.at("order_ms").to_number<double>() < 100);
        CHECK(run_kazoo("children.py", {hosts(), "/micro-service"}).find("/micro-service/demo") == std::string::npos);
    }
    SUBCASE("interrupted") {
        const auto d = start_muster({"demo"}, environment);
        d->wait_line("Twenty picks", 30s);
        d->signal(SIGINT);
        CHECK(finish(*d).code == 128 + SIGINT);
    }
    CHECK(std::filesystem::is_empty(own.path()));
}
