// Part of muster. Boost Software License 1.0, see LICENSE.
//
// SASL: whose turn it is, what comes before and after it, and what a refusal means.
#include "proto_zk/records_admin.hpp"
#include "session_fixture.hpp"

#include <optional>

using namespace muster;
using namespace muster::test;
using zk::sasl_errc;

namespace {

constexpr std::int32_t auth_failed = -115;
constexpr std::int32_t sasl_required = -124;

proto::session_settings with_sasl() {
    auto s = settings_for_tests();
    s.sasl = true;
    return s;
}

struct sasl_machine : machine {
    explicit sasl_machine(const proto::session_settings& settings = with_sasl()) : machine(settings) {}

    /// The one token that is written.
    std::string token() {
        const auto all = sent();
        REQUIRE(all.size() == 1);
        REQUIRE(all.front().is(opcode::sasl));
        xid = all.front().xid;
        return all.front().as<proto::sasl_packet>().token.value_or("null");
    }
    error_code say(std::optional<std::string> token, std::int32_t err = 0) {
        proto::sasl_packet p;
        p.token = std::move(token);
        return feed(err != 0 ? reply_frame(xid, 0, err) : reply_frame(xid, 0, 0, p));
    }
    void prove() {
        CHECK(s.take_challenge() == std::optional<std::string>(""));
        s.respond("hello", false, now);
        CHECK(token() == "hello");
        REQUIRE(!say("who are you?"));
        CHECK(s.take_challenge() == std::optional<std::string>("who are you?"));
        s.respond("me", true, now);
        CHECK(token() == "me");
        REQUIRE(!say(std::nullopt));
    }

    std::int32_t xid = 0;
};

std::string asked(const std::vector<sent_request>& all) {
    std::string out;
    for (const auto& r : all) {
        if (!out.empty()) out += ' ';
        out += r.is(opcode::auth)           ? "auth"
               : r.is(opcode::set_watches2) ? "watches"
               : r.is(opcode::set_watches)  ? "watches"
               : r.is(opcode::get_data)     ? "read"
                                            : "other";
    }
    return out;
}

}    // namespace

TEST_SUITE_BEGIN("session: SASL");

TEST_CASE("R40: nothing is written beside the tokens, which take turns, and the session is there only behind the last") {
    sasl_machine m;
    m.read("a");
    m.attach();
    CHECK(m.s.authenticating());
    CHECK(!m.s.wants_write());    // the mechanism's turn
    CHECK(m.state() != session_state::connected);
    CHECK(m.s.take_challenge() == std::optional<std::string>(""));
    CHECK(!m.s.take_challenge());
    m.s.respond(std::string(), false, m.now);    // an empty token is one
    CHECK(m.token().empty());
    CHECK(!m.s.take_challenge());
    CHECK(!m.say("nonce"));
    CHECK(m.s.take_challenge() == std::optional<std::string>("nonce"));
    m.s.respond("digest", false, m.now);
    CHECK(m.token() == "digest");
    CHECK(!m.say("rspauth"));
    CHECK(m.s.take_challenge() == std::optional<std::string>("rspauth"));
    CHECK(m.state() != session_state::connected);
    m.s.respond(std::nullopt, true, m.now);    // content with it
    CHECK(m.state() == session_state::connected);
    CHECK(m.s.info().id == machine::id);
    CHECK(asked(m.sent()) == "read");
}

TEST_CASE("R40: the server's last word is read, also where the mechanism needs none") {
    sasl_machine m;
    m.read("a");
    m.attach();
    CHECK(m.s.take_challenge().has_value());
    m.s.respond("ticket", true, m.now);
    CHECK(m.token() == "ticket");
    CHECK(m.state() != session_state::connected);
    CHECK(!m.s.wants_write());
    CHECK(!m.say(std::nullopt));
    CHECK(!m.s.take_challenge());
    CHECK(m.state() == session_state::connected);
    const auto all = m.sent();
    CHECK(asked(all) == "read");
    CHECK(all.front().xid == m.xid + 1);    // they share one count
}

TEST_CASE("R40: on each connection the user comes first, then credentials, watches and requests") {
    sasl_machine m;
    m.attach();
    m.prove();
    auto r = m.make("auth", true);
    proto::request_header header;
    header.type = proto::to_wire(opcode::auth);
    proto::auth_packet packet;
    packet.scheme = "digest";
    r->frame = frame_of(header, packet);
    m.s.submit(std::move(r));
    m.read_and_watch("w", proto::watch_kind::data, "/w");
    const auto first = m.sent();
    REQUIRE(asked(first) == "auth read");
    CHECK(!m.reply(proto::xid_auth, 0));
    CHECK(!m.reply(first[1].xid));
    m.lose();
    m.read("a");
    m.attach();
    CHECK(m.state() == session_state::suspended);
    m.prove();
    CHECK(asked(m.sent()) == "auth watches read");
    CHECK(m.s.metrics().resumptions == 1);
}

TEST_CASE("a server that does not take the user is left, and when all have said so it is final") {
    auto settings = with_sasl();
    settings.hosts = 2;
    for (const auto& [err, why] : {std::pair{auth_failed, error_code(server_errc::auth_failed)},
                                   std::pair{sasl_required, error_code(server_errc::session_closed_require_sasl_auth)},
                                   std::pair{0, error_code(sasl_errc::refused)}}) {
        CAPTURE(why.message());
        sasl_machine m(settings);
        m.read("a");
        for (int attempt = 0; attempt != 2; ++attempt) {
            CHECK(m.take_log().empty());
            m.attach();
            CHECK(m.s.take_challenge().has_value());
            m.s.respond("hello", false, m.now);
            CHECK(m.token() == "hello");
            const auto ec = m.say(std::nullopt, err);
            CHECK(ec == why);
            m.s.disconnected({ec, "as me"}, m.now, 0);
        }
        CHECK(m.state() == session_state::auth_failed);
        CHECK(m.s.info().last_error == why);
        CHECK(m.s.info().message == "as me");
        CHECK(m.take_log() == journal{"a " + why.message()});
    }
}

TEST_CASE(
    "a mechanism that is not there is final, one that cannot go on now is asked again, and so is any while there is a session") {
    for (const auto why : {sasl_errc::no_mechanism, sasl_errc::server_untrusted}) {
        sasl_machine m;
        m.attach();
        m.s.disconnected(error_code(why), m.now, 0);
        CHECK(m.state() == session_state::auth_failed);
    }
    sasl_machine later;
    later.attach();
    later.s.disconnected(error_code(sasl_errc::step_failed), later.now, 0);
    CHECK(later.state() != session_state::auth_failed);
    CHECK(later.s.info().last_error == sasl_errc::step_failed);

    sasl_machine known;
    known.attach();
    known.prove();
    known.lose();
    known.attach();
    known.s.disconnected(error_code(server_errc::auth_failed), known.now, 0);
    CHECK(known.state() == session_state::suspended);
    known.now += 1s;
    known.attach();
    known.prove();
    CHECK(known.state() == session_state::connected);
    CHECK(known.s.info().generation == 1);
}

TEST_CASE("what a server says out of turn costs the connection") {
    sasl_machine m;
    m.attach();
    CHECK(m.say("first") == protocol_errc::unexpected_reply);
    m.lose();
    m.now += 10s;
    m.attach();
    m.s.respond("hello", false, m.now);
    CHECK(m.token() == "hello");
    ++m.xid;
    CHECK(m.say("other") == protocol_errc::xid_out_of_order);
    m.lose();
    m.now += 10s;
    m.attach();
    m.s.respond("hello", false, m.now);
    CHECK(m.token() == "hello");
    CHECK(m.feed(reply_frame(m.xid, 0, 0)) == protocol_errc::truncated);
}

TEST_CASE("an answer to what is no longer asked changes nothing") {
    sasl_machine m;
    m.attach();
    CHECK(m.s.take_challenge().has_value());
    m.lose();
    m.s.respond("late", false, m.now);
    CHECK(!m.s.wants_write());
    m.now += 10s;
    m.open();
    CHECK(m.greeting().session_id == 0);
    m.s.respond("late", true, m.now);
    CHECK(!m.s.wants_write());
}

TEST_CASE("the exchange takes no longer than the attempt may") {
    sasl_machine m;
    m.attach();
    const auto begun = m.now;
    CHECK(m.next_deadline() == client_errc::timed_out);
    CHECK(m.now - begun == 3s);
}

TEST_CASE("a session that expires meanwhile by the own clock is not brought back") {
    auto settings = with_sasl();
    settings.connect_timeout = 60s;
    sasl_machine m(settings);
    m.attach();
    m.prove();
    m.lose();
    m.attach();    // which the server confirms: it counts anew
    const auto resumed = m.now;
    CHECK(m.next_deadline() == client_errc::session_expired);
    CHECK(m.now - resumed == 12s);
    CHECK(m.state() == session_state::expired);
}

TEST_CASE("closing while the user is proven: at once without a session, else behind the proof") {
    sasl_machine fresh;
    fresh.attach();
    fresh.s.close(fresh.now);
    CHECK(fresh.s.finished());

    sasl_machine m;
    m.attach();
    m.prove();
    m.lose();
    m.attach();
    m.s.close(m.now);
    CHECK(!m.s.finished());
    m.prove();
    const auto all = m.sent();
    REQUIRE(all.size() == 1);
    CHECK(all.front().is(opcode::close_session));
}

TEST_CASE("a server that insists on SASL, asked without: final, and said once") {
    machine m;
    m.attach();
    m.write("a");
    m.read("b");
    const auto all = m.sent();
    const auto why = error_code(server_errc::session_closed_require_sasl_auth);
    CHECK(m.reply(all.front().xid, 0, sasl_required) == why);
    CHECK(m.state() == session_state::auth_failed);
    CHECK(m.s.info().last_error == why);
    CHECK(m.take_log() == journal{"a " + why.message(), "b " + lost});
    m.read("c");
    CHECK(m.take_log() == journal{"c " + why.message()});
}

TEST_SUITE_END();
