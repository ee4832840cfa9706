// Part of muster. Boost Software License 1.0, see LICENSE.
//
// TLS with Apache's server, both sides with certificates.
// GCC 12 takes the operators of Asio's coroutine frames, inlined in part, for mismatched ones.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"
#endif

#include "integration/muster_command.hpp"
#include "support/certificates.hpp"
#include "support/fault_proxy.hpp"
#include "support/loop.hpp"
#include "support/scratch.hpp"
#include "support/session.hpp"
#include "support/zk_server.hpp"

#include <muster/zk/client.hpp>

#include <boost/asio/use_awaitable.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <vector>

using namespace muster::test;
using namespace muster::zk;
using namespace std::chrono_literals;
namespace asio = boost::asio;

namespace {

/// A server with a port for TLS, and all that is needed to use it. One for all tests.
struct secure_server {
    secure_server()
        : trusted("Trusted CA", std::chrono::system_clock::now()), stranger("Stranger CA", std::chrono::system_clock::now()) {
        const certificate own = trusted.issue("zk", {"127.0.0.1", "localhost"});
        write_file(file("server.pem"), own.key + own.pem);
        write_file(file("ca.pem"), trusted.pem());
        write_file(file("other-ca.pem"), stranger.pem());
        const certificate mine = trusted.issue("me", {});
        write_file(file("me.pem"), mine.pem);
        write_file(file("me.key"), mine.key);
        write_file(file("locked.key"), mine.key_with("sesame-4711"));
        zk_options o;
        o.config = {"serverCnxnFactory=org.apache.zookeeper.server.NettyServerCnxnFactory",
                    "secureClientPort=" + std::to_string(port),
                    "secureClientPortAddress=127.0.0.1",
                    "ssl.keyStore.location=" + file("server.pem"),
                    "ssl.trustStore.location=" + file("ca.pem"),
                    "ssl.clientAuth=need",
                    "ssl.protocol=TLSv1.3",
                    "ssl.enabledProtocols=TLSv1.3,TLSv1.2",
                    "ssl.ciphersuites=TLS_AES_128_GCM_SHA256,TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"};
        server.emplace(o, server_kind::apache);
        server->start();
    }

    temp_dir dir;
    authority trusted, stranger;
    std::uint16_t port = free_port();
    std::optional<zk_server> server;

    std::string file(const std::string& name) const { return (dir.path() / name).string(); }
    std::string connect_string() const { return "127.0.0.1:" + std::to_string(port); }
    config config_of(const std::string& servers) const {
        config c = config_for(servers, 8s);
        c.tls.emplace();
        c.tls->ca_file = file("ca.pem");
        c.tls->certificate_chain_file = file("me.pem");
        c.tls->private_key_file = file("me.key");
        return c;
    }
};

secure_server& shared() {
    static secure_server s;
    return s;
}

}    // namespace

TEST_CASE("mutual TLS: requests, watches, who one is, and a session that outlives its connection") {
    auto& s = shared();
    loop l;
    fault_proxy proxy(l.io, s.port);
    client c(l.io, s.config_of(proxy.connect_string()));
    std::optional<watcher> watch;
    auto work = [&]() -> asio::awaitable<void> {
        const auto made = co_await c.create("/tls", "one", create_mode::ephemeral);
        CHECK(made.path == "/tls");
        auto [data, w] = co_await c.get_and_watch("/tls", asio::use_awaitable);
        CHECK(data.data == "one");
        watch.emplace(std::move(w));
        const std::string large(900'000, 'x');
        co_await c.create("/large", large, create_mode::ephemeral);
        const auto got = co_await c.get("/large");
        CHECK(got.data == large);
        const auto who = co_await c.who_am_i();
        CHECK(std::find(who.begin(), who.end(), identity("x509", "CN=me")) != who.end());
    };
    l.run(work());
    const auto before = c.session();

    proxy.reset();
    REQUIRE(l.until([&] { return !connected(c); }));
    REQUIRE(l.until([&] { return connected(c); }));
    CHECK(c.session().id == before.id);
    CHECK(c.session().generation == 1);
    auto more = [&]() -> asio::awaitable<void> {
        co_await c.set("/tls", "two");
        const auto event = co_await watch->next();
        CHECK(event.type == event_type::data_changed);
        const auto got = co_await c.get("/tls");
        CHECK(got.data == "two");
        co_await c.close();
    };
    l.run(more());
}

TEST_CASE("R38: TLS with bytes that arrive one at a time") {
    auto& s = shared();
    loop l;
    fault_proxy proxy(l.io, s.port);
    proxy.trickle(true);
    client c(l.io, s.config_of(proxy.connect_string()));
    auto work = [&]() -> asio::awaitable<void> {
        const auto names = co_await c.children("/");
        CHECK(!names.names.empty());
        co_await c.close();
    };
    l.run(work());
}

TEST_CASE("R51: a real server and a client that do not trust each other") {
    auto& s = shared();
    auto untrusting = s.config_of(s.connect_string());
    untrusting.tls->ca_file = s.file("other-ca.pem");
    const auto first = given_up(untrusting);
    CHECK(first.state == session_state::auth_failed);
    CHECK(first.last_error == tls_errc::certificate_untrusted);
    CHECK(first.message.find("'CN=Trusted CA', which is not trusted") != std::string::npos);

    auto elsewhere = s.config_of("localhost:" + std::to_string(s.port));
    elsewhere.tls->server_name = "elsewhere.test";
    const auto second = given_up(elsewhere);
    CHECK(second.last_error == tls_errc::wrong_host_name);
    CHECK(second.message == "the certificate 'CN=zk' of localhost:" + std::to_string(s.port) +
                                " is for 127.0.0.1, localhost, not for elsewhere.test");

    for (const auto version : {tls_version::v1_2, tls_version::v1_3}) {
        auto nobody = s.config_of(s.connect_string());
        nobody.tls->min_version = version;
        nobody.tls->certificate_chain_file.clear();
        nobody.tls->private_key_file.clear();
        CHECK(given_up(nobody).last_error == tls_errc::client_certificate_missing);
    }
}

TEST_CASE("a port without TLS") {
    auto& s = shared();
    loop l;
    client c(l.io, s.config_of(s.server->connect_string()));
    c.start();
    REQUIRE(l.until([&] { return c.session().last_error.failed(); }));
    CHECK(c.session().last_error == tls_errc::not_tls);
    CHECK(c.session().message ==
          s.server->connect_string() + " ended the connection in the TLS handshake: is the port one for TLS?");
}

TEST_CASE("the command speaks TLS") {
    auto& s = shared();
    const std::vector<std::string> base{"ls",         "--zk",          s.connect_string(), "--tls-ca", s.file("ca.pem"),
                                        "--tls-cert", s.file("me.pem")};
    const auto with = [&](std::vector<std::string> more) {
        more.insert(more.begin(), base.begin(), base.end());
        return more;
    };
    const auto found = run_muster(with({"--tls-key", s.file("me.key")}));
    CAPTURE(found.err);
    CHECK(found.code == 3);    // it was reached, and there is no service

    CHECK(run_muster(with({"--tls-key", s.file("locked.key")}), {"MUSTER_TLS_KEY_PASSWORD=sesame-4711"}).code == 3);

    const auto locked = run_muster(with({"--tls-key", s.file("locked.key")}), {"MUSTER_TLS_KEY_PASSWORD=wrong-0815"});
    CHECK(locked.code == 2);
    CHECK(locked.err ==
          "muster ls: --tls-key '" + s.file("locked.key") +
              "': expected a private key that the password in $MUSTER_TLS_KEY_PASSWORD opens\nSee muster ls --help.\n");

    const auto refused = run_muster(with({"--tls-key", s.file("me.key"), "--tls-server-name", "elsewhere.test"}));
    CHECK(refused.code == 4);
    CHECK(refused.err.find("ZooKeeper at " + s.connect_string() + " cannot be used: the certificate 'CN=zk' of " +
                           s.connect_string() + " is for 127.0.0.1, localhost, not for elsewhere.test") != std::string::npos);

    const auto registered = run_muster({"register", "--zk", s.connect_string(), "--service", "s", "--ip", "127.0.0.1", "--port",
                                        "1", "--tls-ca", s.file("other-ca.pem")});
    CAPTURE(registered.err);
    CHECK(registered.code == 4);
    CHECK(registered.err.find("cannot be used: the certificate 'CN=zk' of ") != std::string::npos);
}
