// Part of muster. Boost Software License 1.0, see LICENSE.
//
// Servers that are behind what the client has seen close the connection without a word.
#include "session_fixture.hpp"

#include <muster/zk/log.hpp>

#include <vector>

using namespace muster;
using namespace muster::test;
using zk::log_event;

TEST_SUITE_BEGIN("session: servers that are behind");

namespace {

constexpr std::int64_t seen = 0x500000007;

proto::session_settings three_servers() {
    auto s = settings_for_tests();
    s.hosts = 3;
    s.log = zk::log_level::error;
    return s;
}

/// A session that has seen `seen`, and has lost its connection.
struct ahead : machine {
    explicit ahead(bool reads = true) : machine(three_servers()) {
        attach();
        now += 1s;
        if (reads) {
            read("a");
            CHECK(sent().size() == 1);
            CHECK(!reply(1, seen));
        }
        lose();
    }

    /// The next server takes the connect request, says something, or nothing, and closes. It may have other addresses, which
    /// come in later rounds.
    void attempt(std::string_view said = "", bool ask = true, bool untried = false) {
        const auto st = s.next(now);
        if (st.what == step::kind::wait) now = st.until;
        open();
        if (ask) {
            const auto asked = greeting();
            CHECK((asked.last_zxid_seen == seen || asked.session_id == 0 || s.metrics().replies_received == 0));
        }
        if (!said.empty()) CHECK(!feed(said));
        s.disconnected({asio_eof(), {}, untried}, now, 0);
    }

    std::vector<proto::note> told() { return s.told().take(); }
};

}    // namespace

TEST_CASE("R29: when all are behind, that is told and counted: once per round, not per attempt") {
    ahead m;
    for (std::uint64_t round = 1; round != 4; ++round) {
        m.attempt();
        m.attempt();
        CHECK(m.told().empty());
        m.attempt();
        const auto told = m.told();
        REQUIRE(told.size() == 1);
        CHECK(told[0].event == log_event::servers_behind);
        CHECK(told[0].level == zk::log_level::error);
        CHECK(told[0].count == static_cast<std::uint64_t>(seen));
        CHECK(told[0].session == machine::id);
        CHECK(!told[0].host);    // it is about all of them
        CHECK(m.s.metrics().rounds_behind == round);
    }
    CHECK(m.s.info().id == machine::id);    // nobody has said that it has expired
    CHECK(m.attach().session_id == machine::id);
}

TEST_CASE("R29: a server has said nothing once none of its addresses has") {
    ahead m;
    for (int addresses = 3; addresses != 0; --addresses) {
        m.attempt();
        m.attempt();
        CHECK(m.told().empty());
        m.attempt("", true, addresses != 1);
    }
    CHECK(m.told().size() == 1);
    CHECK(m.s.metrics().rounds_behind == 1);
}

TEST_CASE("R29: it is not told where one server of the round has another reason") {
    ahead m;
    const auto round_with = [&](auto other) {
        m.attempt();
        other();
        m.attempt();
        CHECK(m.told().empty());
    };
    SUBCASE("it could not be asked") {
        round_with([&] { m.attempt("", false); });
    }
    SUBCASE("it has begun to answer") {
        round_with([&] { m.attempt(handshake_frame(machine::id, 9s).substr(0, 10)); });
    }
    SUBCASE("it is silent, and does not close") {
        round_with([&] {
            m.open();
            m.greeting();
            m.now += 3s;
            const auto ec = m.s.tick(m.now);
            CHECK(ec == client_errc::timed_out);
            m.s.disconnected(ec, m.now, 0);
        });
    }
    SUBCASE("it takes the session") {
        round_with([&] {
            m.attach();
            m.lose();
        });
    }
    CHECK(m.s.metrics().rounds_behind == 0);
    m.attempt();
    m.attempt();
    m.attempt();
    CHECK(m.s.metrics().rounds_behind == 1);
}

TEST_CASE("R29: who has seen nothing is behind nobody: servers that close then do not serve") {
    ahead m(false);
    for (int i = 0; i != 9; ++i) m.attempt();
    CHECK(m.told().empty());
    CHECK(m.s.metrics().rounds_behind == 0);
}

TEST_CASE("R29: the expiry by the own clock ends it: the next session asks for nothing that was seen") {
    ahead m;
    while (m.s.info().id != 0) {
        m.attempt();
        m.now += 100ms;
    }
    const auto rounds = m.s.metrics().rounds_behind;
    CHECK(rounds > 0);
    for (int i = 0; i != 9; ++i) m.attempt();
    CHECK(m.s.metrics().rounds_behind == rounds);
    const auto asked = m.attach(0x99);
    CHECK(asked.last_zxid_seen == 0);
    CHECK(asked.session_id == 0);
}

TEST_CASE("R29: other servers begin another round") {
    ahead m;
    m.attempt();
    m.attempt();
    const std::optional<std::size_t> former[] = {0, 1};
    CHECK(!m.s.replace_hosts(former, 0));
    m.attempt();
    CHECK(m.told().empty());
    m.attempt();
    CHECK(m.told().size() == 1);
}

TEST_SUITE_END();
