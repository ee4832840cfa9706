// Part of muster. Boost Software License 1.0, see LICENSE.
//
// TLS: who trusts whom, and what becomes of it.
#include "tls_fixture.hpp"

#include <array>
#include <ctime>

using namespace muster;
using namespace muster::test;

TEST_SUITE_BEGIN("client: TLS, trust");

namespace {

using std::chrono::hours;

/// It has given up for good, told so once, and says why.
void check_given_up(tls_fixture& f, tls_errc why, const std::string& message) {
    CHECK(f.state() == session_state::auth_failed);
    CHECK(f.last_error() == why);
    CHECK(f.message() == message);
    const auto version = f.client->session().version;
    const auto attempts = f.sim.world->attempts().size();
    outcome<zk::get_result> late;
    f.client->get("/a", late.handler());
    f.run_for(1min);
    CHECK(late.ec() == why);
    CHECK(zk::outcome_of(late.ec()) == zk::outcome::not_sent);
    CHECK(f.client->session().version == version);
    CHECK(f.sim.world->attempts().size() == attempts);
    CHECK(!f.sim.world->next_timer());
    outcome<> closed;
    f.client->close(closed.handler());
    f.run_ready();
    CHECK(!closed.ec());    // there is no session to be ended
}

std::string date(std::chrono::system_clock::time_point t) {
    const auto seconds = std::chrono::system_clock::to_time_t(t);
    std::tm parts{};
    gmtime_r(&seconds, &parts);
    std::array<char, 64> text{};
    return {text.data(), std::strftime(text.data(), text.size(), "%b %e %H:%M:%S %Y GMT", &parts)};
}

}    // namespace

TEST_CASE("R51: a server that cannot prove who it is ends the client, with the reason") {
    tls_fixture f;
    const auto now = f.sim.world->wall_now();
    SUBCASE("unknown authority") {
        f.policy.own = f.stranger.issue("zk", {"zk1.test"});
        outcome<zk::get_result> waiting;
        f.start();
        f.client->get("/a", waiting.handler());
        f.run_ready();
        CHECK(waiting.ec() == tls_errc::certificate_untrusted);
        check_given_up(
            f, tls_errc::certificate_untrusted,
            "the certificate 'CN=zk' of zk1.test:2281 is signed by 'CN=Stranger CA', which is not trusted (unable to get "
            "local issuer certificate)");
    }
    SUBCASE("signed by itself") {
        f.policy.own = {f.stranger.pem(), f.stranger.key()};
        f.start();
        f.run_ready();
        CHECK(f.last_error() == tls_errc::certificate_untrusted);
        CHECK(f.state() == session_state::auth_failed);
    }
    SUBCASE("wrong host name") {
        f.policy.own = f.trusted.issue("zk", {"other.test", "10.9.9.9", "::1"});
        f.start();
        f.run_ready();
        check_given_up(f, tls_errc::wrong_host_name,
                       "the certificate 'CN=zk' of zk1.test:2281 is for other.test, 10.9.9.9, ::1, not for zk1.test");
    }
    SUBCASE("a wildcard of a part") {
        f.policy.own = f.trusted.issue("zk", {"zk*.test"});
        f.start();
        f.run_ready();
        CHECK(f.last_error() == tls_errc::wrong_host_name);
    }
    SUBCASE("expired") {
        const auto until = now - hours(1);
        f.policy.own = f.trusted.issue("zk", {"zk1.test"}, now - hours(2), until);
        f.start();
        f.run_ready();
        check_given_up(f, tls_errc::certificate_expired,
                       "the certificate 'CN=zk' of zk1.test:2281 has expired on " + date(until));
    }
    SUBCASE("not valid yet") {
        const auto from = now + hours(1);
        f.policy.own = f.trusted.issue("zk", {"zk1.test"}, from, now + hours(2));
        f.start();
        f.run_ready();
        check_given_up(f, tls_errc::certificate_not_yet_valid,
                       "the certificate 'CN=zk' of zk1.test:2281 is not valid before " + date(from));
    }
}

TEST_CASE("what a certificate says does not disturb a message") {
    tls_fixture f;
    f.policy.own = f.stranger.issue("a\nb" + std::string(60, 'x'), {"zk1.test"});
    f.start();
    f.run_ready();
    CHECK(f.message().find('\n') == std::string::npos);
    CHECK(f.message().find("'CN=a\\0Abxxx") != std::string::npos);
}

TEST_CASE("hosts are verified as they are written, or by server_name") {
    tls_fixture f;
    auto c = f.config();
    SUBCASE("an address, in the certificate") {
        f.policy.own = f.trusted.issue("zk", {"10.0.0.1"});
        c = f.config("10.0.0.1:2281");
        f.start(std::move(c));
        f.greet();
        CHECK(f.end().asked_for().empty());    // SNI is for names
    }
    SUBCASE("an address, not in the certificate") {
        c = f.config("10.0.0.1:2281");
        f.start(std::move(c));
        f.run_ready();
        CHECK(f.message() == "the certificate 'CN=zk' of 10.0.0.1:2281 is for zk1.test, zk2.test, zk3.test, not for 10.0.0.1");
        return;
    }
    SUBCASE("an address, with server_name") {
        c = f.config("10.0.0.1:2281");
        c.tls->server_name = "zk2.test";
        f.start(std::move(c));
        f.greet();
        CHECK(f.end().asked_for() == "zk2.test");
    }
    SUBCASE("a name with the dot of the root") {
        f.sim.world->set_name("zk1.test.", {"10.0.0.1"});
        c = f.config("zk1.test.:2281");
        f.start(std::move(c));
        f.greet();
        CHECK(f.end().asked_for() == "zk1.test");
    }
    SUBCASE("without verify_host_name") {
        f.policy.own = f.trusted.issue("zk", {"other.test"});
        c.tls->verify_host_name = false;
        f.start(std::move(c));
        f.greet();
    }
    SUBCASE("without verify_peer") {
        f.policy.own = f.stranger.issue("zk", {"other.test"});
        c.tls->verify_peer = false;
        f.start(std::move(c));
        f.greet();
    }
    CHECK(f.state() == session_state::connected);
}

TEST_CASE("R51: a bad server does no harm while another one may be good") {
    tls_fixture f;
    f.policies[at("10.0.0.1", f.port)] = {f.stranger.issue("zk", {"zk1.test"}), {}};
    SUBCASE("a good one") {
        f.start(f.config("zk1.test:2281,zk2.test:2281"));
        f.greet();
        CHECK(f.state() == session_state::connected);
    }
    SUBCASE("one that is not there, and comes") {
        f.sim.world->set_server(at("10.0.0.2", f.port), sim_world::answer::refuse);
        f.start(f.config("zk1.test:2281,zk2.test:2281"));
        f.run_for(10min);
        CHECK(f.state() == session_state::connecting);
        CHECK(f.sim.world->attempts().size() > 20);
        f.sim.world->set_server(at("10.0.0.2", f.port), sim_world::answer::accept);
        for (int i = 0; i != 200 && f.end().peer().address() != at("10.0.0.2", f.port); ++i) f.run_for(100ms);
        f.greet();
        CHECK(f.state() == session_state::connected);
    }
    SUBCASE("others that are bad, too") {
        f.policies[at("10.0.0.2", f.port)] = {f.trusted.issue("zk", {"other.test"}), {}};
        f.policies[at("10.0.0.3", f.port)] = f.policies[at("10.0.0.1", f.port)];
        f.start(f.config("zk1.test:2281,zk2.test:2281,zk3.test:2281"));
        f.run_for(1min);
        CHECK(f.state() == session_state::auth_failed);
        CHECK(f.sim.world->attempts().size() == 3);
    }
}

TEST_CASE("R51: the addresses of one name count as one server") {
    tls_fixture f;
    f.sim.world->set_name("zk.test", {"10.0.0.1", "10.0.0.2"});
    f.policy.own = f.trusted.issue("zk", {"zk.test"});
    f.policies[at("10.0.0.1", f.port)] = {f.stranger.issue("zk", {"zk.test"}), {}};
    SUBCASE("one of them is good") {
        for (int i = 0; i != 20; ++i) {
            f.start(f.config("zk.test:2281"));
            f.greet();
            CHECK(f.state() == session_state::connected);
        }
    }
    SUBCASE("nobody listens at the other") {
        f.sim.world->set_server(at("10.0.0.2", f.port), sim_world::answer::refuse);
        for (std::size_t i = 1; i != 20; ++i) {    // whichever is tried first
            f.start(f.config("zk.test:2281"));
            f.run_ready();
            CHECK(f.state() == session_state::auth_failed);
            CHECK(f.last_error() == tls_errc::certificate_untrusted);
            CHECK(f.sim.world->attempts().size() == 2 * i);
        }
    }
}

TEST_CASE("R51: a session that lives is worth further attempts, until it has expired") {
    tls_fixture f;
    const auto good = f.policy;
    f.start();
    f.greet();
    f.policy.own = f.trusted.issue("zk", {"other.test"});
    f.lose();
    f.run_for(5s);
    CHECK(f.state() == session_state::suspended);
    CHECK(f.last_error() == tls_errc::wrong_host_name);
    SUBCASE("the certificate is mended in time") {
        f.policy = good;
        f.run_for(3s);
        CHECK(f.greet().session_id == 0x1234);
        CHECK(f.state() == session_state::connected);
    }
    SUBCASE("it is not") {
        f.run_for(10s);
        CHECK(f.state() == session_state::auth_failed);
        CHECK(f.client->metrics().expiries == 1);
        CHECK(f.last_error() == tls_errc::wrong_host_name);
    }
}

TEST_CASE("a client shows its certificate to a server that asks for it") {
    tls_fixture f;
    for (const bool old : {false, true}) {
        CAPTURE(old);
        f.policy.only_1_2 = old;
        f.policy.client_authority = f.trusted.pem();
        f.start(f.with_certificate(f.trusted.issue("me", {})));
        f.greet();
        CHECK(f.state() == session_state::connected);
    }
}

TEST_CASE("R51: a server that refuses the client ends it, with the reason") {
    for (const bool old : {false, true}) {
        CAPTURE(old);
        tls_fixture f;
        f.policy.only_1_2 = old;
        f.policy.client_authority = f.trusted.pem();
        f.start();
        f.run_ready();
        const std::string alert = old ? "sslv3 alert handshake failure" : "tlsv13 alert certificate required";
        check_given_up(f, tls_errc::client_certificate_missing, "zk1.test:2281 asks for a client certificate (" + alert + ")");

        tls_fixture g;
        g.policy.only_1_2 = old;
        g.policy.client_authority = g.trusted.pem();
        g.start(g.with_certificate(g.stranger.issue("me", {})));
        g.run_ready();
        check_given_up(g, tls_errc::client_certificate_refused,
                       "zk1.test:2281 does not accept the client certificate (tlsv1 alert unknown ca)");
    }
}

TEST_CASE("R51: addresses of one name that refuse the client once the connection stands are tried one after the other") {
    for (const bool all : {true, false}) {
        for (int i = 0; i != 8; ++i) {    // whichever is tried first
            CAPTURE(all);
            tls_fixture f;
            f.sim.world->set_name("zk.test", {"10.0.0.1", "10.0.0.2"});
            f.policy.own = f.trusted.issue("zk", {"zk.test"});
            if (!all) f.policies[at("10.0.0.2", f.port)] = f.policy;
            f.policy.client_authority = f.trusted.pem();    // under TLS 1.3 the client learns it by its first read
            for (int n = 0; n != i; ++n) (void)f.sim.world->random();
            f.start(f.config("zk.test:2281"));
            f.run_for(2s);
            if (all) {
                CHECK(f.state() == session_state::auth_failed);
                CHECK(f.last_error() == tls_errc::client_certificate_missing);
                CHECK(f.sim.world->attempts().size() == 2);
            } else {
                REQUIRE(f.sim.world->attempts().size() <= 2);
                f.greet();
                CHECK(f.state() == session_state::connected);
            }
        }
    }
}

TEST_CASE("certificates that were replaced are used by the next connection, and those that stand stay") {
    tls_fixture f;
    f.policy.client_authority = f.trusted.pem();
    f.start(f.with_certificate(f.trusted.issue("me", {})));
    f.greet();

    // Both sides move to another authority.
    write_file(f.file("ca.pem"), f.stranger.pem());
    f.policy = {f.stranger.issue("zk", {"zk1.test"}), f.stranger.pem()};
    const auto own = f.stranger.issue("me", {});
    f.run_for(4s);
    CHECK(f.ends.size() == 1);
    CHECK(f.end().take().size() > 0);    // a ping
    f.end().send(ping_frame());
    f.run_ready();

    write_file(f.file("client.pem"), own.pem.substr(0, own.pem.size() / 2));
    f.lose();
    f.run_for(1s);
    CHECK(f.last_error() == tls_errc::files_unusable);
    CHECK(f.message() == "tls.certificate_chain_file '" + f.file("client.pem") +
                             "': expected a PEM file with the client's certificate (bad end line)");
    write_file(f.file("client.pem"), own.pem);
    f.run_for(1s);
    CHECK(f.last_error() == tls_errc::files_unusable);
    CHECK(f.message() == "tls.private_key_file '" + f.file("client.key") +
                             "': expected the private key of the certificate in tls.certificate_chain_file '" +
                             f.file("client.pem") + "' (key values mismatch)");
    CHECK(f.state() == session_state::suspended);
    write_file(f.file("client.key"), own.key);
    f.run_for(1s);
    CHECK(f.greet().session_id == 0x1234);
    CHECK(f.state() == session_state::connected);
}

TEST_SUITE_END();
