// Part of muster. Boost Software License 1.0, see LICENSE.
//
// What the command says where the servers are not there, or say nothing.
#include "integration/command_arguments.hpp"
#include "proto_zk/records_data.hpp"
#include "support/eventually.hpp"
#include "support/sanitized.hpp"
#include "support/zk_frames.hpp"
#include "support/zk_server.hpp"

#include <doctest/doctest.h>

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

using namespace muster::test;
using namespace std::chrono_literals;

namespace {

/// A server that lets clients connect and never says a word: nobody accepts from its queue.
class silent_server {
public:
    silent_server() : port_(free_port()), fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_in a{};
        a.sin_family = AF_INET;
        a.sin_port = htons(port_);
        a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        const int on = 1;    // connections of another that had the port may be in TIME_WAIT
        ::setsockopt(fd_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        REQUIRE(::bind(fd_, reinterpret_cast<const sockaddr*>(&a), sizeof a) == 0);
        REQUIRE(::listen(fd_, 16) == 0);
    }
    silent_server(const silent_server&) = delete;
    silent_server& operator=(const silent_server&) = delete;
    ~silent_server() { ::close(fd_); }

    std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
    /// The next connection; below 0 after `shut`.
    int accept() const { return ::accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC); }
    void shut() { ::shutdown(fd_, SHUT_RDWR); }

private:
    std::uint16_t port_;
    int fd_;
};

/// Gives everybody a session, says so often that a znode exists, and says nothing more.
class mute_server {
public:
    explicit mute_server(std::chrono::milliseconds timeout = 10s, int answers = 0) : timeout_(timeout), answers_(answers) {}
    std::string address() const { return listener_.address(); }
    ~mute_server() {
        listener_.shut();
        acceptor_.join();
    }

private:
    void serve() {
        const std::string session = muster::test::handshake_frame(4711, timeout_);
        std::vector<int> connections;
        for (int fd = listener_.accept(); fd >= 0; fd = listener_.accept()) {
            connections.push_back(fd);
            char request[256];
            if (::read(fd, request, sizeof request) <= 0) continue;
            static_cast<void>(::write(fd, session.data(), session.size()));
            for (std::int32_t xid = 1; xid <= answers_ && ::read(fd, request, sizeof request) > 0; ++xid) {
                const std::string exists = reply_frame(xid, 1, 0, muster::zk::proto::stat_response());
                static_cast<void>(::write(fd, exists.data(), exists.size()));
            }
        }
        for (const int fd : connections) ::close(fd);
    }

    const std::chrono::milliseconds timeout_;
    const int answers_;
    silent_server listener_;
    std::thread acceptor_{[this] { serve(); }};
};

void check_not_reached(const strings& args, const std::string& address, const std::string& how = "was not reached within 1s",
                       const strings& out = {}) {
    CAPTURE(boost::json::serialize(boost::json::value_from(args)));
    const auto begin = std::chrono::steady_clock::now();
    const auto p = start_muster(args);
    CHECK(eventually([&] { return p->err().find(how) != std::string::npos; }, 5s));
    CHECK(p->cpu_time() < (sanitized ? 400ms : 200ms));
    const auto r = finish(*p);
    const auto took = std::chrono::steady_clock::now() - begin;
    CAPTURE(r.err);
    CHECK(r.code == 4);
    CHECK(r.out == out);
    CHECK(r.err.find(address) != std::string::npos);
    CHECK(r.err.find("waiting for it") == std::string::npos);    // it did not
    CHECK(took >= 1s);
    CHECK(took < (sanitized ? 4000ms : 2500ms));
}

}    // namespace

TEST_CASE("hosts that refuse: exit 4 within the wait, the processor idle") {
    const std::string address = "127.0.0.1:" + std::to_string(free_port());
    for (const strings& args : all_that_connect) check_not_reached(with(args, {"--zk", address, "--wait", "1s"}), address);
    const auto r = run_muster({"pick", "--service", "s", "--wait", "100ms"}, {"MUSTER_ZK=" + address + "/chroot"});
    CHECK(r.code == 4);
    CHECK(r.err.find(address + "/chroot") != std::string::npos);
    CHECK(r.err.find("Connection refused") != std::string::npos);
}

TEST_CASE("what becomes of the connection is told on standard error, if that is asked for, from the level on that is named") {
    const std::string address = "127.0.0.1:" + std::to_string(free_port());
    const strings ls{"ls", "--zk", address, "--wait", "300ms"};
    const std::string connecting = "muster: debug: connecting server=" + address;
    const std::string not_reached = "muster: warning: server not reached server=" + address;
    const auto silent = run_muster(ls);
    CHECK(silent.err.find("warning:") == std::string::npos);
    const auto verbose = run_muster(with(ls, {"--verbose"}));
    CHECK(verbose.err.find(connecting) != std::string::npos);
    CHECK(verbose.err.find(not_reached) != std::string::npos);
    const auto warning = run_muster(with(ls, {"--log-level", "warning"}));
    CHECK(warning.err.find(connecting) == std::string::npos);
    CHECK(warning.err.find(not_reached) != std::string::npos);
}

TEST_CASE("hosts that never answer: exit 4 within the wait, the processor idle") {
    const silent_server server;
    for (const strings& args : all_that_connect)
        check_not_reached(with(args, {"--zk", server.address(), "--wait", "1s", "--session-timeout", "1s"}), server.address());
}

TEST_CASE("a server that gives a session and then says nothing: exit 4 within the wait, the processor idle") {
    const mute_server server;
    const strings command{"--zk", server.address(), "--wait", "1s"};
    for (const strings& args : {good_pick, strings{"master", "--service", "s"}})
        check_not_reached(with(args, command), server.address(), "has not answered within 1s");
    check_not_reached(with(good_register, command), server.address(), "has not answered within 1s",
                      {R"({"event":"session","state":"connected"})", R"({"event":"closed"})"});
    for (const strings& args : {strings{"ls"}, strings{"ls", "--service", "s"}, strings{"watch", "--service", "s"}})
        check_not_reached(with(args, command), server.address(), "has not answered within 1s");
}

TEST_CASE("a server that stops in the middle of its answers: ls exits with 4, watch waits on and says so") {
    const mute_server server(10s, 1);
    const strings command{"--zk", server.address(), "--wait", "1s"};
    for (const strings& args : {strings{"ls"}, strings{"ls", "--service", "s"}})
        check_not_reached(with(args, command), server.address(), "did not answer in full within 1s");
    const auto w = start_muster(with({"watch", "--service", "s"}, command));
    CHECK(eventually([&] { return w->err().find("did not answer in full within 1s; waiting for it") != std::string::npos; }, 5s));
    CHECK(w->running());
    w->signal(SIGINT);
    CHECK(finish(*w).code == 0);
}

TEST_CASE("a server that says nothing for longer than its sessions last: exit 4 within the wait") {
    const mute_server server(600ms);
    for (const strings& args : all_that_connect) {
        CAPTURE(boost::json::serialize(boost::json::value_from(args)));
        const auto begin = std::chrono::steady_clock::now();
        const auto r = run_muster(with(args, {"--zk", server.address(), "--wait", "1500ms"}));
        const auto took = std::chrono::steady_clock::now() - begin;
        CAPTURE(r.err);
        CHECK(r.code == 4);
        CHECK(r.err.find("within 1500ms") != std::string::npos);
        CHECK(took >= 1500ms);
        CHECK(took < (sanitized ? 5s : 3s));
    }
}

TEST_CASE("--wait 0s leaves no time to reach anybody: wrong usage") {
    for (const strings& args : all_that_connect) {
        CAPTURE(boost::json::serialize(boost::json::value_from(args)));
        const auto r = run_muster(with(args, {"--wait", "0s"}));
        CHECK(r.code == 2);
        CHECK(r.out.empty());
        CHECK(r.err.find("--wait") != std::string::npos);
        CHECK(r.err.find("0s") != std::string::npos);
    }
}

TEST_CASE("register keeps trying by default, says why, and ends quickly when told to: it was never registered") {
    const std::string address = "127.0.0.1:" + std::to_string(free_port());
    for (const int number : {SIGINT, SIGTERM}) {
        CAPTURE(number);
        const auto p = start_muster(with(good_register, {"--zk", address}));
        CHECK(eventually([&] { return p->err().find("Connection refused") != std::string::npos; }));
        CHECK(p->running());
        const auto begin = std::chrono::steady_clock::now();
        p->signal(number);
        const auto r = finish(*p);
        CHECK(std::chrono::steady_clock::now() - begin < (sanitized ? 2500ms : 1000ms));
        CHECK(r.code == 1);
        CHECK(r.out.empty());
        CHECK(r.err.find("instance 127.0.0.1:50000 of service 's' was never registered") != std::string::npos);
    }
}

TEST_CASE("register -- COMMAND that ends before it was ever registered: its exit code, and nothing of ours on stdout") {
    const std::string address = "127.0.0.1:" + std::to_string(free_port());
    const auto r = run_muster(with(good_register, {"--zk", address, "--", "sh", "-c", "echo ran; exit 7"}));
    CHECK(r.code == 7);
    CHECK(r.out == strings{"ran"});
    CHECK(r.err.find("was never registered") != std::string::npos);
}

TEST_CASE("register with a command that cannot be started: nothing is registered") {
    const auto r =
        run_muster(with(good_register, {"--zk", "127.0.0.1:" + std::to_string(free_port()), "--", "/no/such/program"}));
    CHECK(r.code == 1);
    CHECK(r.err.find("/no/such/program") != std::string::npos);
    CHECK(r.out.empty());
}
