// Part of muster. Boost Software License 1.0, see LICENSE.
//
// Servers and clients that do not trust each other.
#include "session_fixture.hpp"

#include <optional>
#include <utility>

using namespace muster;
using namespace muster::test;
using muster::zk::tls_errc;

namespace {

constexpr tls_errc refusals[] = {tls_errc::certificate_untrusted,     tls_errc::certificate_expired,
                                 tls_errc::certificate_not_yet_valid, tls_errc::certificate_invalid,
                                 tls_errc::wrong_host_name,           tls_errc::client_certificate_missing,
                                 tls_errc::client_certificate_refused};

constexpr tls_errc mishaps[] = {tls_errc::files_unusable, tls_errc::handshake_failed, tls_errc::not_tls};

proto::session_settings with_hosts(std::size_t n) {
    auto s = settings_for_tests();
    s.hosts = n;
    return s;
}

/// The next attempt begins and fails.
std::size_t fail(machine& m, const proto::failure& f) {
    auto step = m.s.next(m.now);
    while (step.what == machine::step::kind::wait) {
        m.now = step.until;
        step = m.s.next(m.now);
    }
    REQUIRE(step.what == machine::step::kind::connect);
    m.s.connecting(m.now);
    m.s.disconnected(f, m.now, machine::latest);
    return step.host;
}

}    // namespace

TEST_SUITE_BEGIN("session: refusals");

TEST_CASE("R51: a refusal by every server is the end, told once") {
    for (const auto why : refusals) {
        CAPTURE(error_code(why).message());
        machine m(with_hosts(3));
        m.read("queued");
        fail(m, {why, "first"});
        fail(m, {why, "second"});
        CHECK(m.state() == session_state::connecting);
        CHECK(m.s.info().message == "second");
        fail(m, {why, "third"});
        CHECK(m.state() == session_state::auth_failed);
        CHECK(m.s.info().last_error == why);
        CHECK(m.s.info().message == "third");
        CHECK(m.s.next(m.now).what == machine::step::kind::finished);
        m.read("late");
        const std::string reason = error_code(why).message();
        CHECK(m.take_log() == journal{"queued " + reason, "late " + reason});
        CHECK(m.s.metrics().connect_failures == 3);
    }
}

TEST_CASE("R51: what may pass by itself is no refusal") {
    for (const auto why : mishaps) {
        machine m;
        for (int i = 0; i != 10; ++i) fail(m, error_code(why));
        CHECK(m.state() == session_state::connecting);
        CHECK(m.s.info().last_error == why);
    }
}

TEST_CASE("R51: only the last attempt at a server counts") {
    machine m(with_hosts(2));
    const error_code refusal = tls_errc::certificate_expired;
    const auto first = fail(m, refusal);
    CHECK(fail(m, machine::asio_eof()) != first);
    CHECK(fail(m, machine::asio_eof()) == first);
    fail(m, refusal);
    CHECK(m.state() == session_state::connecting);
    fail(m, refusal);
    CHECK(m.state() == session_state::auth_failed);
}

TEST_CASE("R51: a server with addresses that were not tried may be good") {
    machine m;
    for (int i = 0; i != 5; ++i) fail(m, {tls_errc::client_certificate_refused, {}, true});
    CHECK(m.state() == session_state::connecting);
    fail(m, {tls_errc::client_certificate_refused, {}});
    CHECK(m.state() == session_state::auth_failed);
}

TEST_CASE("R51: a server with an address that was silent in between has not refused with all of them") {
    machine m(with_hosts(2));
    m.attach();
    m.read("a");
    CHECK(m.sent().size() == 1);
    CHECK(!m.reply(1, 0x50));
    m.lose();
    const auto refusal = [](bool untried) { return proto::failure(tls_errc::certificate_untrusted, {}, untried); };
    // The one server refuses. The other has two addresses, and what becomes of an attempt at it is the test's to say.
    const auto its_turn = [&] {
        for (;;) {
            const auto step = m.s.next(m.now);
            REQUIRE(step.what != machine::step::kind::finished);
            if (step.what == machine::step::kind::wait)
                m.now = step.until;
            else if (step.host == 0)
                return;
            else
                fail(m, refusal(false));
        }
    };
    its_turn();
    fail(m, refusal(true));
    its_turn();
    m.s.connecting(m.now);
    m.s.connected(m.now);
    m.greeting();
    m.lose(machine::latest);    // without a word
    m.now += 12s;               // 4/3 of the timeout
    its_turn();
    fail(m, refusal(false));
    its_turn();    // it goes on
    fail(m, refusal(true));
    its_turn();
    fail(m, refusal(false));    // both of them now, and the other server
    CHECK(m.state() == session_state::auth_failed);
}

TEST_CASE("R51: while a session lives, refusals are not the end; a connection clears them") {
    machine m(with_hosts(2));
    m.attach();
    m.lose();
    for (int i = 0; i != 6; ++i) fail(m, {tls_errc::wrong_host_name, "text"});
    CHECK(m.state() == session_state::suspended);
    CHECK(m.s.info().message == "text");
    while (m.s.next(m.now).what == machine::step::kind::wait) m.now = m.s.next(m.now).until;
    m.attach();
    CHECK(m.state() == session_state::connected);
    CHECK(m.s.info().message.empty());

    m.lose();
    m.now += 12s;    // 4/3 of the timeout
    const auto version = m.s.info().version;
    fail(m, error_code(tls_errc::wrong_host_name));
    CHECK(m.state() == session_state::expired);
    CHECK(m.s.info().version > version);
    fail(m, error_code(tls_errc::wrong_host_name));
    CHECK(m.state() == session_state::auth_failed);
}

TEST_CASE("R51: closing that fails for a refusal ends as closing does") {
    machine m;
    m.read("queued");
    m.s.close(m.now);
    fail(m, error_code(tls_errc::wrong_host_name));
    CHECK(m.s.finished());
    CHECK(m.state() == session_state::auth_failed);
    CHECK(!m.s.close_result());    // there was no session
    CHECK(m.s.info().last_error == tls_errc::wrong_host_name);
    CHECK(m.take_log() == journal{"queued " + error_code(tls_errc::wrong_host_name).message()});
}

TEST_SUITE_END();

TEST_CASE("R51: other servers are a new beginning, also those that have refused before") {
    machine m(with_hosts(2));
    m.read("queued");
    const auto refused = fail(m, {tls_errc::certificate_expired, "first"});
    const auto step = m.s.next(m.now);
    REQUIRE(step.host != refused);
    m.s.connecting(m.now);
    const std::optional<std::size_t> only[] = {refused};
    CHECK(m.s.replace_hosts(only, machine::latest) == client_errc::moving);
    m.s.disconnected(proto::failure(client_errc::moving), m.now, machine::latest);
    CHECK(m.state() == session_state::connecting);
    CHECK(m.take_log().empty());
    fail(m, {tls_errc::certificate_expired, "again"});
    CHECK(m.state() == session_state::auth_failed);
}
