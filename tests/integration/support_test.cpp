// Part of muster. Boost Software License 1.0, see LICENSE.
//
// The harness itself: what the other integration tests take for granted.
#include "support/eventually.hpp"
#include "support/kazoo.hpp"
#include "support/process.hpp"
#include "support/zk_server.hpp"

#include <doctest/doctest.h>
#include <boost/json.hpp>

#include <arpa/inet.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>

using namespace muster::test;
using namespace std::chrono_literals;
namespace json = boost::json;

TEST_CASE("free_port gives each port once, and ports that can be listened on") {
    std::set<std::uint16_t> seen;
    for (int i = 0; i < 50; ++i) CHECK(seen.insert(free_port()).second);
    const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
    const int on = 1;    // as servers do: connections of another that had the port may be in TIME_WAIT
    ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockaddr_in a{};
    a.sin_family = AF_INET;
    a.sin_port = htons(*seen.begin());
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK(::bind(fd, reinterpret_cast<const sockaddr*>(&a), sizeof a) == 0);
    ::close(fd);
}

TEST_CASE("temp_dir is new, and goes with what is in it") {
    std::filesystem::path path;
    {
        const temp_dir a, b;
        path = a.path();
        CHECK(a.path() != b.path());
        std::ofstream(path / "file") << "content";
        CHECK(std::filesystem::exists(path / "file"));
    }
    CHECK_FALSE(std::filesystem::exists(path));
}

TEST_CASE("process: lines, errors, input and exit code") {
    process p({"sh", "-c", "echo one; echo two; echo oops >&2; read x; echo got $x; exit 7"});
    CHECK(p.wait_line() == "one");
    p.write("three\n");
    CHECK(p.wait_line("got") == "got three");
    CHECK(p.wait() == 7);
    CHECK(p.lines() == std::vector<std::string>{"one", "two", "got three"});
    CHECK(p.err() == "oops\n");
    CHECK_FALSE(p.running());
}

TEST_CASE("process: signals, and what waits says what it waited for") {
    process p({"sh", "-c", "echo here; exec sleep 60"});
    p.wait_line("here");
    CHECK(p.running());
    CHECK_THROWS_WITH_AS(p.wait(1ms), doctest::Contains("still runs after 1 ms"), std::runtime_error);
    CHECK_THROWS_WITH_AS(p.wait_line("there", 1ms), doctest::Contains("its output:\nhere"), std::runtime_error);
    p.signal(SIGTERM);
    CHECK(p.wait() == 128 + SIGTERM);
    CHECK_THROWS_WITH_AS(p.wait_line("there"), doctest::Contains("ended without such a line"), std::runtime_error);
    CHECK_THROWS_WITH_AS(process({"/no/such/program"}), doctest::Contains("cannot start /no/such/program"), std::system_error);
}

TEST_CASE("process: a program that is destroyed is dead, and does not keep us although its child holds the pipe") {
    pid_t pid = 0;
    {
        process p({"sh", "-c", "sleep 5 & echo here; wait"});
        p.wait_line("here");
        pid = p.pid();
    }
    CHECK(::kill(pid, 0) == -1);
}

TEST_CASE("process: time on the processor") {
    process busy({"sh", "-c", "while :; do :; done"});
    CHECK(eventually([&] { return busy.cpu_time() >= 50ms; }));
    process idle({"cat"});
    CHECK(idle.cpu_time() < 50ms);
}

TEST_CASE("zk_server answers, and keeps its data through a crash") {
    zk_server& server = shared_server();
    CHECK(server.four_letter("ruok") == "imok");
    CHECK(server.mode() == "standalone");
    CHECK(server.four_letter("mntr").find("zk_server_state\tstandalone") != std::string::npos);

    CHECK(run_kazoo("create.py", {server.connect_string(), "/crash/node", "content"}) == "/crash/node");
    const auto before = run_kazoo("get.py", {server.connect_string(), "/crash/node"});
    const auto port = server.port();
    server.crash();
    CHECK(server.four_letter("ruok").empty());
    server.start();
    CHECK(server.port() == port);
    CHECK(run_kazoo("get.py", {server.connect_string(), "/crash/node"}) == before);
    CHECK(json::parse(before).at("data").as_string() == "content");
    CHECK(run_kazoo("get.py", {server.connect_string(), "/crash/other"}).empty());
}

TEST_CASE("zk_server: pause holds answers back, resume gives them") {
    zk_server& server = shared_server();
    server.pause();
    CHECK(server.four_letter("ruok", 50ms).empty());
    server.resume();
    CHECK(eventually([&] { return server.four_letter("ruok") == "imok"; }));
}

TEST_CASE("zk_server stops in order and starts again, with the session timeouts it was told" *
          apache_only("the word conf is Apache's")) {
    zk_options o;
    o.min_session_timeout = 1234ms;
    o.max_session_timeout = 2345ms;
    zk_server server(o);
    server.start();
    const std::string conf = server.four_letter("conf");
    CHECK(conf.find("minSessionTimeout=1234") != std::string::npos);
    CHECK(conf.find("maxSessionTimeout=2345") != std::string::npos);
    server.stop();
    CHECK_FALSE(server.running());
    server.start();
    CHECK(server.mode() == "standalone");
}

TEST_CASE("zk_server: one that cannot start says why" * apache_only("it has a configuration file")) {
    zk_options o;
    o.config = {"tickTime=nonsense"};
    zk_server server(o);
    CHECK_THROWS_WITH_AS(server.start(), doctest::Contains("nonsense"), std::runtime_error);
}

TEST_CASE("kazoo writes what the seed writes, and reads bytes and stat") {
    const std::string hosts = shared_server().connect_string();
    const auto p = start_kazoo("seed_register.py", {hosts, "/micro-service/seed", "normal", "127.0.0.1", "50000", "a<b", "3"});
    const json::value told = json::parse(p->wait_line());
    CHECK(told.at("path").as_string() == "/micro-service/seed/normal0000000000");

    const json::value child = json::parse(run_kazoo("children.py", {hosts, "/micro-service/seed"}));
    CHECK(child.at("path") == told.at("path"));
    CHECK(child.at("data").as_string() ==
          R"({"serverip":"127.0.0.1","serverport":50000,"username":"","userpwd":"","serveruniquecode":"a\u003cb","weight":3})");
    CHECK(child.at("stat").at("ephemeral_owner") == told.at("session"));

    CHECK(run_kazoo("set.py", {hosts, "/micro-service/seed/normal0000000000", "other"}) == "1");
    CHECK(json::parse(run_kazoo("get.py", {hosts, "/micro-service/seed/normal0000000000"})).at("data").as_string() == "other");

    p->close_input();
    CHECK(p->wait() == 0);
    CHECK(run_kazoo("children.py", {hosts, "/micro-service/seed"}).empty());

    run_kazoo("delete.py", {hosts, "/micro-service/seed"});
    CHECK_THROWS_WITH_AS(run_kazoo("delete.py", {hosts, "/micro-service/seed"}), doctest::Contains("NoNodeError"),
                         std::runtime_error);
}

TEST_CASE("kazoo ends a session from a second connection") {
    const std::string hosts = shared_server().connect_string();
    const auto p = start_kazoo("seed_register.py", {hosts, "/micro-service/taken", "master", "127.0.0.1", "50000"});
    const json::value told = json::parse(p->wait_line());
    CHECK(told.at("path").as_string() == "/micro-service/taken/master");
    run_kazoo("close_session.py", {hosts, json::serialize(told.at("session")), told.at("password").as_string().c_str()});
    CHECK(run_kazoo("get.py", {hosts, "/micro-service/taken/master"}).empty());
    CHECK_THROWS_AS(run_kazoo("close_session.py", {hosts, json::serialize(told.at("session")), std::string(32, '0')}),
                    std::runtime_error);
}

TEST_CASE("zk_ensemble elects, and elects another when the leader is killed" * apache_only("it takes three servers")) {
    zk_ensemble ensemble;
    ensemble.start();
    run_kazoo("create.py", {ensemble.connect_string(), "/kept", "content"});
    const std::size_t first = ensemble.kill_leader();
    const std::size_t second = ensemble.leader();
    CHECK(second != first);
    CHECK(json::parse(run_kazoo("get.py", {ensemble.connect_string(), "/kept"})).at("data").as_string() == "content");
    ensemble.restart(first);
    CHECK(ensemble[first].mode() == "follower");
    CHECK(json::parse(run_kazoo("get.py", {ensemble[first].connect_string(), "/kept"})).at("data").as_string() == "content");
}
