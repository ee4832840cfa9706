// Part of muster. Boost Software License 1.0, see LICENSE.
//
// SASL with Apache's server: DIGEST-MD5, and Kerberos with a KDC.
// GCC 12 takes the operators of Asio's coroutine frames, inlined in part, for mismatched ones.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"
#endif

#include "integration/muster_command.hpp"
#include "support/fault_proxy.hpp"
#include "support/kerberos.hpp"
#include "support/loop.hpp"
#include "support/scratch.hpp"
#include "support/session.hpp"
#include "support/zk_server.hpp"

#include <muster/zk/client.hpp>

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <future>
#include <optional>
#include <string>
#include <utility>
#include <vector>

using namespace muster::test;
using namespace muster::zk;
using namespace std::chrono_literals;
namespace asio = boost::asio;

namespace {

/// A server of Apache's that serves only those who have proven themselves by SASL, as its `Server` section of JAAS says.
struct sasl_server {
    explicit sasl_server(const std::string& server_section, std::vector<std::string> jvm = {}) {
        const auto jaas = (dir.path() / "jaas.conf").string();
        std::ofstream(jaas) << "Server {\n" << server_section << "\n};\n";
        zk_options o;
        o.config = {"authProvider.1=org.apache.zookeeper.server.auth.SASLAuthenticationProvider"};
        o.jvm = std::move(jvm);
        o.jvm.insert(o.jvm.end(), {"-Djava.security.auth.login.config=" + jaas, "-Dzookeeper.sessionRequireClientSASLAuth=true"});
        server.emplace(o, server_kind::apache);
        server->start();
    }

    temp_dir dir;
    std::optional<zk_server> server;
};

/// For users of DIGEST-MD5. One for all tests.
sasl_server& with_passwords() {
    static sasl_server s(
        "org.apache.zookeeper.server.auth.DigestLoginModule required\n"
        "user_bob=\"sesame-4711\"\n"
        "user_eve=\"apple-0815\";");
    return s;
}

config digest_config(const std::string& servers, const std::string& user = "bob", const std::string& password = "sesame-4711") {
    config c = config_for(servers, 8s);
    c.sasl.emplace();
    c.sasl->user = user;
    c.sasl->password = password;
    return c;
}

/// A realm with a user of it, and a server for them. One for all tests, as the environment says who a process is.
struct kerberos_scene {
    kerberos_scene() {
        realm.start();
        const auto keys = realm.add("zookeeper/localhost");
        setenv("KRB5_CONFIG", realm.config_file().c_str(), 1);
        setenv("KRB5_CLIENT_KTNAME", realm.add("me").c_str(), 1);
        setenv("KRB5CCNAME", realm.file("tickets").c_str(), 1);
        server.emplace(
            "com.sun.security.auth.module.Krb5LoginModule required\n"
            "useKeyTab=true storeKey=true useTicketCache=false isInitiator=false\n"
            "keyTab=\"" +
                keys +
                "\"\n"
                "principal=\"zookeeper/localhost@MUSTER.TEST\";",
            std::vector<std::string>{"-Djava.security.krb5.conf=" + realm.config_file()});
    }

    kerberos_realm realm;
    std::optional<sasl_server> server;
};

kerberos_scene& with_kerberos() {
    static kerberos_scene s;
    return s;
}

config kerberos_config(const std::string& servers) {
    config c = config_for("localhost" + servers.substr(servers.find(':')), 8s);
    c.sasl.emplace();
    c.sasl->mechanism = sasl_mechanism::gssapi;
    return c;
}

asio::awaitable<void> knows(client& c, std::string id) {
    const auto who = co_await c.who_am_i();
    CHECK(std::find(who.begin(), who.end(), identity("sasl", id)) != who.end());
}

}    // namespace

TEST_CASE("R40: DIGEST-MD5: who one is, ACLs, and a session that outlives its connections") {
    auto& s = *with_passwords().server;
    loop l;
    fault_proxy proxy(l.io, s.port());
    client c(l.io, digest_config(proxy.connect_string()));
    std::optional<watcher> watch;
    auto work = [&]() -> asio::awaitable<void> {
        co_await knows(c, "bob");
        create_options o;
        o.mode = create_mode::ephemeral;
        o.acls = std::vector<acl>{acl(acl().permissions, "sasl", "bob")};
        co_await c.create("/of-bob", "one", std::move(o));
        auto [data, w] = co_await c.get_and_watch("/of-bob", asio::use_awaitable);
        CHECK(data.data == "one");
        watch.emplace(std::move(w));
    };
    l.run(work());
    const auto before = c.session();

    // Cyrus SASL knows the server by now, and would begin as Java does not allow.
    for (int i = 0; i != 3; ++i) {
        proxy.reset();
        REQUIRE(l.until([&] { return !connected(c); }));
        REQUIRE(l.until([&] { return connected(c); }));
        CHECK(c.session().id == before.id);
    }
    auto more = [&]() -> asio::awaitable<void> {
        co_await knows(c, "bob");
        co_await c.set("/of-bob", "two");
        const auto event = co_await watch->next();
        CHECK(event.type == event_type::data_changed);
        client other(l.io, digest_config(s.connect_string(), "eve", "apple-0815"));
        other.start();
        co_await knows(other, "eve");
        boost::system::error_code ec;
        co_await other.get("/of-bob", asio::redirect_error(asio::use_awaitable, ec));
        CHECK(ec == server_errc::no_auth);
        co_await other.close();
        co_await c.close();
    };
    l.run(more());
}

TEST_CASE("R40: requests that come at once wait for the exchange, also when its bytes arrive one at a time") {
    auto& s = *with_passwords().server;
    loop l;
    fault_proxy proxy(l.io, s.port());
    proxy.trickle(true);
    client c(l.io, digest_config(proxy.connect_string()));
    c.start();
    auto work = [&]() -> asio::awaitable<void> {
        for (int i = 0; i != 5; ++i) {
            const auto names = co_await c.children("/");
            CHECK(!names.names.empty());
        }
        co_await c.close();
    };
    l.run(work());
}

TEST_CASE("DIGEST-MD5: many clients on several threads") {
    auto& s = *with_passwords().server;
    asio::thread_pool pool(4);
    std::vector<client> clients;
    std::vector<std::future<std::vector<identity>>> who;
    for (int i = 0; i != 16; ++i) {
        clients.emplace_back(pool.get_executor(), digest_config(s.connect_string()));
        clients.back().start();
        who.push_back(clients.back().who_am_i(asio::use_future));
    }
    for (auto& w : who) {
        const auto ids = w.get();
        CHECK(std::find(ids.begin(), ids.end(), identity("sasl", "bob")) != ids.end());
    }
    clients.clear();
    pool.join();
}

TEST_CASE("who is refused gives up for good, and says why but not the password") {
    auto& s = *with_passwords().server;
    const auto wrong = given_up(digest_config(s.connect_string(), "bob", "wrong-0815"));
    CHECK(wrong.state == session_state::auth_failed);
    CHECK(wrong.last_error == server_errc::session_closed_require_sasl_auth);
    CHECK(wrong.message == "DIGEST-MD5 as 'bob': the server closed the session because it requires SASL authentication");

    auto other = digest_config(s.connect_string());
    other.sasl->server_name = "somebody-else";
    CHECK(given_up(other).state == session_state::auth_failed);
}

TEST_CASE("a server that insists on SASL, asked without") {
    loop l;
    client c(l.io, config_for(with_passwords().server->connect_string(), 8s));
    c.start();
    boost::system::error_code ec;
    auto work = [&]() -> asio::awaitable<void> { co_await c.children("/", asio::redirect_error(asio::use_awaitable, ec)); };
    l.run(work());
    CHECK(ec == server_errc::session_closed_require_sasl_auth);
    CHECK(c.session().state == session_state::auth_failed);
}

TEST_CASE("a server that does not use SASL, asked with it") {
    const auto info = given_up(digest_config(shared_server().connect_string()));
    CHECK(info.state == session_state::auth_failed);
    CHECK(info.last_error == sasl_errc::refused);
}

TEST_CASE("R40: Kerberos, and a session that outlives its connections") {
    auto& s = with_kerberos();
    loop l;
    fault_proxy proxy(l.io, s.server->server->port());
    client c(l.io, kerberos_config(proxy.connect_string()));
    c.start();
    l.run(knows(c, "me@MUSTER.TEST"));
    const auto before = c.session();
    proxy.reset();
    REQUIRE(l.until([&] { return !connected(c); }));
    REQUIRE(l.until([&] { return connected(c); }));
    CHECK(c.session().id == before.id);
    l.run(knows(c, "me@MUSTER.TEST"));
    auto end = [&]() -> asio::awaitable<void> { co_await c.close(); };
    l.run(end());
}

TEST_CASE("Kerberos: a KDC that is away is waited for, and servers of another name are not talked to") {
    auto& s = with_kerberos();
    const auto tickets = s.realm.file("other-tickets");
    setenv("KRB5CCNAME", tickets.c_str(), 1);
    s.realm.stop();
    loop l;
    auto cfg = kerberos_config(s.server->server->connect_string());
    cfg.backoff_min = 100ms;
    cfg.backoff_max = 200ms;
    client c(l.io, cfg);
    c.start();
    REQUIRE(l.until([&] { return c.session().last_error == sasl_errc::step_failed; }));
    CAPTURE(c.session().message);
    CHECK(c.session().message.starts_with("GSSAPI with localhost: the SASL mechanism could not go on: "));
    CHECK(!is_final(c.session().state));
    s.realm.start();
    REQUIRE(l.until([&] { return connected(c); }));
    l.run(knows(c, "me@MUSTER.TEST"));

    cfg.sasl->server_name = "elsewhere";
    client stranger(l.io, cfg);
    stranger.start();
    REQUIRE(l.until([&] { return stranger.session().last_error == sasl_errc::step_failed; }));
    CAPTURE(stranger.session().message);
    CHECK(stranger.session().message.find("elsewhere") != std::string::npos);
}

TEST_CASE("the command proves who it is") {
    auto& s = *with_passwords().server;
    const auto found = run_muster({"ls", "--zk", s.connect_string(), "--sasl-user", "bob"}, {"MUSTER_SASL_PASSWORD=sesame-4711"});
    CAPTURE(found.err);
    CHECK(found.code == 3);    // it was reached, and there is no service

    const auto refused =
        run_muster({"ls", "--zk", s.connect_string(), "--sasl-user", "bob"}, {"MUSTER_SASL_PASSWORD=wrong-0815"});
    CHECK(refused.code == 4);
    CHECK(refused.err.find("ZooKeeper at " + s.connect_string() + " cannot be used: DIGEST-MD5 as 'bob': ") != std::string::npos);

    auto& k = with_kerberos();
    const auto by_ticket =
        run_muster({"ls", "--zk", kerberos_config(k.server->server->connect_string()).servers.to_string(), "--kerberos"});
    CAPTURE(by_ticket.err);
    CHECK(by_ticket.code == 3);
}
