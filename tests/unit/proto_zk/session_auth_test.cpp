// Part of muster. Boost Software License 1.0, see LICENSE.
//
// Credentials: when they are shown, and what a refusal means. And what servers do not know.
#include "credentials_fixture.hpp"

using namespace muster;
using namespace muster::test;

namespace {

constexpr std::int32_t auth_failed = -115;
constexpr std::int32_t unimplemented = -6;

std::unique_ptr<probe> asking(machine& m, const std::string& name, opcode type) {
    auto r = m.make(name, type != opcode::create_ttl);
    proto::request_header header;
    header.type = proto::to_wire(type);
    r->frame = frame_of(header);
    return r;
}

const std::string refused = error_code(server_errc::auth_failed).message();
const std::string unknown = error_code(server_errc::unimplemented).message();

}    // namespace

TEST_SUITE_BEGIN("session: credentials");

TEST_CASE("credentials are answered past other requests") {
    machine m;
    m.attach();
    m.read("a");
    authenticate(m, "auth", "me:secret");
    m.read("b");
    const auto sent = m.sent();
    REQUIRE(sent.size() == 3);
    CHECK(sent[0].xid == 1);
    CHECK(shown(sent[1]) == "me:secret");
    CHECK(sent[2].xid == 2);
    CHECK(!m.reply(proto::xid_auth, 0));
    CHECK(!m.reply(1));
    CHECK(!m.reply(2));
    CHECK(m.take_log() == lines({"auth ok", "a ok", "b ok"}));
    CHECK(m.reply(proto::xid_auth, 0) == protocol_errc::unexpected_reply);
}

TEST_CASE("replies to credentials count as others do, with the time that they took") {
    machine m;
    m.attach();
    authenticate(m, "auth", "me:secret");
    m.sent();
    m.now += 250us;
    CHECK(!m.reply(proto::xid_auth, 0));
    CHECK(m.s.metrics().replies_received == 1);
    CHECK(m.s.latency().read().count() == 1);
    CHECK(m.s.latency().read().quantile(1) >= 250us);
}

TEST_CASE("R50: credentials are shown again on every connection, before the watches, also to a new session") {
    machine m;
    m.attach();
    authenticate(m, "one", "one:1");
    authenticate(m, "two", "two:2");
    authenticate(m, "again", "one:1");
    CHECK(m.sent().size() == 3);
    for (int i = 0; i < 3; ++i) CHECK(!m.reply(proto::xid_auth, 0));
    m.read_and_watch("r", proto::watch_kind::data, "/a");
    CHECK(m.sent().size() == 1);
    CHECK(!m.reply(1));
    m.lose();
    m.read("later");
    m.attach();
    auto sent = m.sent();
    REQUIRE(sent.size() == 4);
    CHECK(shown(sent[0]) == "one:1");
    CHECK(shown(sent[1]) == "two:2");
    CHECK(sent[2].is(opcode::set_watches));
    CHECK(sent[3].is(opcode::get_data));
    CHECK(!m.reply(proto::xid_auth, 0));
    CHECK(!m.reply(proto::xid_auth, 0));
    m.lose();
    m.attach(0x99);    // the session was replaced
    sent = m.sent();
    REQUIRE(sent.size() >= 2);
    CHECK(shown(sent[0]) == "one:1");
    CHECK(shown(sent[1]) == "two:2");
}

TEST_CASE("R50: credentials whose answer was lost, and those that were not sent yet, come before the watches, too") {
    machine m;
    m.attach();
    m.s.watches().add(proto::watch_kind::data, "/a", std::make_shared<recorder>(m.log, "w"));
    authenticate(m, "sent", "one:1");
    CHECK(m.sent().size() == 1);
    m.lose();
    m.read("r");
    authenticate(m, "unsent", "two:2");
    m.attach();
    const auto sent = m.sent();
    REQUIRE(sent.size() == 4);
    CHECK(shown(sent[0]) == "one:1");
    CHECK(shown(sent[1]) == "two:2");
    CHECK(sent[2].is(opcode::set_watches));
    CHECK(m.take_log().empty());
    CHECK(!m.reply(proto::xid_auth, 0));
    CHECK(!m.reply(proto::xid_auth, 0));
    CHECK(m.take_log() == lines({"sent ok", "unsent ok"}));
}

TEST_CASE("R50: refused credentials are the end, told once") {
    machine m;
    m.attach();
    m.s.watches().add(proto::watch_kind::data, "/a", std::make_shared<recorder>(m.log, "watch"));
    authenticate(m, "auth", "me:wrong");
    m.write("written");
    CHECK(m.sent().size() == 2);
    m.read("queued");
    const auto version = m.s.info().version;
    CHECK(m.reply(proto::xid_auth, 0, auth_failed) == server_errc::auth_failed);
    CHECK(m.state() == session_state::auth_failed);
    CHECK(m.s.finished());
    CHECK(m.s.close_result() == client_errc::close_timed_out);    // its session is left to expire
    CHECK(m.s.info().last_error == server_errc::auth_failed);
    CHECK(m.s.info().version > version);
    m.s.disconnected(machine::asio_eof(), m.now, 0);
    m.read("later");
    CHECK(m.take_log() ==
          journal{"auth " + refused, "written " + lost, "queued " + refused, "watch ended: " + refused, "later " + refused});
    CHECK(m.s.next(m.now).what == machine::step::kind::finished);
    CHECK(m.s.info().last_error == server_errc::auth_failed);
}

TEST_CASE("R50: credentials that another server refuses later are the end, too") {
    machine m;
    m.attach();
    authenticate(m, "auth", "me:1");
    CHECK(m.sent().size() == 1);
    CHECK(!m.reply(proto::xid_auth, 0));
    m.lose();
    m.attach();
    CHECK(m.sent().size() == 1);
    CHECK(m.reply(proto::xid_auth, 0, auth_failed) == server_errc::auth_failed);
    CHECK(m.state() == session_state::auth_failed);
}

TEST_CASE("credentials whose caller gave up: unsent ones are withdrawn, sent ones count") {
    machine m;
    m.attach();
    m.s.cancel(authenticate(m, "unsent", "one:1"), client_errc::timed_out);
    const auto sent_id = authenticate(m, "sent", "two:2");
    CHECK(m.sent().size() == 1);
    m.s.cancel(sent_id, client_errc::timed_out);
    const std::string gave_up = error_code(client_errc::timed_out).message();
    CHECK(m.take_log() == journal{"unsent " + gave_up, "sent " + gave_up});
    CHECK(!m.reply(proto::xid_auth, 0));
    m.lose();
    m.attach();
    const auto sent = m.sent();
    REQUIRE(sent.size() == 1);
    CHECK(shown(sent[0]) == "two:2");
}

TEST_CASE("another error than a refusal is the result, and no end") {
    machine m;
    m.attach();
    authenticate(m, "auth", "me:1");
    CHECK(m.sent().size() == 1);
    CHECK(!m.reply(proto::xid_auth, 0, -127));
    CHECK(m.take_log() == journal{"auth " + error_code(server_errc::throttled).message()});
    CHECK(m.state() == session_state::connected);
    m.lose();
    m.attach();
    CHECK(m.sent().empty());
}

TEST_SUITE_END();

TEST_SUITE_BEGIN("session: what servers do not know");

TEST_CASE("a server that closes over a request is not asked again, for an hour") {
    machine m;
    m.attach();
    m.s.submit(asking(m, "first", opcode::who_am_i));
    CHECK(m.sent().size() == 1);
    CHECK(!m.reply(1, -1, unimplemented));
    m.lose();
    m.now += 1s;
    m.attach();
    m.s.submit(asking(m, "second", opcode::who_am_i));
    m.read("other");
    const auto sent = m.sent();
    REQUIRE(sent.size() == 1);
    CHECK(sent[0].is(opcode::get_data));
    CHECK(m.take_log() == journal{"first " + unknown, "second " + unknown});
    CHECK(!m.reply(sent[0].xid));
    m.lose();
    m.now += 1h;
    m.s.next(m.now);
    m.attach(0x99);
    m.s.submit(asking(m, "third", opcode::who_am_i));
    const auto later = m.sent();
    REQUIRE(later.size() == 1);
    CHECK(later[0].is(opcode::who_am_i));
}

TEST_CASE("what one server does not know another one is asked") {
    auto settings = settings_for_tests();
    settings.hosts = 2;
    machine m(settings);
    const auto first = m.s.next(m.now).host;
    m.attach();
    m.s.submit(asking(m, "first", opcode::add_watch));
    CHECK(m.sent().size() == 1);
    m.now += 1s;
    CHECK(!m.feed(reply_frame(1, -1, unimplemented)));
    m.lose();
    REQUIRE(m.s.next(m.now).host != first);
    m.attach();
    m.s.submit(asking(m, "second", opcode::add_watch));
    CHECK(m.sent().size() == 1);
    m.now += 1s;
    m.lose();
    REQUIRE(m.s.next(m.now).host == first);
    m.attach();    // where it is sent again, since it is repeatable: it need not be
    CHECK(m.sent().empty());
    CHECK(m.take_log() == journal{"first " + unknown, "second " + unknown});
}

TEST_CASE("a server that says so and stays is asked again") {
    for (const bool at_once : {false, true}) {
        machine m;
        m.attach();
        m.s.submit(asking(m, "first", opcode::create_ttl));
        CHECK(m.sent().size() == 1);
        CHECK(!m.reply(1, 1, unimplemented));
        if (at_once) {    // it goes on to serve
            m.read("other");
            CHECK(m.sent().size() == 1);
            CHECK(!m.reply(2));
        } else {
            m.now += 2s;
        }
        m.lose();
        m.attach();
        m.s.submit(asking(m, "second", opcode::create_ttl));
        CHECK(m.sent().size() == 1);
    }
}

TEST_SUITE_END();
