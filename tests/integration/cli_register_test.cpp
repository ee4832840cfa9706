// Part of muster. Boost Software License 1.0, see LICENSE.
//
// muster register on a real ZooKeeper. Wrong usage is in cli_usage_test.cpp.
#include "cli_fixture.hpp"
#include "support/eventually.hpp"
#include "support/loop.hpp"
#include "support/sanitized.hpp"
#include "support/session.hpp"

#include <muster/zk/client.hpp>

#include <doctest/doctest.h>
#include <boost/json.hpp>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

using namespace muster::test;
using namespace std::chrono_literals;
namespace json = boost::json;
namespace zk = muster::zk;

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
    CHECK(std::chrono::steady_clock::now() - begin < (sanitized ? 2500ms : 1000ms));
    CHECK(r.code == 0);
    CHECK(r.out.back() == R"({"event":"closed"})");
    CHECK(r.err.empty());

    second->signal(SIGINT);
    CHECK(finish(*second).code == 0);
    CHECK(children("events").empty());
}

TEST_CASE("register: a second signal while it closes changes nothing: it deregisters, and ends at once when ZooKeeper answers") {
    zk_server own;
    own.start();
    const std::string zk = own.connect_string();
    const auto p = start_muster({"register", "--zk", zk, "--service", "s", "--ip", "127.0.0.1", "--port", "1"});
    wait_event(*p, "registered");
    own.pause();
    p->signal(SIGTERM);
    CHECK(eventually([&] { return !p->signal_pending(SIGTERM); }));
    p->signal(SIGTERM);
    CHECK(eventually([&] { return !p->signal_pending(SIGTERM); }));
    own.resume();
    const auto begin = std::chrono::steady_clock::now();
    const auto r = finish(*p);
    CHECK(std::chrono::steady_clock::now() - begin < (sanitized ? 2500ms : 1000ms));
    CHECK(r.code == 0);
    CHECK(r.out.back() == R"({"event":"closed"})");
    CHECK(r.err.empty());
    CHECK(run_kazoo("children.py", {zk, "/micro-service/s"}).empty());
}

TEST_CASE("register: a unique code is enough, prefix and chroot are kept") {
    run_kazoo("create.py", {hosts(), "/chroot", ""});
    const auto p =
        start_muster({"register", "--zk", hosts() + "/chroot", "--prefix", "other", "--service", "s", "--unique-code", "u"});
    CHECK(text(wait_event(*p, "registered"), "path") == "/other/s/master");
    CHECK(run_kazoo("get.py", {hosts(), "/chroot/other/s/master"}).find("serveruniquecode") != std::string::npos);
    CHECK(text(run_muster({"pick", "--zk", hosts() + "/chroot", "--prefix", "other", "--service", "s"}).object(),
               "serveruniquecode") == "u");
}

TEST_CASE("register: ZooKeeper goes and comes: suspended, connected, and the same znode") {
    zk_server own;
    own.start();
    const auto p = start_muster({"register", "--zk", own.connect_string(), "--service", "s", "--ip", "::1", "--port", "1"});
    wait_event(*p, "registered");
    const auto before = run_kazoo("children.py", {own.connect_string(), "/micro-service/s"});
    own.crash();
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
    p->pause();
    CHECK(eventually([] { return children("frozen").empty(); }));
    p->resume();
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

TEST_CASE("register: a normal that may not become master says so, and stays registered") {
    zk_server own;
    own.start();
    const std::string servers = own.connect_string();
    const auto start = [&](const char* port) {
        auto p = start_muster({"register", "--zk", servers, "--service", "s", "--ip", "127.0.0.1", "--port", port});
        wait_event(*p, "registered");
        return p;
    };
    const auto first = start("1");
    const auto second = start("2");
    loop l;
    zk::client admin(l.io, config_for(servers, 10s));
    const auto permit = [&](std::int32_t permissions) {
        std::optional<muster::error_code> done;
        std::vector<zk::acl> acls(1);
        acls[0].permissions = permissions;
        admin.set_acl("/micro-service/s", acls, zk::any_version, [&](muster::error_code ec, const zk::stat&) { done = ec; });
        REQUIRE(l.until([&] { return done.has_value(); }));
        REQUIRE_FALSE(*done);
    };
    const auto all = static_cast<std::int32_t>(zk::permission::all);
    permit(all & ~static_cast<std::int32_t>(zk::permission::create));
    first->signal(SIGTERM);
    CHECK(finish(*first).code == 0);
    const std::string refused =
        "registered, but something else fails, trying again: ZooKeeper at " + servers + ": the znode's ACL does not permit this";
    CHECK(eventually([&] { return second->err().find(refused) != std::string::npos; }));
    permit(all);
    CHECK(text(wait_event(*second, "role"), "role") == "master");
    second->signal(SIGTERM);
    const auto r = finish(*second);
    CHECK(r.code == 0);
    CHECK(r.err.find(refused) == r.err.rfind(refused));    // said once
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
